"""What stands in the way of a model, in one line each."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from stages.command import Failure
from stages.params import Params, Task
from stages.predict.model import Cleaner, open_model, variants

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("task", "clean"), [("raft", "[1] A b.\n[2] C.\n\nQuestion: D?"), ("faq", "[1] A b. [2] C. Question: D?")]
)
def test_passages_keep_their_lines(task: Task, clean: str) -> None:
    assert Cleaner(task, frozenset())("[1] A  b.\n[2]\tC. \n\nQuestion:\u00a0D?") == clean


def test_every_file_that_gguf_makes_can_be_asked(loaded: Params) -> None:
    section = loaded.gguf.model_copy(update={"quantisations": ["f16", "q8_0", "q4_k_m"]})
    found = variants(loaded.model_copy(update={"gguf": section}))
    assert found == ["base", "adapter", "merged", "f16", "q4_k_m", "q8_0"]


@pytest.fixture
def own(models: Path, tmp_path: Path) -> Path:
    """A copy of the models that a test may spoil, with an adapter."""
    shutil.copytree(models, tmp_path / "models")
    model = AutoModelForCausalLM.from_pretrained(models / "base")
    get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"])).save_pretrained(tmp_path / "models/adapters/products")
    return tmp_path / "models"


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _half_gguf(models: Path) -> None:
    _halve(models / "gguf/products/f16.gguf")


def _half_adapter(models: Path) -> None:
    _halve(models / "adapters/products/adapter_model.safetensors")


def _half_model(models: Path) -> None:
    _halve(models / "merged/products/model.safetensors")


def _no_weights(models: Path) -> None:
    (models / "merged/products/model.safetensors").unlink()


def _other_rank(models: Path) -> None:
    path = models / "adapters/products/adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "r": 8}))


def _other_base(models: Path) -> None:
    torch.manual_seed(0)
    small = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                         num_attention_heads=2, num_key_value_heads=2))  # fmt: skip
    get_peft_model(small, LoraConfig(r=4, target_modules=["q_proj"])).save_pretrained(models / "adapters/products")


@pytest.mark.parametrize(
    ("spoil", "variant", "message"),
    [
        (_half_gguf, "f16", r"f16\.gguf cannot be loaded by llama\.cpp .*is it whole\?"),
        (_half_adapter, "adapter", r"adapters/products or .*base cannot be read .*is it whole\?"),
        (_half_model, "merged", r"merged/products or .*base cannot be read .*is it whole\?"),
        (_no_weights, "merged", r"merged/products or .*base cannot be read .*is it whole\?"),
        (_other_rank, "adapter", r"adapters/products does not fit the base .*was it trained on another one\?"),
        (_other_base, "adapter", r"adapters/products does not fit the base .*was it trained on another one\?"),
    ],
)
def test_what_does_not_fit_is_one_line(
    own: Path, loaded: Params, spoil: Callable[[Path], None], variant: str, message: str
) -> None:
    open_model(loaded, variant, "products", own, False, slots=1)  # before, it can be opened
    spoil(own)
    with pytest.raises(Failure, match=message):
        open_model(loaded, variant, "products", own, False, slots=1)


def test_a_prompt_that_leaves_no_room(models: Path, loaded: Params) -> None:
    prompt = loaded.prompt.model_copy(update={"system": {**loaded.prompt.system, "extract": "word " * 2000}})
    model = open_model(loaded.model_copy(update={"prompt": prompt}), "f16", "products", models, False, slots=1)
    with pytest.raises(Failure, match=r"no room for a extract prompt in 952 tokens; raise tokenize\.max_seq_len"):
        model.reply("<p>x")


def test_a_prompt_is_that_of_evaluation_and_its_answer_may_be_longer(models: Path, loaded: Params) -> None:
    model = open_model(loaded, "f16", "products", models, False, slots=1)
    assert model.budget == loaded.tokenize.max_seq_len - loaded.evaluate.max_new_tokens
    short = dataclasses.replace(model, max_new_tokens=5).reply("<p>Lamp")
    assert (short.stopped, short.output) == (False, None)
    assert model.max_new_tokens == loaded.predict.max_new_tokens > loaded.evaluate.max_new_tokens


def test_the_longest_prompt_leaves_room_for_the_longest_answer(models: Path, loaded: Params) -> None:
    model = open_model(loaded, "f16", "products", models, False, slots=1)  # the base, which never ends by itself
    encoded = model.encode("<p>" + " ".join(f"w{n}" for n in range(2000)))
    assert model.budget - 5 < len(encoded.ids) <= model.budget
    limits = model.max_new_tokens - 1, model.max_new_tokens
    shorter, longest = (next(dataclasses.replace(model, max_new_tokens=limit).each([encoded]))[1].raw for limit in limits)
    assert len(shorter) < len(longest)  # its last token was not cut by the context
