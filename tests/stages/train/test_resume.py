"""Killed at any moment, a training goes on from its last checkpoint and ends with the same bytes."""

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import checkpoints
from tests.conftest import ROOT


def start(place: Path, tiny: Path, tokens: Path, out: str) -> subprocess.Popen[str]:
    words = ["--adapter", "products", "--base", str(tiny), "--tokens", str(tokens), "--checkpoints", "work", "--out", out]
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train", *words], cwd=place, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text
    return text


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_after_two_kills_the_same_bytes(place: Path, tiny: Path, tokens: Path) -> None:
    finish(start(place, tiny, tokens, "whole"))
    for step in (5, 15):  # in the first epoch, and in the second
        process = start(place, tiny, tokens, "cut")
        wait_for(lambda step=step: list((place / "work").glob(f"*/checkpoint-{step}/complete")), process)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (place / "cut").exists()
    said = finish(start(place, tiny, tokens, "cut"))
    assert "going on from checkpoint-" in said
    assert re.search(r"train products: 100%.*20/20 .*loss=\d.*lr=\d.*valid_loss=\d.*tok/s=\d+", said)
    assert files(place / "cut") == files(place / "whole")
    assert [path.name for path in (place / "work").iterdir() if path.is_dir()] == []  # finished: pruned


@pytest.mark.slow
def test_a_second_training_beside_a_live_one_is_refused_with_its_pid(place: Path, tiny: Path, tokens: Path) -> None:
    process = start(place, tiny, tokens, "out")
    wait_for(lambda: (place / "work" / "pid").is_file() and (place / "work" / "pid").read_text(), process)
    process.send_signal(signal.SIGSTOP)  # it lives, and is not through before the other one begins
    text, _ = start(place, tiny, tokens, "out").communicate(timeout=120)
    process.kill()
    process.wait()
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
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0")
    others.add(checkpoints.key((lora, section, machine), [shard]))
    assert len(others | {key}) == 6


def test_one_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(Failure, match=f"process {os.getpid()} is training")
    with checkpoints.alone(tmp_path), refused, checkpoints.alone(tmp_path):
        pass
    with checkpoints.alone(tmp_path):  # free again
        assert json.loads((tmp_path / "pid").read_text()) == os.getpid()
