"""What is committed: the scorecard holds what the README promises, and dvc.lock belongs to this tree."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def scores() -> Any:
    return json.loads((ROOT / "metrics" / "scores.json").read_text(encoding="utf-8"))


def test_base_cannot_do_the_task(scores: Any) -> None:
    assert scores["products"]["base"]["exact_match"] < 0.10


def test_adapter_does_it_on_unseen_layouts(scores: Any) -> None:
    adapter = scores["products"]["adapter"]
    assert adapter["exact_match"] >= 0.85
    assert adapter["mean_field_accuracy"] >= 0.95
    assert adapter["json_parse_rate"] >= 0.98


def test_quantisation_costs_little(scores: Any) -> None:
    assert scores["products"]["adapter"]["exact_match"] - scores["products"]["q4_k_m"]["exact_match"] <= 0.05


def test_nothing_is_lost_before_quantisation(scores: Any) -> None:
    for found in scores.values():
        assert found["merged"]["loss"] == pytest.approx(found["adapter"]["loss"], abs=0.01)
        assert found["f16"]["loss"] == pytest.approx(found["merged"]["loss"], abs=0.02)


def test_assistant_learned(scores: Any) -> None:
    base, adapter = scores["assistant"]["base"], scores["assistant"]["adapter"]
    assert adapter["loss"] < 0.9 * base["loss"]
    assert adapter["token_f1"] > 1.2 * base["token_f1"]


def test_nothing_leaks_and_little_is_cut() -> None:
    data = json.loads((ROOT / "metrics" / "data.json").read_text(encoding="utf-8"))
    assert data["rejected"] == {}
    assert all(split["shortened"] == 0 for tokens in data["tokens"].values() for split in tokens.values())


def test_lock_matches_the_tree() -> None:
    dvc = [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing"]
    done = subprocess.run(dvc, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout, "run `dvc repro` and commit dvc.lock, metrics and plots"
