r"""A list of input/output pairs, the guide's dataset form, cleaned item by item.

    [{"input": "<div>…", "output": {"name": "X200"}, "layout": "card"}]  ->  the same JSON, inputs as product text
    input,output\n<div>…,"{""name"": ""X200""}"                          ->  the JSON of its rows

An item that is no pair, and a line that is no JSON, is left as it is: `prepare` rejects it by its index.
"""

import csv
import io
import json
from typing import Any

from stages.documents import fold_space
from stages.sanitize.product import product_text
from stages.sanitize.records import Unreadable

TABLES = {"text/csv": ",;", "text/tab-separated-values": "\t"}  # what parts cells; `;` where a comma is in numbers
PAIR = {"input", "output"}  # columns, however they are capitalised
csv.field_size_limit(2**31 - 1)  # a cell may hold a whole page


def clean_pairs(text: str, lines: bool) -> str:
    """Clean every pair of a JSON list, or of JSON lines.

    Raises:
        Unreadable: the text is not JSON, or not a list; of JSON lines, none is.
    """
    items = _lines(text) if lines else _parse(text, "")
    if not isinstance(items, list):
        raise Unreadable(f"a list of pairs was expected, not a JSON {type(items).__name__}")
    return _written(items)


def _lines(text: str) -> list[Any]:
    """The values of JSON lines; a line that is broken is a text."""
    items: list[Any] = []
    failed: list[Unreadable] = []
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                items.append(_parse(line, f"line {n}: "))
            except Unreadable as error:
                items.append(line)
                failed.append(error)
    if items and len(failed) == len(items):
        raise failed[0]
    return items


def clean_rows(text: str, delimiters: str) -> str | None:
    """Clean every row of a table as a pair; None where it has no columns `input` and `output`.

    Of several delimiters, that counts which the first line has most often.
    """
    delimiter = max(delimiters, key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows.fieldnames = [folded if (folded := name.strip().lower()) in PAIR else name for name in rows.fieldnames or ()]
    if not set(rows.fieldnames) >= PAIR:
        return None
    return _written([{**{str(key): cell for key, cell in row.items()}, "output": _object(row["output"])} for row in rows])


def _written(items: list[Any]) -> str:
    text = json.dumps([_clean(item) for item in items], ensure_ascii=False, indent=1)
    return text.encode("utf-8", "replace").decode("utf-8") + "\n"


def _object(cell: str | None) -> Any:
    """A cell can hold an object only as text."""
    if cell is None or not cell.lstrip().startswith("{"):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unreadable(f"not JSON: {where}{error}") from error
    except RecursionError as error:
        raise Unreadable(f"not JSON: {where}nested too deeply") from error


def _clean(item: Any) -> Any:
    if not isinstance(item, dict) or not isinstance(item.get("input"), str):
        return item
    clean = product_text if isinstance(item.get("output"), dict) else fold_space
    return {**item, "input": clean(item["input"])}
