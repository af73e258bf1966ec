"""A sweep as docs/experiments.md tells it: two trainings in DVC's queue, side by side in one table, the work tree untouched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.sweep import experiments, runs
from stages.command import Failure
from tests.conftest import ROOT

DVC_YAML = """\
stages:
  train:
    cmd: >-
      python -m stages.train --adapter products --base models/base --tokens data/tokens/products
      --checkpoints .cache/train/products --out models/adapters/products
    params: [train, adapters.products.lora, adapters.products.train]
    deps: [data/tokens/products, models/base, stages/train]
    outs: [models/adapters/products]
"""
RATES = [0.0005, 0.002]


def run(place: Path, *words: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def repository(place: Path, tiny: Path, tokens: Path) -> Path:
    """A repository with the stage `train` alone, on the small base."""
    shutil.copytree(tiny, place / "models" / "base")
    shutil.copytree(tokens, place / "data" / "tokens" / "products")
    shutil.copytree(ROOT / "stages", place / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "dvc.yaml").write_text(DVC_YAML, encoding="utf-8")
    (place / ".gitignore").write_text("/.cache/\n__pycache__/\n", encoding="utf-8")
    (place / ".dvcignore").write_text("__pycache__\n", encoding="utf-8")
    run(place, "git", "init", "-q", ".")
    for key in ("name", "email"):
        run(place, "git", "config", f"user.{key}", "tester@example.com")
    run(place, "dvc", "init", "-q")
    run(place, "dvc", "add", "-q", "models/base", "data/tokens/products")
    run(place, "git", "add", ".")
    run(place, "git", "commit", "-qm", "start")
    return place


@pytest.mark.slow
def test_two_queued_runs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = ",".join(map(str, RATES))
    run(repository, "dvc", "exp", "run", "--queue", "-S", f"adapters.products.train.learning_rate={rates}")
    assert run(repository, "dvc", "queue", "status").count("Queued") == 2
    monkeypatch.chdir(repository)
    with pytest.raises(Failure, match="this commit has no finished experiment"):
        experiments("products")
    run(repository, "dvc", "exp", "run", "--run-all")
    found = runs(experiments("products"), "products.train.learning_rate", "products.lora.r", "training.json:train_loss")
    assert found["x"].tolist() == RATES
    assert found["score"].nunique() == 2
    assert run(repository, "git", "status", "--porcelain") == ""
    assert not (repository / "models" / "adapters").exists()
