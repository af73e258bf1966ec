"""A base small enough to be trained in seconds, with the real tokenizer."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import psutil
import pytest
from ruamel.yaml import YAML
from transformers import LlamaConfig

from stages.params import AdapterTraining, Lora, Params, Train
from stages.tokenize.shards import ENCODED, write_shards
from stages.train import checkpoints
from tests.conftest import ROOT
from tests.stages.small import random_model
from tests.warm import Command

LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "bias": "none", "target_modules": "all-linear", "rslora": False, "dora": False,
        "init": "default"}  # fmt: skip
TRAINING = {"epochs": 2, "batch_size": 2, "accumulation": 2, "warmup_steps": 2, "log_steps": 3, "valid_steps": 5,
            "save_steps": 5}  # fmt: skip


@pytest.fixture(scope="session")
def tiny(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama of the base's vocabulary."""
    folder = tmp_path_factory.mktemp("tiny")
    config = LlamaConfig(
        vocab_size=49152, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=256, tie_word_embeddings=True,
    )  # fmt: skip
    random_model(config, base, folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty training rows and six to validate, of different lengths."""
    folder = tmp_path_factory.mktemp("tokens")
    for split, count in (("train", 40), ("valid", 6)):
        write(folder, split, [[100 + (7 * n + k) % 900 for k in range(8 + n % 9)] for n in range(count)])
    return folder


def write(folder: Path, split: str, ids: list[list[int]]) -> None:
    """Token rows as the stage before writes them; the first four tokens of a row are its prompt."""
    rows = {
        "example_id": [f"{split}-{n}" for n in range(len(ids))], "input_ids": ids, "n_prompt": [4] * len(ids),
        "n_target": [len(row) - 4 for row in ids], "n_cut": [0] * len(ids),
        **{name: [""] * len(ids) for name in ("reason", "detail", "key")},
    }  # fmt: skip
    write_shards(datasets.Dataset.from_dict(rows, features=ENCODED), folder, split, 2, folder)


@pytest.fixture
def lora() -> Lora:
    return Lora.model_validate(LORA)


@pytest.fixture
def section(loaded: Params) -> AdapterTraining:
    """Two epochs of ten steps, a checkpoint every five."""
    changes = {"epochs": 2.0, "batch_size": 2, "accumulation": 2, "warmup_steps": 2, "log_steps": 3, "valid_steps": 5,
               "save_steps": 5}  # fmt: skip
    return loaded.adapters["products"].train.model_copy(update=changes)


@pytest.fixture
def machine(loaded: Params) -> Train:
    return loaded.train


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a params.yaml for a small training."""
    write_params(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def whole(tiny: Path, tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The adapter that an uninterrupted training in `place` makes."""
    folder = tmp_path_factory.mktemp("whole")
    write_params(folder)
    start(folder, tiny, tokens, "whole").finish()
    return files(folder / "whole")


def write_params(folder: Path, dropout: float = 0.0) -> None:
    """The committed params.yaml with the small training's values."""
    values: Any = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["adapters"]["products"]["lora"] = {**LORA, "dropout": dropout}
    values["adapters"]["products"]["train"] |= TRAINING
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(values, file)


def start(place: Path, base: Path, tokens: Path, out: str, hold: int | None = None) -> Command:
    """`python -m stages.train` in `place`; with `hold` it stops, as by Ctrl-Z, when the checkpoint of that step is whole."""
    words = ["--adapter", "products", "--base", str(base), "--tokens", str(tokens), "--checkpoints", "work", "--out", out]
    return Command("stages.train", *words, cwd=place, before=None if hold is None else partial(_hold, hold))


def _hold(step: int) -> None:
    seal = checkpoints.Seal.on_save

    def on_save(self: checkpoints.Seal, args: Any, state: Any, control: Any, **rest: Any) -> None:
        seal(self, args, state, control, **rest)
        if state.global_step == step:
            os.kill(os.getpid(), signal.SIGSTOP)

    checkpoints.Seal.on_save = on_save  # type: ignore[method-assign]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wait_for(condition: Callable[[], Any], process: Command) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.returncode is None, process.said()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_held(process: Command) -> None:
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, process)
