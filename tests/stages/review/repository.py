"""A small Git repository with the metrics that a report of 100 examples publishes, for the tests of the review."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages import params
from stages.compare import packed
from stages.evaluate.__main__ import record
from stages.report.collect import row, supported
from tests.conftest import ROOT

FIELDS = ("name", "price")
N = 100


def git(root: Path, *words: str) -> str:
    """Run Git as nobody in particular."""
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def outcomes(wrong: dict[str, list[int]], loss: float = 0.01) -> pd.DataFrame:
    """100 examples in 20 groups; `wrong` lists the examples that miss a field."""
    table = pd.DataFrame(
        {
            "example_id": [f"d-extract-{i}" for i in range(N)], "task": "extract", "group": [f"g{i // 5}" for i in range(N)],
            "language": "en", "doc_id": "d", "characters": 100, "json_parse_rate": 1.0, "stop_rate": 1.0,
        }
    )  # fmt: skip
    for field in FIELDS:
        table[f"field_accuracy.{field}"] = [0.0 if i in wrong.get(field, []) else 1.0 for i in range(N)]
    fields = table[[f"field_accuracy.{field}" for field in FIELDS]]
    table["exact_match"], table["mean_field_accuracy"] = fields.min(axis=1), fields.mean(axis=1)
    table["nats"], table["loss_tokens"] = loss * 10 * (1 + np.arange(N) % 7), 10
    return table


def publish(root: Path, tables: dict[str, pd.DataFrame], neutral: float = 30.0, **more: Any) -> None:
    """Write metrics/ as the report does, and params.yaml; `neutral` is the loss of the first paragraph of neutral text."""
    section = params.load(ROOT / "params.yaml").evaluate.intervals.model_copy(update={"resamples": 100})
    by_id = {
        variant: table.set_index("example_id").assign(loss=table["nats"].to_numpy() / 10) for variant, table in tables.items()
    }
    probe = [(neutral + 3 * n, 10) for n in range(12)]
    losses = pd.Series([nats / tokens for nats, tokens in probe])
    found = {
        "scores": {"products": {variant: supported(record(table, probe, section)) for variant, table in tables.items()}},
        "outcomes": {"products": packed(by_id, dict.fromkeys(tables, losses))},
        "data": {"documents": {"kept": 10, "dropped": {"too_short": 2}}},
        "train": {"products": {"steps": 284}},
    }
    (root / "metrics" / "plots").mkdir(parents=True, exist_ok=True)
    for name, value in {**found, **more}.items():
        (root / "metrics" / f"{name}.json").write_text(json.dumps(value, indent=1), encoding="utf-8")
    for variant, scored in found["scores"]["products"].items():
        path = root / "metrics" / "scores" / "products" / f"{variant}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row(scored)), encoding="utf-8")
    if not (root / "params.yaml").exists():
        shutil.copy(ROOT / "params.yaml", root / "params.yaml")
        text = (root / "params.yaml").read_text(encoding="utf-8")
        kept = [
            line for line in text.split("\n") if "{metric: " not in line or "field_accuracy" in line or ".q4_k_m.exact" in line
        ]
        (root / "params.yaml").write_text("\n".join(kept), encoding="utf-8")


def commit(root: Path, message: str) -> str:
    """Commit everything; returns the hash."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")
