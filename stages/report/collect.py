"""Reads what the stages left behind and gives it the form of the files in metrics/."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from stages import params
from stages.command import Failure
from stages.documents import read_shards

Metrics = dict[str, Any]

ROW = ("n", "exact_match", "mean_field_accuracy", "json_parse_rate", "token_f1", "rouge_l", "stop_rate", "loss", "probe_loss")
UNBOUNDED = ("loss", "perplexity", "probe_loss")


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


def supported(record: Metrics) -> Metrics:
    """A record of scores with the digits that its sample supports: one below 1/n for shares, as many for losses."""
    n = record["n"] or record.get("n_loss_tokens", 0)  # where nothing was asked, the loss is all there is
    digits = math.ceil(math.log10(max(n, 2))) + 1
    return {key: _supported(key, value, digits) for key, value in sorted(record.items())}


def _supported(key: str, value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {name: _supported(name if name in UNBOUNDED else key, part, digits) for name, part in sorted(value.items())}
    if isinstance(value, list):
        return [_supported(key, part, digits) for part in value]
    if not isinstance(value, float):
        return value
    return float(f"{value:.{digits}g}") if key in UNBOUNDED else round(value, digits)


def scores(evaluation: Path, adapters: list[str]) -> Metrics:
    """`{adapter: {variant: scores}}`, the baseline without a model first where there is one.

    Raises:
        Failure: a variant of a model is missing.
    """
    found: Metrics = {}
    for name in adapters:
        found[name] = {}
        for variant in params.SCORED:
            path = evaluation / name / variant / "scores.json"
            if variant in params.VARIANTS or path.is_file():
                found[name][variant] = supported(read(path))
    return found


def row(record: Metrics) -> Metrics:
    """The scores of one variant that a person looks at first: a row of `dvc metrics show`."""
    return {key: record[key] for key in ROW if key in record}


def comparison(root: Path, kind: str, adapters: list[str]) -> Metrics:
    """`comparison/ADAPTER/KIND.json` of every adapter."""
    return {name: read(root / name / f"{kind}.json") for name in adapters}


def data(root: Path, adapters: list[str]) -> Metrics:
    """Counts from raw file to token: kept, dropped and rejected by reason, leakage, tokens and cuts by adapter."""
    lines = (root / "examples" / "rejected.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    rejected = Counter(json.loads(line)["reason"] for line in lines)
    del rejected["leak"]  # they stand in `leaks`
    made = read(root / "examples" / "examples.json")
    dropped = Counter(row["drop_reason"] for row in read_shards(root / "clean", "dropped"))
    return {
        "documents": {
            "stored": sum(1 for _ in read_shards(root / "documents", "documents")),
            "kept": sum(1 for _ in read_shards(root / "clean", "kept")),
            "dropped": dict(sorted(dropped.items())),
        },
        "examples": {split: _by_task(root / "examples" / f"{split}.jsonl") for split in ("train", "valid", "test")},
        "rejected": dict(sorted(rejected.items())),
        "leaks": made["leaks"],
        "groups_moved": len(made["groups_moved"]),
        "tokens": {name: read(root / "tokens" / name / "tokens.json") for name in adapters},
    }


def _by_task(path: Path) -> dict[str, int]:
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return dict(sorted(Counter(json.loads(line)["task"] for line in lines).items()))


def funnel(found: Metrics) -> dict[str, dict[str, int]]:
    """`{step: {what went on: count, reason for leaving: count, …}}`, from the counts of `data`."""
    documents = found["documents"]
    steps = {"raw files": {"kept": documents["kept"], **documents["dropped"]}}
    splits = {split: sum(tasks.values()) for split, tasks in found["examples"].items()}
    steps["examples"] = {**splits, **found["rejected"], "near a test example": found["leaks"]["found"]}
    for name, tokens in found["tokens"].items():
        sums = Counter[str]()
        for counts in tokens.values():
            sums.update({key: value for key, value in counts.items() if isinstance(value, int)})
        whole = sums["rows"] - sums["shortened"]
        steps[f"{name}: rows"] = {"whole": whole, "shortened": sums["shortened"], "rejected": sums["rejected"]}
        steps[f"{name}: tokens"] = {"learned": sums["n_target"], "prompt": sums["n_prompt"], "cut": sums["n_cut"]}
    return steps


def lengths(root: Path, adapters: list[str]) -> dict[str, dict[str, list[int]]]:
    """Tokens of every prompt and every target, by adapter."""
    found: dict[str, dict[str, list[int]]] = {}
    for name in adapters:
        paths = sorted((root / "tokens" / name).glob("*.parquet"))
        table = pd.concat([pd.read_parquet(path, columns=["n_prompt", "n_target"]) for path in paths])
        found[name] = {"prompt": table["n_prompt"].tolist(), "target": table["n_target"].tolist()}
    return found


def training(models: Path, adapters: list[str]) -> tuple[Metrics, dict[str, list[dict[str, float]]]]:
    """The records of training without their curves, and the curves, by adapter."""
    records = {name: read(models / "adapters" / name / "training.json") for name in adapters}
    return records, {name: record.pop("curve") for name, record in records.items()}


def by_adapter(models: Path, kind: str, adapters: list[str]) -> Metrics:
    """`models/KIND/ADAPTER/KIND.json` of every adapter."""
    return {name: read(models / kind / name / f"{'merge' if kind == 'merged' else kind}.json") for name in adapters}


def headline(record: Metrics) -> str:
    """The one score that a variant is first judged by: exact match of objects, token F1 of texts, else the loss."""
    return "exact_match" if "json_parse_rate" in record else "token_f1" if "token_f1" in record else "loss"
