"""The fused layers of a model compute what those of transformers and peft do, forward and backward."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters
from transformers import Gemma2Config, LlamaConfig, Qwen2Config
from transformers.models.gemma2 import Gemma2ForCausalLM
from transformers.models.llama import LlamaForCausalLM
from transformers.models.qwen2 import Qwen2ForCausalLM

from stages.checkpoint import IGNORED
from stages.command import Failure
from stages.fused import lora as linear
from stages.fused import norm
from stages.params import Lora, Train
from stages.train import backend

IDS = torch.tensor([[100, 107, 114, 121, 128], [300, 301, 302, 303, 304]])


def _gradients(model: Any, cast: bool = False) -> dict[str, torch.Tensor]:
    """Those of the adapter, whose second half is not zero, on rows of which one is padded."""
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    model.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=cast):
        model(input_ids=IDS, attention_mask=mask, labels=torch.where(mask == 1, IDS, IGNORED)).loss.backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.fixture(params=["llama", "qwen2"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A random model of two layers; Qwen2's query, key and value have a bias."""
    sizes = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2}  # fmt: skip
    torch.manual_seed(0)
    made = LlamaForCausalLM(LlamaConfig(**sizes)) if request.param == "llama" else Qwen2ForCausalLM(Qwen2Config(**sizes))
    for name, weight in made.named_parameters():
        if "norm" in name or "bias" in name:
            torch.nn.init.normal_(weight, 1.0, 0.3)
    made.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def peft_only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Loads as the stage does, but with the layers and the attention of the libraries."""

    def load(base: Path, lora: Lora, machine: Train) -> Any:
        with monkeypatch.context() as patched:
            for part, name in ((linear, "fuse"), (linear, "share"), (norm, "fuse")):
                patched.setattr(part, name, lambda model: 0)
            return backend.load(base, lora, machine.model_copy(update={"attention": "eager"}), 64, seed=1)

    return load


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("target_modules", ["all-linear", ["q_proj", "down_proj"]])
def test_gradients_are_those_of_peft(
    target_modules: Any, rslora: bool, checkpointing: bool, small: Path, lora: Lora, machine: Train, peft_only: Any
) -> None:
    plain = lora.model_copy(update={"dropout": 0.0, "rslora": rslora, "target_modules": target_modules})
    exact = machine.model_copy(update={"dtype": "float32"})
    ours, theirs = backend.load(small, plain, exact, 64, seed=1), peft_only(small, plain, exact)
    assert ours.config._attn_implementation == "grouped"
    whole = target_modules == "all-linear"
    assert (linear.fuse(ours), linear.share(ours), norm.fuse(ours)) == ((14, 10, 5) if whole else (4, 0, 5))
    if checkpointing:
        for model in (ours, theirs):
            model.gradient_checkpointing_enable({"use_reentrant": False})
    wanted, found = _gradients(theirs), _gradients(ours)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("cast", ["float32", "bfloat16"])
def test_in_bfloat16_gradients_round_as_little_as_those_of_peft(
    cast: str, small: Path, lora: Lora, machine: Train, peft_only: Any
) -> None:
    plain = lora.model_copy(update={"dropout": 0.0})
    exact = _gradients(peft_only(small, plain, machine.model_copy(update={"dtype": "float32"})))
    held = machine.model_copy(update={"dtype": cast})  # weights of 32 bits are cast at every product
    wanted = _gradients(peft_only(small, plain, held), cast=True)
    found = _gradients(backend.load(small, plain, held, 64, seed=1), cast=True)

    def error(gradients: dict[str, torch.Tensor]) -> float:
        return sum(float((gradients[name] - gradient).norm() / gradient.norm()) for name, gradient in exact.items())

    assert error(found) < 1.2 * error(wanted)


def test_layers_that_share_an_input_follow_the_model_to_another_type(small: Path, lora: Lora, machine: Train) -> None:
    plain, exact = lora.model_copy(update={"dropout": 0.0}), machine.model_copy(update={"dtype": "float32"})
    model = backend.load(small, plain, exact, 64, seed=1)
    before = model(input_ids=IDS).logits
    assert model.double()(input_ids=IDS).logits.dtype == torch.float64
    torch.testing.assert_close(model(input_ids=IDS).logits, before.double(), rtol=1e-4, atol=1e-5)


def test_scores_with_more_to_them_than_a_scale_stay_with_transformers(lora: Lora, machine: Train, tmp_path: Path) -> None:
    config = Gemma2Config(vocab_size=512, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
                          num_key_value_heads=1, head_dim=16)  # fmt: skip
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    assert backend.load(tmp_path, lora, machine, 64, seed=1).config._attn_implementation == "eager"  # their softcap


def test_a_bias_that_is_trained_is_left_to_peft(lora: Lora, machine: Train, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = Qwen2Config(vocab_size=512, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
                         num_key_value_heads=1)  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)  # q, k and v have a bias
    plain, exact = lora.model_copy(update={"dropout": 0.0, "bias": "all"}), machine.model_copy(update={"dtype": "float32"})
    gradients = _gradients(backend.load(tmp_path, plain, exact, 64, seed=1))
    assert sum("bias" in name for name in gradients) == 3
    assert linear.fuse(backend.load(tmp_path, plain, exact, 64, seed=1)) == 4  # o, gate, up and down


@pytest.mark.parametrize("change", [{"dropout": 0.1}, {"dora": True}])
def test_other_layers_are_left_to_peft(change: dict[str, Any], tiny: Path, lora: Lora, machine: Train) -> None:
    model = backend.load(tiny, lora.model_copy(update={"dropout": 0.0, **change}), machine, 64, seed=1)
    assert linear.fuse(model) == 0


@pytest.mark.slow
def test_compiled_layers_compute_the_same(tiny: Path, lora: Lora, machine: Train) -> None:
    plain, exact = lora.model_copy(update={"dropout": 0.0}), machine.model_copy(update={"dtype": "float32"})
    wanted = _gradients(backend.load(tiny, plain, exact, 64, seed=1))
    compiled = backend.load(tiny, plain, exact.model_copy(update={"compile": True}), 64, seed=1)
    counters.clear()
    found = _gradients(compiled)
    assert counters["stats"]["unique_graphs"] > 0
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-7)


def test_no_compiler_is_told_with_the_remedy(tiny: Path, lora: Lora, machine: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(Failure, match=r"no-such-compiler was not found; install it or set compile: false"):
        backend.load(tiny, lora, machine.model_copy(update={"compile": True}), 64, seed=1)
