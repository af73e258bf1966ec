"""The rows of tables and datasets as entries: a row is a document.

- kind: table     path: faq/*.csv          columns: {text: body, title: headline, id: number}
- kind: table     path: pairs.jsonl        columns: {input: page, output: object}
- kind: dataset   path: owner/name  …      columns: {content: image, caption: caption}

text       a column of text: the document is that text
content    a column of bytes, or of images and files as `datasets` holds them: the document is those bytes
input      with output: the document is a JSON list of one pair, with all other columns of the row beside them
messages   the turns of a conversation, as chat datasets have them: the document is a JSON list of that one row
id         what the address ends with instead of the row's number: prices.csv#A17
title, …   metadata of the row
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from stages.command import Failure
from stages.ingest.detection import SAMPLE, charset_of
from stages.ingest.entry import HUB, Entry, Refused, in_memory, refused, spelled
from stages.ingest.metadata import Layer, allowed_only
from stages.params import DatasetSource, Ingest, TableSource

FORMATS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
Record = dict[str, Any]
Rows = Iterator[Record | Refused]
Columns = Mapping[Any, str]


def of_file(
    uri: str, open_table: Callable[[], BinaryIO], source: TableSource, defaults: Layer, section: Ingest
) -> Iterator[Entry]:
    """The rows of one file, and at the end the file itself for the ledger, with their number."""
    suffix = PurePosixPath(uri.lower().removesuffix(".gz")).suffix
    if suffix not in FORMATS:
        raise Failure(f"ingest: {uri} is no table; a table is {', '.join(FORMATS)}, or one of them with .gz")
    count = 0
    try:
        with open_table() as packed:
            file = gzip.GzipFile(fileobj=packed) if uri.lower().endswith(".gz") else packed
            for entry in _entries(f"{uri}#", _rows(suffix, file, section.max_bytes), source, defaults):
                count += 1
                yield entry
        yield refused(uri, "table", f"{count} rows")
    except Refused as fault:
        yield refused(uri, fault.reason, fault.detail)
    except (OSError, EOFError, ValueError, OverflowError, RecursionError, zlib.error, csv.Error,
            pa.ArrowException) as error:  # fmt: skip
        yield refused(uri, "unreadable", f"after {count} rows: {error or type(error).__name__}")


def of_dataset(root: Path, source: DatasetSource, defaults: Layer) -> Iterator[Entry]:
    """The rows of one split of a dataset.

    Raises:
        Failure: the dataset cannot be loaded.
    """
    import datasets  # 2 s: only where it is wanted

    local = root / source.path
    at = f"{source.path}@{source.revision}" if source.revision else source.path
    address = f"{source.path}#" if local.is_dir() else f"{HUB}{at}#"
    try:
        loaded = datasets.load_dataset(
            str(local) if local.is_dir() else source.path, source.name, split=source.split, revision=source.revision
        )
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise Failure(f"ingest: the dataset {at} cannot be loaded: {error}") from error
    prefix = f"{address}{source.name}/{source.split}/" if source.name else f"{address}{source.split}/"
    yield from _entries(prefix, _dataset_rows(loaded), source, defaults)


def _dataset_rows(loaded: Any) -> Rows:
    """Rows as stored: images and sounds stay the bytes that they are."""
    for table in loaded.with_format("arrow").iter(batch_size=64):
        yield from table.to_pylist()


def _rows(suffix: str, file: Any, max_bytes: int) -> Rows:
    if suffix == ".parquet":
        return _parquet(file)
    if suffix == ".json":
        return _json(file.read(max_bytes + 1), max_bytes)
    if suffix in (".csv", ".tsv"):
        return _csv(file, ",;" if suffix == ".csv" else "\t", max_bytes)
    return _lines(file, max_bytes)


def _parquet(file: Any) -> Rows:
    for batch in pq.ParquetFile(file).iter_batches(batch_size=64):
        yield from batch.to_pylist()


def _json(content: bytes, max_bytes: int) -> Rows:
    if len(content) > max_bytes:
        raise Refused("too_large", f"more than {max_bytes} bytes; write one object a line (.jsonl)")
    items = json.loads(content)
    if not isinstance(items, list):
        raise Refused("unreadable", f"a list of objects was expected, not a JSON {type(items).__name__}")
    yield from (_record(item) for item in items)


def _lines(file: Any, max_bytes: int) -> Rows:
    while line := file.readline(max_bytes + 1):
        if len(line) > max_bytes:
            yield Refused("too_large", f"a line of more than {max_bytes} bytes")
            while line and not line.endswith(b"\n"):
                line = file.readline(max_bytes)
        elif line.strip():
            try:
                yield _record(json.loads(line))
            except (ValueError, RecursionError) as error:
                yield Refused("unreadable", f"not JSON: {error}")


def _record(item: Any) -> Record | Refused:
    if isinstance(item, dict):
        return item
    return Refused("unreadable", f"an object was expected, not a JSON {type(item).__name__}")


def _csv(file: Any, delimiters: str, max_bytes: int) -> Rows:
    """The rows of a table; of several delimiters, that counts which the first line has most often."""
    csv.field_size_limit(max_bytes)
    text = io.TextIOWrapper(file, encoding=_charset(file), errors="replace", newline="")
    delimiter = max(delimiters, key=text.readline(max_bytes).count)
    text.seek(0)
    for row in csv.DictReader(text, delimiter=delimiter):
        yield {str(key): value for key, value in row.items()}


def _charset(file: Any) -> str:
    """The encoding of a table, by its first part with a letter that is no ASCII: it may be gigabytes long."""
    while (part := file.read(SAMPLE)) and part.isascii():
        pass
    whole = part[: part.rfind(b"\n") + 1] if len(part) == SAMPLE else part
    name = charset_of(whole or part).name
    file.seek(0)
    return "utf-8-sig" if name == "utf-8" else name


def _entries(prefix: str, rows: Rows, source: TableSource | DatasetSource, defaults: Layer) -> Iterator[Entry]:
    """Rows as entries with an address each; an id that comes twice is a duplicate."""
    columns, checked = source.columns, False
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if isinstance(row, Refused):
            yield refused(f"{prefix}{number}", row.reason, row.detail)
            continue
        checked = checked or _check_columns(prefix, row, columns)
        name = str(row.get(columns.get("id", ""), number))
        uri = prefix + spelled(name.encode("utf-8", "backslashreplace").decode("utf-8"))
        if uri in seen:
            yield refused(f"{uri}#{number}", "duplicate", f"row {number} repeats the id of an earlier row, which is kept")
            continue
        if "id" in columns:
            seen.add(uri)
        known = allowed_only({key: str(row[column]) for key, column in columns.items() if row.get(column) is not None})
        mime = None if "text" in columns or "content" in columns else "application/json"
        yield Entry(uri, (defaults, ("row", known)), partial(_open, row, columns), mime, table=prefix.rsplit("#", 1)[0])


def _check_columns(prefix: str, row: Record, columns: Columns) -> bool:
    """A column that the first row lacks is a mistake in params.yaml."""
    for use, column in columns.items():
        if column not in row:
            raise Failure(f"ingest: {prefix[:-1]} has no column {column!r} for {use}; it has {', '.join(map(str, row))}")
    return True


def _open(row: Record, columns: Columns) -> BinaryIO:
    return in_memory(content_of(row, columns))()


def content_of(row: Record, columns: Columns) -> bytes:
    """The bytes of the document that a row is.

    Raises:
        Refused: the column does not hold what it should.
    """
    if "input" in columns:
        others = {key: value for key, value in row.items() if key not in (columns["input"], columns["output"])}
        row = others | {"input": row.get(columns["input"]), "output": _object(row.get(columns["output"]))}
    elif "messages" in columns:
        row = row | {"messages": row.get(columns["messages"])}
    if "text" not in columns and "content" not in columns:
        return json.dumps([row], ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    column = columns.get("text") or columns["content"]
    cell = row.get(column)
    if isinstance(cell, dict) and isinstance(cell.get("bytes"), bytes):
        cell = cell["bytes"]
    if not isinstance(cell, str if "text" in columns else bytes):
        raise Refused("unreadable", f"column {column} holds {type(cell).__name__}")
    return cell if isinstance(cell, bytes) else cell.encode("utf-8", "replace")


def _object(cell: Any) -> Any:
    """A CSV file can hold an object only as text."""
    if isinstance(cell, str) and cell.lstrip().startswith("{"):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            return cell
        return found if isinstance(found, dict) else cell
    return cell
