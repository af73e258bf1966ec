"""Rows of a table or of a JSON list as pairs of an input and an output, whatever their columns are called.

{"input": "…", "output": …}                                   the columns that `prepare.columns` names
{"name": "X200", "price": "12 €", "html": "<div>…"}           an object of the columns that are named like fields
{"instruction": "Translate.", "input": "No.", "output": "…"}  Alpaca
{"messages": [{"role": "user", "content": "…"}, …]}           chat
{"conversations": [{"from": "human", "value": "…"}, …]}       ShareGPT; datasets mix these names, so each is taken anywhere

Every answer of a conversation is a pair of its own; its input holds the turns before it, as text, because the model is
asked for one answer at a time.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stages.documents import Row
from stages.examples import Example
from stages.params import Columns, Prepare

JSON_MIMES = ("application/json", "application/jsonl")
TABLE_MIMES = ("text/csv", "text/tab-separated-values")
DELIMITERS = ",;\t"  # spreadsheets write ; where the comma is a decimal point
TURN = re.compile(r"^(User|Assistant)(?=:)", re.MULTILINE)
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
    return document["mime"] in JSON_MIMES or _delimiter(document, columns) is not None


def _delimiter(document: Row, columns: Columns) -> str | None:
    """What stands between the cells of a table: that by which its head has an input column; None if none does."""
    if document["mime"] not in TABLE_MIMES:
        return None
    heads = ((one, next(csv.reader(io.StringIO(document["text"]), delimiter=one), [])) for one in DELIMITERS)
    return next((one for one, head in heads if not {*columns.input, "instruction"}.isdisjoint(head)), None)


def pairs(document: Row, section: Prepare) -> Iterator[Pair | Rejected]:
    """The pairs of a document that is a list of rows, and the rows that are none."""
    if not is_table(document, section.columns):
        return
    rows = list(_rows(document, section.columns))
    turns = [_turns(row, section) for row in rows]
    objects = document["doc_type"] == "product" or _mostly_objects(turns)
    for index, (row, found) in enumerate(zip(rows, turns, strict=True)):
        if isinstance(found, tuple):
            yield Rejected(document["source_uri"], index, *found)
            continue
        for turn, (input_, output) in enumerate(found):
            place = str(index) if turn == 0 else f"{index}.{turn}"
            fault = _fault(input_, output, objects)
            yield Rejected(document["source_uri"], index, *fault) if fault else Pair(place, input_, output, row)


def _mostly_objects(turns: list[list[tuple[Any, Any]] | Fault]) -> bool:
    outputs = [output for found in turns if isinstance(found, list) for _, output in found if output]
    return sum(isinstance(output, dict) for output in outputs) > len(outputs) / 2


def _rows(document: Row, columns: Columns) -> Iterator[Any]:
    delimiter = _delimiter(document, columns)
    if delimiter:
        yield from csv.DictReader(io.StringIO(document["text"]), delimiter=delimiter)
    else:
        yield from json.loads(document["text"])


def _turns(row: Any, section: Prepare) -> list[tuple[Any, Any]] | Fault:
    """Input and output of every turn of a row, or why it has none."""
    if isinstance(row, dict):
        for key in ("messages", "conversations"):
            if isinstance(row.get(key), list):
                found = _conversation(row[key])
                return found if isinstance(found, tuple) else [(asked, _output(text, section)) for asked, text in found]
        if isinstance(row.get("instruction"), str) and isinstance(row.get("input") or "", str):
            asked = "\n\n".join(text for text in (row["instruction"], row.get("input")) if text)
            return [(asked, _output(row.get("output"), section))]
        input_, output = _first(row, section.columns.input), _first(row, section.columns.output)
        if isinstance(input_, str):
            named = {field: row[field] for field in section.fields if row.get(field) not in (None, "")}
            return [(input_, named if output is None and named else _output(output, section))]
    return "no_input", 'a pair is {"input": text, "output": object or text}'


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The value of the first of these names that has one: a row of a Parquet file has every key, null where absent."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def _conversation(messages: list[Any]) -> list[tuple[str, str | None]] | Fault:
    """A pair for every answer: the system message, the turns before it, the question; and the answer.

    A question at the end has None for its answer. What looks like a turn inside a message is broken by a space.
    """
    found: list[tuple[str, str | None]] = []
    system: list[str] = []
    told: list[str] = []
    asked: list[str] = []
    for message in messages:
        speaker = ROLES.get(str(_first(message, ("role", "from")))) if isinstance(message, dict) else None
        text = _text(_first(message, ("content", "value"))) if speaker else None
        if text is None or (speaker == "assistant" and not asked):
            return (
                "bad_message",
                f"{json.dumps(message, ensure_ascii=False)[:60]}; it must be a text of user or assistant, in turn",
            )
        shown = TURN.sub(r"\1 ", text)
        if speaker == "assistant":
            question = "\n\n".join(asked)
            found.append(("\n\n".join([*system, *told, f"User: {question}" if told else question]), text))
            told += [f"User: {question}", f"Assistant: {shown}"]
            asked = []
        else:
            (system if speaker == "system" else asked).append(shown)
    if not found:
        return "no_output", "a conversation without an answer"
    return [*found, ("\n\n".join(asked), None)] if asked else found


def _text(content: Any) -> str | None:
    """The text of a message; parts of type text are joined, anything else (an image) is none."""
    if isinstance(content, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in content):
        return "\n".join(part["text"] for part in content)
    return content if isinstance(content, str) else None


def _output(output: Any, section: Prepare) -> Any:
    """An output; of a text that spells a JSON object of fields of the schema, that object."""
    if not isinstance(output, str) or not output.lstrip().startswith("{"):
        return output
    try:
        found = json.loads(output)
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no text that can be written
    except (ValueError, RecursionError):
        return output
    return found if isinstance(found, dict) and found and set(found) <= set(section.fields) else output


def _fault(input_: str, output: Any, objects: bool) -> Fault | None:
    """Why an input and an output are no pair; None if they are one."""
    if not isinstance(output, dict | str) or not output or (isinstance(output, str) and not output.strip()):
        return "no_output", f"output is {json.dumps(output)[:40]}; it must be an object or a text, not empty"
    if isinstance(output, str) and objects:
        shown = json.dumps(output, ensure_ascii=False)[:40]
        return "not_json", f"output is {shown}; of a product, and among objects, it must be a JSON object of prepare.fields"
    if not input_.strip():
        return "empty_input", "nothing is left of the input after cleaning"
    return None


def example(document: Row, task: str, place: str, input_: str, output: Any, row: Row, group_by: str) -> Example:
    """An example; its group is the row's own column, or the document."""
    group = row.get(group_by)
    return Example(
        example_id=f"{document['doc_id']}-{task}-{place}",
        task=task,
        doc_ids=[document["doc_id"]],
        group=str(document["doc_id"] if group in (None, "") else group),
        language=str(row.get("language") or document["language"]),
        input=input_,
        output=output,
    )
