"""The datatrove pipeline of one shard of the store: read, clean, write. Each task is one shard.

    documents-00003.parquet  ->  ReadShard  ->  Guard(steps)  ->  WriteShard  ->  00003.parquet

A cleaned shard holds every document of its store shard, kept or dropped, with what the corpus-wide steps need to know of
it, so that they never need all texts at once.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger

from stages.documents import DROPPED, KEPT
from stages.duplicates import digest, signature
from stages.params import Sanitize
from stages.sanitize import boilerplate
from stages.sanitize.guard import Guard
from stages.sanitize.records import Step, record_of
from stages.sanitize.steps import is_table, load, steps

READ_ROWS = 16  # decoded at a time: a store may hold a gigabyte in one row group
GROUP_BYTES = 8_000_000  # of text, in one row group of a cleaned shard
PROGRESS = "progress"  # a file beside the cleaned shards, a byte longer for every document

logger.disable("datatrove")  # its log of every task; here, because every worker imports this module


def cleaned_schema(section: Sanitize) -> pa.Schema:
    """The columns of a cleaned shard."""
    return pa.schema(
        [
            *KEPT,
            ("collection", pa.string()),
            ("drop_reason", pa.string()),
            ("detail", pa.string()),
            ("digest", pa.binary(16)),
            ("signature", pa.binary(2 * section.near_duplicates.permutations)),
            ("paragraphs", pa.list_(pa.uint64())),  # hashes of those that may be boilerplate
        ]
    )


def pipeline(section: Sanitize, sources: list[Path], targets: list[Path]) -> list[PipelineStep]:
    """The pipeline that makes `targets[i]` of `sources[i]`, one task each."""
    guarded = Guard([*steps(section), Index(section)], section.limits, load)
    return [ReadShard(sources), guarded, WriteShard(targets, section)]


class ReadShard(PipelineStep):
    """Reads the store shard of a task, row after row."""

    type, name = "sanitize", "read"

    def __init__(self, sources: list[Path]) -> None:
        super().__init__()
        self._sources = sources

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        with pq.ParquetFile(self._sources[rank], buffer_size=1 << 20) as file:
            for batch in file.iter_batches(batch_size=READ_ROWS, use_threads=False):
                yield from map(record_of, batch.to_pylist())


class Index(Step):
    """Adds what duplicates and boilerplate are found by."""

    def __init__(self, section: Sanitize) -> None:
        super().__init__("index")
        self._section = section

    def apply(self, document: Document) -> None:
        row, section = document.metadata, self._section
        row["digest"] = digest(document.text)
        row["signature"] = signature(document.text, section.near_duplicates).tobytes()
        candidates = not is_table(document) and row["doc_type"] != "faq"  # an answer may well stand in many places
        row["paragraphs"] = boilerplate.hashes(document.text, row["collection"], section.boilerplate) if candidates else []


class WriteShard(PipelineStep):
    """Writes the cleaned shard of a task: beside its place first, so that it is whole or not there."""

    type, name = "sanitize", "write"

    def __init__(self, targets: list[Path], section: Sanitize) -> None:
        super().__init__()
        self._targets, self._schema = targets, cleaned_schema(section)

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        target = self._targets[rank]
        partial = target.with_suffix(".partial")
        with (
            pq.ParquetWriter(partial, self._schema, compression="zstd") as writer,
            open(target.with_name(PROGRESS), "ab", buffering=0) as progress,
        ):
            waiting: list[dict[str, Any]] = []
            size = 0
            for document in data:
                waiting.append(self._row(document))
                progress.write(b".")
                size += 1000 + len(document.text)
                if size > GROUP_BYTES:
                    writer.write_table(pa.Table.from_pylist(waiting, schema=self._schema))
                    waiting, size = [], 0
                yield document
            if waiting:
                writer.write_table(pa.Table.from_pylist(waiting, schema=self._schema))
        os.replace(partial, target)

    def _row(self, document: Document) -> dict[str, Any]:
        """A record as a row; of a dropped one the reason stays, and the steps that led to it."""
        row = document.metadata
        if row["drop_reason"]:
            return {name: row[name] for name in DROPPED.names} | {"text": None}
        return {name: row.get(name) for name in self._schema.names} | {"text": document.text}
