"""Several processes train the same adapter as one does: same loss curve, same checkpoints to go on from, same words."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from ruamel.yaml import YAML

from stages.command import Failure
from stages.params import Launch, Train
from stages.train import launch
from tests.stages.train.conftest import files, start, wait_for, write_params

YAML_ = YAML(typ="safe", pure=True)
TWO = {"strategy": "ddp", "processes": 2, "machines": 1}
ONE = {"strategy": "none", "processes": 1, "machines": 1}


def change(place: Path, several: dict[str, Any], **training: Any) -> None:
    """Change the launch, the dropout and the training of place's params.yaml."""
    values = YAML_.load((place / "params.yaml").read_text(encoding="utf-8"))
    values["train"] |= {"launch": several, "dtype": "float32"}  # bfloat16 rounds a batch of two unlike one of four
    values["adapters"]["products"]["lora"]["dropout"] = 0.0  # each process draws its own
    values["adapters"]["products"]["train"] |= {"accumulation": 1, "log_steps": 1, "learning_rate": 0.01} | training
    with (place / "params.yaml").open("w", encoding="utf-8") as file:
        YAML_.dump(values, file)


def losses(adapter: Path) -> list[float]:
    record = json.loads((adapter / "training.json").read_text(encoding="utf-8"))
    return [point["loss"] for point in record["curve"] if "loss" in point]


@pytest.fixture(scope="module")
def by_two(tiny: Path, tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The adapter of two processes, and what they said."""
    place = tmp_path_factory.mktemp("two")
    write_params(place)
    change(place, TWO)
    said = start(place, tiny, tokens, "two").finish()
    return place / "two", said


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(by_two: tuple[Path, str], place: Path, tiny: Path, tokens: Path) -> None:
    change(place, ONE, batch_size=4)
    start(place, tiny, tokens, "one").finish()
    adapter, said = by_two
    one, two = losses(place / "one"), losses(adapter)
    assert len(one) == len(two) == 20
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) < 1e-3
    assert one[-1] < one[0] - 0.01  # something was learned
    assert "20 steps of 4 rows" in said
    assert said.count("train products: 20 steps, validation loss") == 1


@pytest.mark.slow
def test_a_killed_launcher_takes_its_processes_along_and_goes_on(
    by_two: tuple[Path, str], place: Path, tiny: Path, tokens: Path
) -> None:
    change(place, TWO)
    process = start(place, tiny, tokens, "cut")
    wait_for(lambda: list((place / "work").glob("*/checkpoint-10/complete")), process)
    others = psutil.Process(process.pid).children(recursive=True)
    process.send(signal.SIGKILL)
    assert len(others) >= 2
    assert psutil.wait_procs(others, timeout=20)[1] == []
    process.said()
    assert process.returncode == -signal.SIGKILL
    assert "going on from checkpoint-" in start(place, tiny, tokens, "cut").finish()
    assert files(place / "cut") == files(by_two[0])


@pytest.mark.slow
def test_what_stops_one_process_stands_there_without_a_traceback(place: Path, tiny: Path, tokens: Path) -> None:
    change(place, TWO)
    broken = shutil.copytree(tiny, place / "base")
    config = json.loads((tiny / "config.json").read_text("utf-8")) | {"vocab_size": 50000}
    (broken / "config.json").write_text(json.dumps(config), encoding="utf-8")
    text = start(place, broken, tokens, "out").said()
    assert "other shapes than its config.json says" in text
    assert "Traceback" not in text
    assert text.strip().splitlines()[-1] == "error: train: a process failed, and with it the others; its error stands above"


# --- what accelerate is told


def _launch(**changes: Any) -> Launch:
    return Launch.model_validate(TWO | changes)


def test_two_machines_need_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAIN_MAIN", raising=False)
    with pytest.raises(Failure, match="set TRAIN_MAIN to address:port"):
        launch.options(_launch(machines=2))


def test_two_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_MAIN", "10.0.0.1:29500")
    monkeypatch.setenv("TRAIN_MACHINE", "1")
    told = launch.options(_launch(strategy="fsdp", processes=8, machines=2))
    for name, value in {"num_machines": "2", "machine_rank": "1", "num_processes": "16", "main_process_ip": "10.0.0.1",
                        "main_process_port": "29500"}.items():  # fmt: skip
        assert told[told.index(f"--{name}") + 1] == value


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(Failure, match="processes is 2, and this machine has 1 GPUs; lower it"):
        launch.start(_launch(), [])


@pytest.mark.parametrize("changes", [{"processes": 1}, {"strategy": "none"}])
def test_none_is_one_process_and_the_others_are_several(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="none is one process on one machine"):
        _launch(**changes)


def test_threads_are_shared_out(machine: Train) -> None:
    assert launch.join(4, machine.launch) == 4
