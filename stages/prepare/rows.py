"""Rows of a table or of a JSON list as pairs of an input and an output, whatever their columns are called.

{"input": "…", "output": …}                                   the columns that `prepare.columns` names
{"name": "X200", "price": "12 €", "html": "<div>…"}           an object of the columns that are named like fields
{"instruction": "Translate.", "input": "No.", "output": "…"}  Alpaca
{"messages": [{"role": "user", "content": "…"}, …]}           chat
{"conversations": [{"from": "human", "value": "…"}, …]}       ShareGPT

Every answer of a conversation is a pair of its own; its input holds the turns before it, as text, because the model is
asked for one answer at a time.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stages.documents import Row
from stages.examples import Example
from stages.params import Columns, Prepare

JSON_MIMES = ("application/json", "application/jsonl")
TABLE_MIMES = {"text/csv": ",", "text/tab-separated-values": "\t"}
ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant",
}  # fmt: skip
Fault = tuple[str, str]  # reason and detail
csv.field_size_limit(2**31 - 1)  # a cell may hold a whole page


@dataclass(frozen=True)
class Rejected:
    """An item that is no example, with its place in its document and the reason."""

    source_uri: str
    index: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Pair:
    """One input and its output, an object or a text; `place` is the row, and in a conversation the turn (`3.1`)."""

    place: str
    input: str
    output: Any
    row: Row

    @property
    def index(self) -> int:
        """The row's place in its document."""
        return int(self.place.split(".")[0])


def is_table(document: Row, columns: Columns) -> bool:
    """Whether a document is a list of rows; a CSV file without an input column is a text like others."""
    if document["mime"] in JSON_MIMES:
        return True
    delimiter = TABLE_MIMES.get(document["mime"])
    head = next(csv.reader(io.StringIO(document["text"]), delimiter=delimiter), []) if delimiter else []
    return bool(set(head) & {*columns.input, "instruction"})


def pairs(document: Row, section: Prepare) -> Iterator[Pair | Rejected]:
    """The pairs of a document that is a list of rows, and the rows that are none."""
    if not is_table(document, section.columns):
        return
    for index, row in enumerate(_rows(document)):
        found = _turns(row, section)
        if isinstance(found, tuple):
            yield Rejected(document["source_uri"], index, *found)
            continue
        for turn, (input_, output) in enumerate(found):
            place = str(index) if turn == 0 else f"{index}.{turn}"
            output = _object(output, section) or output
            fault = _fault(input_, output, document["doc_type"])
            yield Rejected(document["source_uri"], index, *fault) if fault else Pair(place, input_, output, row)


def _rows(document: Row) -> Iterator[Any]:
    delimiter = TABLE_MIMES.get(document["mime"])
    if delimiter:
        yield from csv.DictReader(io.StringIO(document["text"]), delimiter=delimiter)
    else:
        yield from json.loads(document["text"])


def _turns(row: Any, section: Prepare) -> list[tuple[Any, Any]] | Fault:
    """Input and output of every turn of a row, or why it has none."""
    if isinstance(row, dict):
        for key, role, content in (("messages", "role", "content"), ("conversations", "from", "value")):
            if isinstance(row.get(key), list):
                return _conversation(row[key], role, content)
        if isinstance(row.get("instruction"), str):
            return [("\n\n".join(text for text in (row["instruction"], row.get("input")) if text), row.get("output"))]
        input_ = next((row[name] for name in section.columns.input if row.get(name) is not None), None)
        output = next((row[name] for name in section.columns.output if row.get(name) is not None), None)
        if isinstance(input_, str):
            named = {field: row[field] for field in section.fields if row.get(field) not in (None, "")}
            return [(input_, named if output is None and named else output)]
    return "no_input", 'a pair is {"input": text, "output": object or text}'


def _conversation(messages: list[Any], role: str, content: str) -> list[tuple[Any, Any]] | Fault:
    """A pair for every answer: the system message, the turns before it, the question; and the answer."""
    found: list[tuple[Any, Any]] = []
    system: list[str] = []
    told: list[str] = []
    asked: list[str] = []
    for message in messages:
        speaker = ROLES.get(str(message.get(role))) if isinstance(message, dict) else None
        text = _text(message.get(content)) if speaker else None
        if text is None or (speaker == "assistant" and not asked):
            return (
                "bad_message",
                f"{json.dumps(message, ensure_ascii=False)[:60]}; it must be a text of user or assistant, in turn",
            )
        if speaker == "assistant":
            question = "\n\n".join(asked)
            found.append(("\n\n".join([*system, *told, f"User: {question}" if told else question]), text))
            told += [f"User: {question}", f"Assistant: {text}"]
            asked = []
        else:
            (system if speaker == "system" else asked).append(text)
    return found or ("no_output", "a conversation without an answer")


def _text(content: Any) -> str | None:
    """The text of a message; parts of type text are joined, anything else (an image) is none."""
    if isinstance(content, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in content):
        return "\n".join(part["text"] for part in content)
    return content if isinstance(content, str) else None


def _object(output: Any, section: Prepare) -> Any:
    """The object that a text spells as JSON, if it holds only fields of the schema; else None."""
    if not isinstance(output, str) or not output.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and set(found) <= set(section.fields) else None


def _fault(input_: str, output: Any, doc_type: str) -> Fault | None:
    """Why an input and an output are no pair; None if they are one."""
    if not isinstance(output, dict | str) or not output or (isinstance(output, str) and not output.strip()):
        return "no_output", f"output is {json.dumps(output)[:40]}; it must be an object or a text, not empty"
    if isinstance(output, str) and doc_type == "product":
        shown = json.dumps(output, ensure_ascii=False)[:40]
        return "not_json", f"output is {shown}; of a product it must be a JSON object of prepare.fields"
    if not input_.strip():
        return "empty_input", "nothing is left of the input after cleaning"
    return None


def example(document: Row, task: str, place: str, input_: str, output: Any, row: Row, group_by: str) -> Example:
    """An example; its group is the row's own column, or the document."""
    return Example(
        example_id=f"{document['doc_id']}-{task}-{place}",
        task=task,
        doc_ids=[document["doc_id"]],
        group=str(row.get(group_by) or document["doc_id"]),
        language=str(row.get("language") or document["language"]),
        input=input_,
        output=output,
    )
