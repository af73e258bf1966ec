"""Tables of documents: Parquet shards (zstd) whose rows are placed by a hash of their key.

Adding a document rewrites one shard; the others keep their bytes, and so their place in the DVC cache.

    write_shards(rows, Path("data/clean"), "kept", KEPT, shards=8, key="doc_id")
    with Shards(Path("data/documents"), "documents", STORE, shards=8, key="doc_id") as store:
        store.add(row)                                         # more rows than fit into memory
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
        ("source_uri", pa.string()),  # POSIX path below the raw root, or URL; docs/documents.md has the spelling
        ("collection", pa.string()),  # its first folder
        ("title", pa.string()),
        ("source", pa.string()),
        ("author", pa.string()),
        ("licence", pa.string()),
        ("consent", pa.string()),
        ("date", pa.string()),
        ("language", pa.string()),  # as declared; sanitize detects
        ("doc_type", pa.string()),
        ("doc_type_score", pa.float64()),  # of the rule that decided; null where it is declared
        ("split", pa.string()),  # train, valid or test where the source says so
        ("mime", pa.string()),  # the type that decides how it is read
        ("mime_declared", pa.string()),
        ("mime_detected", pa.string()),
        ("mime_score", pa.float64()),
        ("charset", pa.string()),
        ("charset_evidence", pa.string()),  # bom, declared, utf-8 or guessed
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("caption", pa.string()),
        ("origin", pa.map_(pa.string(), pa.string())),  # who says so: metadata column -> source, folder, sidecar, …
        ("fault", pa.string()),  # why its own metadata could not be read: encrypted, killed after 20 s, …
        ("content", pa.binary()),  # the original bytes
    ]
)
LEDGER = pa.schema(
    [("doc_id", pa.string()), ("source_uri", pa.string()), ("drop_reason", pa.string()), ("detail", pa.string())]
)
STEP = pa.struct(
    [
        ("step", pa.string()),
        ("chars_in", pa.int64()),  # of the first step: bytes
        ("chars_out", pa.int64()),
        ("notes", pa.list_(pa.string())),  # what it changed, e.g. "5kg -> 5 kg"; few, short, without personal data
    ]
)
DROPPED = pa.schema([*LEDGER, ("steps", pa.list_(STEP))])  # what was done before the reason to drop it was found
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
        ("steps", pa.list_(STEP)),
        ("pii", pa.map_(pa.string(), pa.int64())),  # type -> how many were found
    ]
)
MAPS = ("origin", "pii")
ROW_GROUP = 8_000_000  # bytes, 1000 a row included: what a reader holds at once, and a writer for every shard


def document_id(source_uri: str) -> str:
    """The identifier of a document: 16 hex digits that depend on where it is from, not on its content."""
    return hashlib.sha256(source_uri.encode("utf-8")).hexdigest()[:16]


def shard_of(key: str, shards: int) -> int:
    """The shard, from 0 to shards - 1, in which the row with this key stands."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest()[:8], "big") % shards


class Shards:
    """Writes rows as they come to `folder/stem-NNNNN.parquet`; each row's shard is a hash of its key.

    Rows keep their order within a shard. No more than a row group of each shard is in memory. Empty shards are written
    too, so that the set of files does not depend on the rows.
    """

    def __init__(self, folder: Path, stem: str, schema: pa.Schema, shards: int, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._schema, self._key = schema, key
        plain = [name for name in schema.names if name != "content"]  # a dictionary of whole files only costs memory
        self._paths = [folder / f"{stem}-{n:05d}.parquet" for n in range(shards)]
        self._files = [pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=plain) for path in self._paths]
        self._waiting: list[list[Row]] = [[] for _ in range(shards)]
        self._size = [0] * shards
        self.count = 0

    def add(self, row: Row) -> None:
        """Write one row, now or with the rest of its row group."""
        shard = shard_of(row[self._key], len(self._files))
        self._waiting[shard].append(row)
        self._size[shard] += 1000 + sum(len(value) for value in row.values() if isinstance(value, str | bytes))
        self.count += 1
        if self._size[shard] >= ROW_GROUP:
            self._flush(shard)

    def _flush(self, shard: int) -> None:
        self._files[shard].write_table(pa.Table.from_pylist(self._waiting[shard], schema=self._schema))
        self._waiting[shard], self._size[shard] = [], 0

    def __enter__(self) -> "Shards":
        """The shards, open."""
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Write what waits, and close the files; after an error there are none: part of the rows would pass for all."""
        for path in self._paths if error else ():
            path.unlink()
        for shard, file in enumerate(self._files):
            if self._waiting[shard] and not error:
                self._flush(shard)
            file.close()


def write_shards(rows: Iterable[Row], folder: Path, stem: str, schema: pa.Schema, shards: int, key: str) -> int:
    """Write `rows`, sorted by `key` within each shard.

    Returns:
        The number of rows.
    """
    with Shards(folder, stem, schema, shards, key) as out:
        for row in sorted(rows, key=lambda row: str(row[key])):
            out.add(row)
    return out.count


def read_shards(folder: Path, stem: str) -> Iterator[Row]:
    """Yield the rows of all shards of `stem`, shard after shard.

    Raises:
        Failure: the folder holds no such shard.
    """
    paths = sorted(folder.glob(f"{stem}-*.parquet"))
    if not paths:
        raise Failure(f"{folder} holds no {stem}-*.parquet; run `dvc repro` to make it")
    for path in paths:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            yield from (_plain(row) for row in file.read_row_group(group).to_pylist())


def _plain(row: Row) -> Row:
    """Parquet gives a map as a list of pairs."""
    return row | {name: dict(row[name] or []) for name in MAPS if name in row}


def fold_space(text: str) -> str:
    """Fold every run of white space, no-break and thin spaces included, to one plain space."""
    return re.sub(r"\s+", " ", text).strip()
