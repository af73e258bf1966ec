"""The steps that need the whole corpus: exact and near duplicates, boilerplate, and the writing of the result.

Texts are read twice and held one row group at a time; what is held for every document is a hash, its place and, for near
duplicates, a signature in a file. Documents are judged in the order of `source_uri`, so that which of two twins stays does
not depend on shards or workers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stages.documents import DROPPED, KEPT, Row, Shards, read_shards
from stages.duplicates import HASH, near_duplicates
from stages.params import Sanitize
from stages.sanitize.boilerplate import Counts
from stages.sanitize.pipeline import READ_ROWS

Places = NDArray[np.int64]
NONE = -1


@dataclass
class Corpus:
    """What is known of every document without its text; a document's row is its place over all cleaned shards."""

    paths: list[Path]
    uris: pa.ChunkedArray
    order: Places  # rows that no step of their own dropped, by source_uri
    twins: Places  # the row that a row repeats, or NONE
    similarity: NDArray[np.float32]  # to it; infinite where the texts are equal, for shingles of unequal ones may all agree


def corpus_of(paths: list[Path], scratch: Path, section: Sanitize) -> Corpus:
    """Find the duplicates among cleaned shards; signatures are put into a file in `scratch`."""
    tables = [pq.read_table(path, columns=["source_uri", "drop_reason", "digest"]) for path in paths]
    table = pa.concat_tables(tables)
    by_uri = np.asarray(pc.sort_indices(table["source_uri"])).astype(np.int64)
    alive = np.asarray(pc.is_null(table["drop_reason"]))
    corpus = Corpus(
        paths,
        table["source_uri"],
        by_uri[alive[by_uri]],
        np.full(len(table), NONE, dtype=np.int64),
        np.full(len(table), np.inf, dtype=np.float32),
    )
    digests = np.frombuffer(b"".join(table["digest"].take(pa.array(corpus.order)).to_pylist()), dtype="V16")
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    repeated = first[group] != np.arange(len(digests))
    corpus.twins[corpus.order[repeated]] = corpus.order[first[group]][repeated]
    unique = corpus.order[~repeated]
    if len(unique):
        for place, twin, similarity in near_duplicates(_signatures(corpus, unique, scratch, section), section.near_duplicates):
            corpus.twins[unique[place]], corpus.similarity[unique[place]] = unique[twin], similarity
    return corpus


def _signatures(corpus: Corpus, rows: Places, scratch: Path, section: Sanitize) -> NDArray[np.uint16]:
    """The signatures of these rows, in their order, as a matrix in a file."""
    place = np.full(len(corpus.twins), NONE, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    shape = (len(rows), section.near_duplicates.permutations)
    matrix: NDArray[np.uint16] = np.lib.format.open_memmap(scratch / "signatures.npy", mode="w+", dtype=HASH, shape=shape)
    for start, batch in _batches(corpus.paths, ["signature"], 4096):
        places = place[start : start + len(batch)]
        found = [value for value, at in zip(batch.column(0).to_pylist(), places, strict=True) if at != NONE]
        matrix[places[places != NONE]] = np.frombuffer(b"".join(found), dtype=HASH).reshape(len(found), shape[1])
    return matrix


def _batches(paths: list[Path], columns: list[str] | None, rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The batches of all cleaned shards, each with the place of its first row."""
    start = 0
    for path in paths:
        with pq.ParquetFile(path, buffer_size=1 << 20) as file:
            for batch in file.iter_batches(batch_size=rows, columns=columns, use_threads=False):
                yield start, batch
                start += len(batch)


def boilerplate_of(corpus: Corpus, section: Sanitize) -> Counts:
    """Count the paragraphs of the documents that stay."""
    counts = Counts(section.boilerplate)
    stays = np.zeros(len(corpus.twins), dtype=bool)
    stays[corpus.order] = True
    stays &= corpus.twins == NONE
    for exact in (False, True):
        for start, batch in _batches(corpus.paths, ["collection", "paragraphs"], 4096):
            kept = batch.filter(pa.array(stays[start : start + len(batch)]))
            paragraphs = np.asarray(pc.list_flatten(kept["paragraphs"])).astype(np.uint64)
            if exact:
                counts.count(paragraphs)
            else:
                counts.estimate((name or "" for name in kept["collection"].to_pylist()), paragraphs)
    return counts


def write(corpus: Corpus, counts: Counts, store: Path, out: Path, section: Sanitize) -> Iterator[Row]:
    """Write the clean corpus and its ledger; yields every row of the ledger that sanitizing adds."""
    with (
        Shards(out, "kept", KEPT, section.shards, key="doc_id") as kept,
        Shards(out, "dropped", DROPPED, 1, key="doc_id") as dropped,
    ):
        for row in read_shards(store, "ledger"):
            dropped.add(row)
        for start, batch in _batches(corpus.paths, None, READ_ROWS):
            for place, row in enumerate(batch.to_pylist(), start):
                why = _why(corpus, place, row) or _cleared(row, counts, section)
                if why:
                    row |= {"drop_reason": why[0], "detail": why[1]}
                    dropped.add({name: row[name] for name in DROPPED.names})
                    yield row
                else:
                    kept.add({name: row[name] for name in KEPT.names})


def _why(corpus: Corpus, place: int, row: Row) -> tuple[str, str] | None:
    """Why a document is dropped, as reason and detail."""
    if row["drop_reason"]:
        return row["drop_reason"], row["detail"]
    if corpus.twins[place] == NONE:
        return None
    twin, similarity = corpus.uris[int(corpus.twins[place])].as_py(), corpus.similarity[place]
    if np.isinf(similarity):
        return "exact_duplicate", f"of {twin}"
    return "near_duplicate", f"of {twin}, similarity {similarity:.2f}"


def _cleared(row: Row, counts: Counts, section: Sanitize) -> tuple[str, str] | None:
    """Take the boilerplate out of a row; why it is to be dropped then, if it is."""
    text, notes = counts.without(row["text"], row["collection"], row["paragraphs"])
    if notes:
        step = {"step": "boilerplate", "chars_in": len(row["text"]), "chars_out": len(text), "notes": notes}
        row |= {"text": text, "steps": [*row["steps"], step]}
    size = len(text.strip())
    return (
        ("too_short", f"{size} < {section.min_characters} characters without boilerplate")
        if size < section.min_characters
        else None
    )
