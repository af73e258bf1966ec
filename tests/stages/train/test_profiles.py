"""Every profile: the guide's values line by line, and a real training on a two-layer random model of its architecture."""

from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, MistralConfig, PretrainedConfig, Qwen2Config

from stages import params
from stages.train.run import fit, save
from tests.conftest import ROOT
from tests.stages.small import random_model

SMALL: dict[str, Any] = {"vocab_size": 49152, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
                         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256,
                         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
ARCHITECTURES: dict[str, type[PretrainedConfig]] = {
    # unsloth's Phi-3 is a Mistral: q, k and v, gate and up are layers of their own in it, as the guide's target modules say
    "phi-3-mini-4k": MistralConfig, "llama-3.1-8b-qlora": LlamaConfig, "qwen2.5-1.5b": Qwen2Config,
}  # fmt: skip
PHI = params.load(ROOT / "profiles" / "phi-3-mini-4k.yaml").model_dump()
GUIDE: dict[str, Any] = {  # the guide, line by line
    "base.source.kind": "hub",
    "base.source.repo": "unsloth/Phi-3-mini-4k-instruct",  # loaded in 4 bits, as unsloth/Phi-3-mini-4k-instruct-bnb-4bit is
    "tokenize.max_seq_len": 2048,
    "train.backend": "unsloth",
    "train.dtype": "auto",  # bfloat16 where it is supported, else float16: test_cuda.py
    "train.load_in": "4bit",
    "train.gradient_checkpointing": True,  # unsloth's own: test_cuda.py
    "train.packing": False,
    "train.launch.strategy": "none",
    "evaluate.max_examples": 50,
    "evaluate.max_new_tokens": 256,
    "predict.max_new_tokens": 256,
    "evaluate.decoding.temperature": 0.1,
    "gguf.quantisations": ["f16", "q4_k_m"],  # f16 is what q4_k_m is compared with
} | {
    f"adapters.products.{key}": value
    for key, value in {
        "lora.r": 64, "lora.alpha": 128, "lora.dropout": 0.0, "lora.bias": "none", "lora.rslora": False, "lora.dora": False,
        "lora.init": "default",
        "lora.target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        "train.batch_size": 2, "train.accumulation": 4, "train.warmup_steps": 10, "train.epochs": 3.0, "train.max_steps": 0,
        "train.learning_rate": 2e-4, "train.scheduler": "linear", "train.optimiser": "adamw_8bit", "train.weight_decay": 0.01,
        "train.max_grad_norm": 1.0, "train.log_steps": 25, "train.save_steps": 0, "train.save_limit": 2, "train.seed": 3407,
        "train.keep": "last", "train.patience": 0, "train.lora_plus_ratio": 1.0, "train.neftune_alpha": 0.0,
    }.items()
}  # fmt: skip


@pytest.mark.parametrize("key", list(GUIDE))
def test_phi_has_the_value_of_the_guide(key: str) -> None:
    value: Any = PHI
    for part in key.split("."):
        value = value[part]
    assert value == GUIDE[key]


def test_every_profile_is_tried() -> None:
    assert {path.stem for path in (ROOT / "profiles").glob("*.yaml")} == set(ARCHITECTURES)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_profile_trains_its_architecture(name: str, base: Path, tokens: Path, tmp_path: Path) -> None:
    random_model(ARCHITECTURES[name](**SMALL), base, tmp_path).save_pretrained(tmp_path)
    profile = params.load(ROOT / "profiles" / f"{name}.yaml")
    adapter = profile.adapters["products"]
    lora, section = adapter.lora, adapter.train.model_copy(update={"max_steps": 2})
    machine = profile.train.model_copy(update={"backend": "peft"})
    model, record = fit("products", tmp_path, tokens, lora, section, machine, tmp_path / "work")
    save(model, record, tmp_path / "out", tmp_path / "work" / "initial")
    assert record["steps"] == 2
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
