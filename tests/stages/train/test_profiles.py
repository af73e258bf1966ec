"""Every profile: the guide's values line by line, and a real training on a two-layer random model of its architecture."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, Phi3Config, PretrainedConfig, Qwen2Config
from transformers.models.auto import AutoModelForCausalLM

from stages import params
from stages.train.__main__ import fit, save
from tests.conftest import ROOT

SMALL: dict[str, Any] = {"vocab_size": 49152, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
                         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256,
                         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
ARCHITECTURES: dict[str, type[PretrainedConfig]] = {
    "phi-3-mini-4k": Phi3Config, "llama-3.1-8b-qlora": LlamaConfig, "qwen2.5-1.5b": Qwen2Config,
}  # fmt: skip


def test_phi_has_the_values_of_the_guide() -> None:
    profile = params.load(ROOT / "profiles" / "phi-3-mini-4k.yaml")
    adapter, machine = profile.adapters["products"], profile.train
    assert (profile.tokenize.max_seq_len, machine.load_in, machine.dtype, machine.backend) == (2048, "4bit", "auto", "unsloth")
    assert machine.gradient_checkpointing
    lora = adapter.lora.model_dump(exclude={"target_modules"})
    assert lora == {"r": 64, "alpha": 128, "dropout": 0.0, "bias": "none", "rslora": False, "dora": False, "init": "default"}
    assert sorted(adapter.lora.target_modules) == sorted("q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split())
    wanted = {
        "batch_size": 2, "accumulation": 4, "warmup_steps": 10, "epochs": 3.0, "learning_rate": 2e-4, "scheduler": "linear",
        "optimiser": "adamw_8bit", "weight_decay": 0.01, "log_steps": 25, "save_steps": 0, "save_limit": 2, "seed": 3407,
    }  # fmt: skip
    assert wanted.items() <= adapter.train.model_dump().items()
    assert profile.evaluate.max_new_tokens == 256


def test_every_profile_is_tried() -> None:
    assert {path.stem for path in (ROOT / "profiles").glob("*.yaml")} == set(ARCHITECTURES)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_profile_trains_its_architecture(name: str, base: Path, tokens: Path, tmp_path: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(base / file, tmp_path)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(ARCHITECTURES[name](**SMALL)).save_pretrained(tmp_path)
    profile = params.load(ROOT / "profiles" / f"{name}.yaml")
    adapter = profile.adapters["products"]
    lora, section = adapter.lora, adapter.train.model_copy(update={"max_steps": 2})
    if name == "phi-3-mini-4k":  # Phi-3 fuses q, k and v, and gate and up; unsloth splits them, transformers does not
        lora = lora.model_copy(update={"target_modules": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]})
    machine = profile.train.model_copy(update={"backend": "peft"})
    model, record = fit("products", tmp_path, tokens, lora, section, machine, tmp_path / "work")
    save(model, record, tmp_path / "out", tmp_path / "work" / "initial")
    assert record["steps"] == 2
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
