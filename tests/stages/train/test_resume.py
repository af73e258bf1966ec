"""Killed at any moment, a training goes on from its last checkpoint and ends with the same bytes."""

import importlib.metadata
import json
import os
import re
import signal
from pathlib import Path

import pytest

from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import checkpoints
from tests.stages.train.conftest import files, start, wait_for, wait_until_held, write_params


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.1])  # 0: threads share out the rows; else the generators' state counts too
def test_after_two_kills_the_same_bytes(dropout: float, place: Path, tiny: Path, tokens: Path) -> None:
    write_params(place, dropout)
    start(place, tiny, tokens, "whole").finish()
    for step in (5, 15):  # in the first epoch, and in the second
        process = start(place, tiny, tokens, "cut")
        wait_for(lambda step=step: list((place / "work").glob(f"*/checkpoint-{step}/complete")), process)  # type: ignore[misc]
        process.send(signal.SIGKILL)
        process.said()
        assert process.returncode == -signal.SIGKILL
        assert not (place / "cut").exists()
    said = start(place, tiny, tokens, "cut").finish()
    assert "going on from checkpoint-" in said
    assert re.search(r"train products: 100%.*20/20 .*loss=\d.*lr=\d.*valid_loss=\d.*tok/s=\d+", said)
    assert files(place / "cut") == files(place / "whole")
    assert [path.name for path in (place / "work").iterdir() if path.is_dir()] == []  # finished: pruned


@pytest.mark.slow
def test_a_second_training_beside_a_live_one_is_refused_with_its_pid(place: Path, tiny: Path, tokens: Path) -> None:
    process = start(place, tiny, tokens, "out", hold=5)  # it lives, and is not through before the other one begins
    wait_until_held(process)
    text = start(place, tiny, tokens, "out").said()
    process.send(signal.SIGKILL)
    assert f"error: train: process {process.pid} is training this adapter already" in text
    assert text.count("\n") == 1


# --- which checkpoint


def _checkpoint(folder: Path, step: int, whole: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    if whole:
        (path / checkpoints.COMPLETE).touch()
    return path


def test_the_newest_whole_checkpoint_counts_and_half_ones_go(tmp_path: Path) -> None:
    _checkpoint(tmp_path, 5)
    newest = _checkpoint(tmp_path, 10)
    half = _checkpoint(tmp_path, 15, whole=False)
    assert checkpoints.latest(tmp_path) == newest
    assert not half.exists()


def test_without_a_checkpoint_it_starts_anew(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path) is None
    _checkpoint(tmp_path, 5, whole=False)
    assert checkpoints.latest(tmp_path) is None


def test_the_key_changes_with_everything_that_decides(
    tmp_path: Path, lora: Lora, section: AdapterTraining, machine: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = tmp_path / "train-00000.parquet"
    shard.write_bytes(b"rows")
    key = checkpoints.key((lora, section, machine), [shard])
    assert key == checkpoints.key((lora, section, machine), [shard])
    others = {
        checkpoints.key((lora.model_copy(update={"r": 5}), section, machine), [shard]),
        checkpoints.key((lora, section.model_copy(update={"seed": 1}), machine), [shard]),
        checkpoints.key((lora, section, machine.model_copy(update={"threads": 1})), [shard]),
    }
    shard.write_bytes(b"other rows")
    others.add(checkpoints.key((lora, section, machine), [shard]))
    shard.write_bytes(b"rows")
    with monkeypatch.context() as patched:
        patched.setattr(importlib.metadata, "version", lambda name: "0")
        others.add(checkpoints.key((lora, section, machine), [shard]))
    for package in ("train", "fused"):
        code = tmp_path / package / "code.py"
        code.parent.mkdir()
        code.write_text("1")
        monkeypatch.setattr(checkpoints, "STAGES", tmp_path)
        others.add(checkpoints.key((lora, section, machine), [shard]))
    assert len(others | {key}) == 8


def test_one_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(Failure, match=f"process {os.getpid()} is training")
    with checkpoints.alone(tmp_path), refused, checkpoints.alone(tmp_path):
        pass
    with checkpoints.alone(tmp_path):  # free again
        assert json.loads((tmp_path / "pid").read_text()) == os.getpid()
