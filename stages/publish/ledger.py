"""Where a model's training data came from: documents, examples and tokens, with what was left out and under which licences.

Ledger(documents={"CC0-1.0": 102}, languages=["en", "fr"], counts={…}, tokens="cf22ed27….dir")
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages import examples
from stages.command import Failure
from stages.gguf.metadata import dvc_hash
from stages.params import Task

UNKNOWN = "not stated"


@dataclass(frozen=True)
class Ledger:
    """What a card says of the data; `documents` counts those of the training examples by licence."""

    documents: dict[str, int]
    languages: list[str]
    counts: dict[str, Any]
    tokens: str


def read(data: Path, metrics: Path, adapter: str, tasks: list[Task]) -> Ledger:
    """The ledger of one adapter.

    Raises:
        Failure: a stage has not run.
    """
    learned = list(examples.read(data / "examples" / "train.jsonl", tasks))
    licences = _licences(data / "documents")
    documents = {doc_id for example in learned for doc_id in example.doc_ids}
    held = Counter(licences.get(doc_id) or UNKNOWN for doc_id in documents)
    languages = sorted({example.language for example in learned if len(example.language) == 2})
    counts = read_json(metrics / "data.json")
    return Ledger(dict(sorted(held.items())), languages, counts, dvc_hash(data / "tokens" / adapter))


def _licences(store: Path) -> dict[str, str | None]:
    """Licence by document; the bytes of the documents are not read."""
    paths = sorted(store.glob("documents-*.parquet"))
    if not paths:
        raise Failure(f"publish: {store} holds no documents-*.parquet; run `dvc repro` to make it, or `dvc pull` to fetch it")
    rows = [row for path in paths for row in pq.read_table(path, columns=["doc_id", "licence"]).to_pylist()]
    return {row["doc_id"]: row["licence"] for row in rows}


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        Failure: it is missing.
    """
    if not path.is_file():
        raise Failure(f"publish: {path} does not exist; run `dvc repro` to make it")
    return json.loads(path.read_text(encoding="utf-8"))
