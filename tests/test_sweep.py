"""The picture of a sweep, from a table of experiments."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.sweep import column, draw, runs
from stages.command import Failure

TABLE = pd.DataFrame(
    {
        "Experiment": ["a", "b", "c"],
        "training.json:valid_loss": [0.3, 0.2, float("nan")],
        "metrics/scores/products/q4_k_m.json:exact_match": [0.9, 0.8, 0.7],
        "metrics/scores/assistant/q4_k_m.json:exact_match": [0.1, 0.1, 0.1],
        "adapters.products.lora.r": [16, 8, 16],
        "adapters.products.train.learning_rate": [0.001, 0.0005, 0.002],
        "adapters.products.train.max_steps": [60, 60, 30],
    }
)
WANTED = "products.train.learning_rate", "products.lora.r", "training.json:valid_loss"


def test_finished_runs_sorted() -> None:
    found = runs(TABLE, *WANTED)
    assert found[["line", "x", "score"]].to_numpy().tolist() == [[8, 0.0005, 0.2], [16, 0.001, 0.3]]


def test_a_metric_of_the_scorecard() -> None:
    found = runs(TABLE[:2], *WANTED[:2], "products/q4_k_m.json:exact_match")
    assert found["score"].tolist() == [0.8, 0.9]


def test_runs_that_differ_in_more_are_not_one_sweep() -> None:
    with pytest.raises(Failure, match=r"differ in adapters\.products\.train\.max_steps too \(30, 60\); `dvc exp remove`"):
        runs(TABLE, *WANTED[:2], "products/q4_k_m.json:exact_match")


@pytest.mark.parametrize("end", ["exact_match", "lora.alpha"])
def test_a_column_is_named_by_an_end_that_only_it_has(end: str) -> None:
    with pytest.raises(Failure, match=r"columns end in"):
        column(TABLE, end)


def test_nothing_finished() -> None:
    with pytest.raises(Failure, match="dvc exp run --run-all"):
        runs(TABLE[-1:], *WANTED)


def test_the_picture(tmp_path: Path) -> None:
    draw(runs(TABLE, *WANTED), *WANTED, tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
