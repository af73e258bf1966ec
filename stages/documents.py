"""Tables of documents: Parquet shards (zstd) whose rows are placed by a hash of their key.

Adding a document rewrites one shard; the others keep their bytes, and so their place in the DVC cache.

    write_shards(rows, Path("data/documents"), "documents", STORE, shards=8, key="doc_id")
    for row in read_shards(Path("data/documents"), "documents"): ...

The columns of each artefact are declared here, once.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages.command import Failure

Row = dict[str, Any]

STORE = pa.schema(
    [
        ("doc_id", pa.string()),  # stable: a hash of source_uri
        ("source_uri", pa.string()),  # POSIX path below the raw root
        ("collection", pa.string()),  # its first folder
        ("title", pa.string()),
        ("source", pa.string()),
        ("author", pa.string()),
        ("licence", pa.string()),
        ("consent", pa.string()),
        ("date", pa.string()),
        ("language", pa.string()),  # as declared; sanitize detects
        ("doc_type", pa.string()),
        ("split", pa.string()),  # train, valid or test where the source says so
        ("mime", pa.string()),  # the type that decides how it is read
        ("mime_declared", pa.string()),
        ("mime_detected", pa.string()),
        ("mime_score", pa.float64()),
        ("charset", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("caption", pa.string()),
        ("content", pa.binary()),  # the original bytes
    ]
)
LEDGER = pa.schema(
    [("doc_id", pa.string()), ("source_uri", pa.string()), ("drop_reason", pa.string()), ("detail", pa.string())]
)
KEPT = pa.schema(
    [
        ("doc_id", pa.string()),
        ("source_uri", pa.string()),
        ("title", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float64()),
        ("doc_type", pa.string()),
        ("split", pa.string()),
        ("mime", pa.string()),
        ("text", pa.string()),  # Markdown; JSON where the document is a list of pairs
        ("steps", pa.list_(pa.struct([("step", pa.string()), ("chars_in", pa.int64()), ("chars_out", pa.int64())]))),
        ("pii", pa.map_(pa.string(), pa.int64())),
    ]
)


def document_id(source_uri: str) -> str:
    """The identifier of a document: 16 hex digits that depend on where it is from, not on its content."""
    return hashlib.sha256(source_uri.encode("utf-8")).hexdigest()[:16]


def shard_of(key: str, shards: int) -> int:
    """The shard, from 0 to shards - 1, in which the row with this key stands."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest()[:8], "big") % shards


def write_shards(rows: Iterable[Row], folder: Path, stem: str, schema: pa.Schema, shards: int, key: str) -> int:
    """Write `rows` as `folder/stem-NNNNN.parquet`, sorted by `key` within each shard.

    Returns:
        The number of rows. Empty shards are written too, so that the set of files does not depend on the rows.
    """
    placed: list[list[Row]] = [[] for _ in range(shards)]
    for row in rows:
        placed[shard_of(row[key], shards)].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    for index, part in enumerate(placed):
        table = pa.Table.from_pylist(sorted(part, key=lambda row: str(row[key])), schema=schema)
        pq.write_table(table, folder / f"{stem}-{index:05d}.parquet", compression="zstd")
    return sum(len(part) for part in placed)


def read_shards(folder: Path, stem: str) -> Iterator[Row]:
    """Yield the rows of all shards of `stem`, shard after shard.

    Raises:
        Failure: the folder holds no such shard.
    """
    paths = sorted(folder.glob(f"{stem}-*.parquet"))
    if not paths:
        raise Failure(f"{folder} holds no {stem}-*.parquet; run `dvc repro` to make it")
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches():
            yield from (_plain(row) for row in batch.to_pylist())


def _plain(row: Row) -> Row:
    """Parquet gives a map as a list of pairs."""
    if "pii" in row:
        row["pii"] = dict(row["pii"] or [])
    return row


def fold_space(text: str) -> str:
    """Fold every run of white space, no-break and thin spaces included, to one plain space."""
    return re.sub(r"\s+", " ", text).strip()
