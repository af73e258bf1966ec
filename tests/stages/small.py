"""Models of random weights, small enough to be made for a test."""

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig
from transformers.models.auto import AutoModelForCausalLM


def random_model(config: PretrainedConfig, base: Path, folder: Path) -> Any:
    """A model of this configuration, the same every time, to be saved in `folder`, which gets the base's tokenizer."""
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(base / name, folder)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config)
