"""The picture of a sweep, from the table that `dvc exp show --csv` writes."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.sweep import column, draw, runs
from stages.command import Failure

TABLE = pd.DataFrame(
    {
        "Experiment": ["main", "a", "b", "queued"],
        "metrics/scores/products/q4_k_m.json:exact_match": [0.9, 0.8, 0.9, "!"],
        "metrics/scores/assistant/q4_k_m.json:exact_match": [0.1, 0.1, 0.1, 0.1],
        "adapters.products.lora.r": [16, 8, 16, 32],
        "adapters.products.train.learning_rate": [0.001, 0.0005, 0.001, 0.002],
    }
)
WANTED = "products.train.learning_rate", "products.lora.r", "products/q4_k_m.json:exact_match"


def test_finished_runs_once_each() -> None:
    found = runs(TABLE, *WANTED)
    assert found[["line", "x", "score"]].to_numpy().tolist() == [[8, 0.0005, 0.8], [16, 0.001, 0.9]]


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
