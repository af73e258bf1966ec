"""A random base in two files, and adapters of every kind on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Qwen2Config

from tests.stages.small import random_model

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def small(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Qwen2 (it has biases) in float16, in two files, with the real tokenizer."""
    folder = tmp_path_factory.mktemp("small")
    config = Qwen2Config(
        vocab_size=49152, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, tie_word_embeddings=True, pad_token_id=0, eos_token_id=2,
    )  # fmt: skip
    model = random_model(config, base, folder)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    model.half().save_pretrained(folder, max_shard_size="3146KB")
    return folder


@pytest.fixture
def adapter(tmp_path: Path) -> Make:
    """A function that writes a random adapter for a base: `adapter(base, r=4, use_dora=True)`."""

    def make(folder: Path, name: str = "adapter", **options: Any) -> Path:
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        shape: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **options}
        held = get_peft_model(model, LoraConfig(**shape))
        for key, parameter in held.named_parameters():
            if parameter.requires_grad:  # lora_B begins at zero
                parameter.data += 0.05 * torch.randn_like(parameter) if "lora_A" not in key else 0
        held.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make
