"""A base small enough to be trained in seconds, with the real tokenizer."""

import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from ruamel.yaml import YAML
from transformers import LlamaConfig, LlamaForCausalLM

from stages.params import AdapterTraining, Lora, Params, Train
from stages.tokenize.shards import ENCODED, write_shards
from tests.conftest import ROOT

LORA = {"r": 4, "alpha": 8, "dropout": 0.1, "bias": "none", "target_modules": "all-linear", "rslora": False, "dora": False,
        "init": "default"}  # fmt: skip
TRAINING = {"epochs": 2, "batch_size": 2, "accumulation": 2, "warmup_steps": 2, "log_steps": 3, "valid_steps": 5,
            "save_steps": 5}  # fmt: skip


@pytest.fixture(scope="session")
def tiny(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama of the base's vocabulary."""
    folder = tmp_path_factory.mktemp("tiny")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(base / name, folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=256, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
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
    """With dropout, so that a resumed training also needs the state of the generators."""
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
    values: Any = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["adapters"]["products"]["lora"] = LORA
    values["adapters"]["products"]["train"] |= TRAINING
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(values, file)
    return tmp_path
