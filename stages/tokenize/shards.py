"""Token rows of many examples, in parallel and without holding them in memory; known examples are not encoded again.

A file of examples stays a file, of which each worker maps its part (`datasets`). What a line of it became is kept in a
folder outside the outputs under the line's hash, as long as tokenizer, prompt and limits are the same: after an edit of
one document only its own lines are encoded. The rows, and the bytes of the shards, depend on neither.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa

from stages.examples import Example
from stages.params import Mix, Tokenize
from stages.prompt import Prompter
from stages.tokenize.rows import SHARD, table_of, token_rows, with_labels

BATCH = 1000  # examples encoded together, and rows of a record batch
PART = 10_000  # examples for which another process is worth its start
ROW_GROUP = 10_000  # rows of a Parquet row group: the library's own choice depends on where the data came from
_INT, _TEXT, _IDS = datasets.Value("int32"), datasets.Value("string"), datasets.List(datasets.Value("int32"))
KINDS = {
    "example_id": _TEXT, "input_ids": _IDS, "labels": _IDS, "n_prompt": _INT, "n_target": _INT, "n_cut": _INT,
    "reason": _TEXT, "detail": _TEXT, "key": _TEXT,
}  # fmt: skip
FEATURES = datasets.Features({name: KINDS[name] for name in SHARD})
CHOSEN = datasets.Features({"place": datasets.Value("int64"), "key": _TEXT})
ENCODED = datasets.Features({name: kind for name, kind in KINDS.items() if name != "labels"})


@dataclass(frozen=True)
class Chooser:
    """Which lines of a file of examples an adapter sees, and how often."""

    tasks: list[str]
    mix: Mix | None  # None: each once

    def __call__(self, lines: list[str], places: list[int]) -> dict[str, list[Any]]:
        """The place of every chosen line, as often as it is chosen, and its key."""
        found: dict[str, list[Any]] = {"place": [], "key": []}
        for line, place in zip(lines, places, strict=True):
            times = self._times(json.loads(line))
            found["place"] += [place] * times
            found["key"] += [_key(line)] * times
        return found

    def _times(self, example: dict[str, Any]) -> int:
        """A weight of 2.25 is twice, and a third time for a quarter of the examples, drawn by the hash of their id."""
        if example["task"] not in self.tasks:
            return 0
        if self.mix is None:
            return 1
        weight = self.mix.weights[example["task"]]
        digest = hashlib.sha256(f"{self.mix.seed}/{example['example_id']}".encode()).digest()
        return int(weight) + (int.from_bytes(digest[:8], "big") / 2**64 < weight % 1)


@dataclass(frozen=True)
class Encoder:
    """Encodes lines; carried to the workers."""

    prompter: Prompter
    section: Tokenize

    def __call__(self, lines: list[str]) -> pa.Table:
        """The rows of the lines, each with its line's key."""
        rows = token_rows([Example(**json.loads(line)) for line in lines], self.prompter, self.section)
        keys = [_key(line) for line, made in zip(lines, rows, strict=True) for _ in made]
        return table_of([row for made in rows for row in made]).append_column("key", pa.array(keys, pa.string()))


def _key(line: str) -> str:
    return hashlib.sha256(line.encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True)
class Encoded:
    """Rows with the columns of `ENCODED`, the refused among them, in the order of the examples."""

    rows: datasets.Dataset
    n_examples: int
    n_new: int  # that had to be encoded: the others were in the cache


def encode(path: Path, chooser: Chooser, encoder: Encoder, cache: Path, scratch: Path) -> Encoded:
    """The rows of a file of examples; `scratch` takes what does not fit into memory."""
    workers = encoder.section.workers
    lines = _lines(path, scratch)
    chosen = _mapped(
        lines, chooser, CHOSEN, workers, input_columns="text", with_indices=True, remove_columns=["text"],
        cache_file_name=str(scratch / f"{path.stem}-chosen.arrow"), new_fingerprint=f"{path.stem}-chosen",
    )  # fmt: skip
    keys = column(chosen, "key", "S32")
    known = datasets.load_from_disk(str(cache)) if cache.is_dir() else _empty(ENCODED)
    wanted, first = np.unique(keys, return_index=True)
    missing = np.sort(first[~np.isin(wanted, column(known, "key", "S32"))])
    made = _mapped(
        lines.select(column(chosen, "place", "int64")[missing]), encoder, ENCODED, workers,
        input_columns="text", remove_columns=["text"],
        cache_file_name=str(scratch / f"{path.stem}-encoded.arrow"), new_fingerprint=f"{path.stem}-encoded",
    )  # fmt: skip
    both = datasets.concatenate_datasets([part for part in (known, made) if len(part)] or [made])
    order = _order(keys, column(both, "key", "S32"))
    if len(missing) or len(both) > len(np.unique(order)):
        _keep(both.select(np.unique(order)), cache)
    return Encoded(both.select(order), len(chosen), len(missing))


def _lines(path: Path, scratch: Path) -> datasets.Dataset:
    """A file's lines; mapped, not read."""
    if not path.stat().st_size:
        return _empty(datasets.Features({"text": _TEXT}))
    return datasets.Dataset.from_text(str(path), cache_dir=str(scratch / "lines"))


def _empty(features: datasets.Features) -> datasets.Dataset:
    return datasets.Dataset.from_dict({name: [] for name in features}, features=features)


def _mapped(
    rows: datasets.Dataset, function: Any, features: datasets.Features, workers: int, **options: Any
) -> datasets.Dataset:
    """`map` in as many processes as are worth their start; it leaves a dataset without rows as it is."""
    if not len(rows):
        return _empty(features)
    processes = min(workers, len(rows) // PART)
    return rows.map(
        function, features=features, batched=True, batch_size=BATCH, num_proc=processes if processes > 1 else None, **options
    )


def column(rows: datasets.Dataset, name: str, dtype: Any) -> np.ndarray:
    """One column as an array; in batches, because row by row it takes as long as encoding."""
    return np.concatenate(
        [np.zeros(0, dtype), *(np.array(batch[name], dtype) for batch in rows.select_columns(name).iter(100_000))]
    )


def _order(keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The places in `rows` (keys of rows, equal ones side by side) of all rows of each of `keys`."""
    known, start, count = np.unique(rows, return_index=True, return_counts=True)
    at = np.searchsorted(known, keys)
    counts = count[at] if len(keys) else np.zeros(0, int)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(start[at], counts) + within if len(keys) else counts


def _keep(rows: datasets.Dataset, cache: Path) -> None:
    """Put rows in the place of the cache's; beside it first, so that a broken run leaves no half a cache."""
    partial = cache.with_name(f"{cache.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    rows.save_to_disk(str(partial))
    shutil.rmtree(cache, ignore_errors=True)
    os.replace(partial, cache)


def write_shards(rows: datasets.Dataset, out: Path, split: str, shards: int, scratch: Path) -> None:
    """Write rows as Parquet shards with labels, in the order of the rows.

    The labels are added by one process, in record batches of one size: so the bytes of a shard follow from its rows.
    """
    gone = [name for name in ENCODED if name not in SHARD]
    labelled = _mapped(
        rows.with_format("arrow"), with_labels, FEATURES, 1, remove_columns=gone,
        cache_file_name=str(scratch / f"{split}-labelled.arrow"), new_fingerprint=f"{split}-labelled",
    )  # fmt: skip
    for index in range(shards):
        part = labelled.with_format(None).shard(shards, index, contiguous=True) if index < len(labelled) else _empty(FEATURES)
        part.to_parquet(out / f"{split}-{index:05d}.parquet", batch_size=ROW_GROUP)
