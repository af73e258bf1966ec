"""Documents to examples, one function a task: each takes a clean document and yields examples or rejections.

extract    pairs whose output is an object                        -> product text, object
faq        "## Question?" sections, and pairs whose output is text -> question, answer
continue   technical and narrative text, in pieces                -> "", text
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stages.documents import Row
from stages.examples import Example
from stages.params import Prepare

PAIR_MIMES = ("application/json", "application/jsonl")


@dataclass(frozen=True)
class Rejected:
    """An item that is no example, with its place in its document and the reason."""

    source_uri: str
    index: int
    reason: str
    detail: str


def extract(document: Row, section: Prepare) -> Iterator[Example | Rejected]:
    """Pairs of a page's text and the object to extract from it; what the page does not state is null.

    With the key left out instead, a small model must decide on absence one word before it looks for the value.
    """
    for index, item in _pairs(document):
        fault = _pair_fault(item, section.fields)
        if fault:
            yield Rejected(document["source_uri"], index, *fault)
        elif isinstance(item["output"], dict):
            output = {field: item["output"].get(field) for field in section.fields}
            yield _example(document, "extract", index, item["input"], output, item, section.group_by)


def faq(document: Row, section: Prepare) -> Iterator[Example | Rejected]:
    """Questions and answers, from FAQ pages in the sanitizer's uniform form or from pairs of two texts."""
    if document["mime"] in PAIR_MIMES:
        for index, item in _pairs(document):
            if not _pair_fault(item, section.fields) and isinstance(item["output"], str):
                yield _example(document, "faq", index, item["input"], item["output"], item, section.group_by)
    elif document["doc_type"] == "faq":
        for index, part in enumerate(re.split(r"^## ", document["text"], flags=re.MULTILINE)[1:]):
            question, _, answer = part.partition("\n")
            if answer.strip():
                yield _example(document, "faq", index, question.strip(), answer.strip(), {}, section.group_by)


def continue_(document: Row, section: Prepare) -> Iterator[Example | Rejected]:
    """The text itself, in pieces that end at paragraph ends, for continued pretraining."""
    if document["doc_type"] in ("technical", "narrative"):
        for index, piece in enumerate(pieces(document["text"], section.chunk_characters)):
            yield _example(document, "continue", index, "", piece, {}, section.group_by)


TASKS: dict[str, Callable[[Row, Prepare], Iterator[Example | Rejected]]] = {
    "extract": extract, "faq": faq, "continue": continue_,
}  # fmt: skip


def pieces(text: str, limit: int) -> list[str]:
    """Cut a text at paragraph ends into pieces of at most `limit` characters; a longer paragraph stays whole."""
    found: list[str] = []
    for paragraph in re.split(r"\n{2,}", text.strip()):
        if found and len(found[-1]) + 2 + len(paragraph) <= limit:
            found[-1] += "\n\n" + paragraph
        else:
            found.append(paragraph)
    return found


def _pairs(document: Row) -> Iterator[tuple[int, Any]]:
    if document["mime"] in PAIR_MIMES:
        yield from enumerate(json.loads(document["text"]))


def _pair_fault(item: Any, fields: list[str]) -> tuple[str, str] | None:
    """Why an item is no pair, as reason and detail; None if it is one."""
    if not isinstance(item, dict) or not isinstance(item.get("input"), str):
        return "no_input", 'a pair is {"input": text, "output": object or text}'
    output = item.get("output")
    if not isinstance(output, dict | str) or not output or (isinstance(output, str) and not output.strip()):
        return "no_output", f"output is {json.dumps(output)[:40]}; it must be an object or a text, not empty"
    if not item["input"].strip():
        return "empty_input", "nothing is left of the input after cleaning"
    for field, value in output.items() if isinstance(output, dict) else []:
        if field not in fields:
            return "unknown_field", f"{field!r} is not in prepare.fields ({', '.join(fields)})"
        if not isinstance(value, str) or not value.strip():
            return "bad_value", f"{field} = {json.dumps(value)[:40]}; it must be a text, or the key absent"
    return None


def _example(document: Row, task: str, index: int, input_: str, output: Any, item: Row, group_by: str) -> Example:
    """An example; its group is the item's own column, or the document."""
    return Example(
        example_id=f"{document['doc_id']}-{task}-{index}",
        task=task,
        doc_ids=[document["doc_id"]],
        group=str(item.get(group_by) or document["doc_id"]),
        language=str(item.get("language") or document["language"]),
        input=input_,
        output=output,
    )
