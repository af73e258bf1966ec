"""The token rows that a trainer reads, and the batches that they come in."""

from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers.trainer_pt_utils import LengthGroupedSampler

from stages.command import Failure

LIST = datasets.List(datasets.Value("int32"))
FEATURES = datasets.Features({"input_ids": LIST, "labels": LIST})


def paths(tokens: Path, split: str) -> list[Path]:
    """The shards of a split.

    Raises:
        Failure: there are none.
    """
    found = sorted(tokens.glob(f"{split}-*.parquet"))
    if not found:
        raise Failure(f"train: {tokens} holds no {split}-*.parquet; run `dvc repro` to make it")
    return found


def read(tokens: Path, split: str) -> datasets.Dataset:
    """The token rows of a split: `input_ids` and `labels`, in the order of the shards."""
    table = pa.concat_tables(pq.read_table(path, columns=list(FEATURES)) for path in paths(tokens, split))
    return datasets.Dataset(table.cast(FEATURES.arrow_schema))  # from_parquet refuses a split without rows


def by_length(rows: datasets.Dataset) -> datasets.Dataset:
    """Shortest first: batches of similar rows need little padding."""
    return rows.select(sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"])))


def owners(tokens: Path, ids: list[int], split: str) -> list[str]:
    """The examples of a split that a row of token ids comes from, one after the other if it is packed; padding is none."""
    known: dict[tuple[int, ...], str] = {}
    for path in paths(tokens, split):
        for batch in pq.ParquetFile(path).iter_batches(columns=["example_id", "input_ids"]):
            known |= {tuple(row["input_ids"]): str(row["example_id"]) for row in batch.to_pylist()}
    sizes = sorted({len(row) for row in known}, reverse=True)
    found, start = [], 0
    while size := next((size for size in sizes if tuple(ids[start : start + size]) in known), 0):
        found.append(known[tuple(ids[start : start + size])])
        start += size
    return found


class SeededByEpoch(LengthGroupedSampler):
    """Rows of like length together, in an order that depends on seed and epoch alone.

    transformers draws it from the global generator, whose state in a later epoch depends on all that ran before: a
    resumed training would see other batches.
    """

    def __init__(self, rows: datasets.Dataset, size: int, seed: int) -> None:
        super().__init__(size, lengths=[len(ids) for ids in rows["input_ids"]])
        self._seed, self._epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate before every epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """The places of the rows, one epoch."""
        self.generator = torch.Generator().manual_seed(self._seed + self._epoch)
        return super().__iter__()
