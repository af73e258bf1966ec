"""The fused LoRA layers compute what peft's do, forward and backward."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2Config
from transformers.models.qwen2 import Qwen2ForCausalLM

from stages import fused
from stages.params import Lora, Train
from stages.train import backend

IDS = torch.tensor([[100, 107, 114, 121, 128], [300, 301, 302, 303, 304]])


def _gradients(model: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    model(input_ids=IDS, labels=IDS).loss.backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("target_modules", ["all-linear", ["q_proj", "down_proj"]])
def test_loss_and_gradients_are_those_of_peft(
    target_modules: Any, rslora: bool, tiny: Path, lora: Lora, machine: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = lora.model_copy(update={"dropout": 0.0, "rslora": rslora, "target_modules": target_modules})
    exact = machine.model_copy(update={"dtype": "float32"})
    ours = backend.load(tiny, plain, exact, 64, seed=1)
    assert fused.fuse(ours) > 0
    monkeypatch.setattr(fused, "fuse", lambda model: 0)
    theirs = backend.load(tiny, plain, exact, 64, seed=1)
    wanted, found = _gradients(theirs), _gradients(ours)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-7)


def test_a_bias_that_is_trained_is_left_to_peft(lora: Lora, machine: Train, tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = Qwen2Config(vocab_size=512, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
                        num_key_value_heads=1)  # fmt: skip
    Qwen2ForCausalLM(small).save_pretrained(tmp_path)  # q, k and v have a bias
    plain, exact = lora.model_copy(update={"dropout": 0.0, "bias": "all"}), machine.model_copy(update={"dtype": "float32"})
    gradients = _gradients(backend.load(tmp_path, plain, exact, 64, seed=1))
    assert sum("bias" in name for name in gradients) == 3
    assert fused.fuse(backend.load(tmp_path, plain, exact, 64, seed=1)) == 4  # o, gate, up and down


@pytest.mark.parametrize("change", [{"dropout": 0.1}, {"dora": True}])
def test_other_layers_are_left_to_peft(change: dict[str, Any], tiny: Path, lora: Lora, machine: Train) -> None:
    model = backend.load(tiny, lora.model_copy(update={"dropout": 0.0, **change}), machine, 64, seed=1)
    assert fused.fuse(model) == 0
