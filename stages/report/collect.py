"""Reads what the stages left behind and gives it the form of the files in metrics/."""

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from stages.command import Failure
from stages.documents import read_shards

Metrics = dict[str, Any]


def read(path: Path) -> Any:
    """A JSON file.

    Raises:
        Failure: it is missing.
    """
    if not path.is_file():
        raise Failure(f"report: {path} does not exist; run `dvc repro` to make it")
    return json.loads(path.read_text(encoding="utf-8"))


def rounded(value: Any, digits: int) -> Any:
    """The same value with every float rounded to `digits` significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def scores(evaluation: Path, adapters: list[str], variants: tuple[str, ...]) -> Metrics:
    """`{adapter: {variant: scores}}`."""
    return {name: {v: read(evaluation / name / v / "scores.json") for v in variants} for name in adapters}


def data(root: Path, adapters: list[str]) -> Metrics:
    """Counts from raw file to token: kept, dropped and rejected by reason, leakage, tokens and cuts by adapter."""
    lines = (root / "examples" / "rejected.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    rejected = Counter(json.loads(line)["reason"] for line in lines)
    leaks = rejected.pop("leak", 0)
    dropped = Counter(row["drop_reason"] for row in read_shards(root / "clean", "dropped"))
    return {
        "documents": {
            "stored": sum(1 for _ in read_shards(root / "documents", "documents")),
            "kept": sum(1 for _ in read_shards(root / "clean", "kept")),
            "dropped": dict(sorted(dropped.items())),
        },
        "examples": {split: _by_task(root / "examples" / f"{split}.jsonl") for split in ("train", "valid", "test")},
        "rejected": dict(sorted(rejected.items())),
        "leaks_removed": leaks,
        "tokens": {name: read(root / "tokens" / name / "tokens.json") for name in adapters},
    }


def _by_task(path: Path) -> dict[str, int]:
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return dict(sorted(Counter(json.loads(line)["task"] for line in lines).items()))


def training(models: Path, adapters: list[str]) -> tuple[Metrics, dict[str, list[dict[str, float]]]]:
    """The records of training without their curves, and the curves, by adapter."""
    records = {name: read(models / "adapters" / name / "training.json") for name in adapters}
    return records, {name: record.pop("curve") for name, record in records.items()}


def by_adapter(models: Path, kind: str, adapters: list[str]) -> Metrics:
    """`models/KIND/ADAPTER/KIND.json` of every adapter."""
    return {name: read(models / kind / name / f"{'merge' if kind == 'merged' else kind}.json") for name in adapters}


def headline(record: Metrics) -> tuple[str, float]:
    """The one score that a variant is first judged by: exact match of objects, token F1 of texts, else the loss."""
    key = "exact_match" if "json_parse_rate" in record else "token_f1" if "token_f1" in record else "loss"
    return key, float(record.get(key, "nan"))


def table(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as CSV text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
