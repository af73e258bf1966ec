"""The rows that training reads, the backend that it chooses, the plan, and every option on a tiny model."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from stages import checkpoint, params
from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend, plan, rows
from stages.train.__main__ import announce, fit, save
from tests.conftest import ROOT
from tests.stages.train.conftest import write


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_rows_come_back_in_order_however_few(count: int, tmp_path: Path) -> None:
    ids = [[n, n + 1, 7, 8, 2] for n in range(count)]
    write(tmp_path, "valid", ids)
    found = rows.read(tmp_path, "valid")
    assert len(found) == count
    assert [list(row["input_ids"]) for row in found] == ids
    assert [list(row["labels"]) for row in found] == [[*[-100] * 4, *row[4:]] for row in ids]


def test_missing_shards_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"holds no train-\*.parquet; run `dvc repro`"):
        rows.read(tmp_path, "train")


def test_the_order_of_rows_depends_on_seed_and_epoch_alone(tokens: Path) -> None:
    found = rows.read(tokens, "train")
    sampler = rows.SeededByEpoch(found, 4, seed=1)
    first = list(sampler)
    torch.rand(3)  # what ran before does not matter
    assert list(sampler) == first
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    assert sorted(second) == sorted(first) == list(range(40))
    assert list(rows.SeededByEpoch(found, 4, seed=2)) != first


def test_the_owner_of_a_padded_row(tokens: Path) -> None:
    ids = rows.read(tokens, "train")[7]["input_ids"]
    assert rows.owner(tokens, [*ids, 0, 0]) == "train-7"
    assert rows.owner(tokens, [5, 6]) == ""


# --- backend


def test_without_a_gpu_the_backend_is_peft(monkeypatch: pytest.MonkeyPatch, lora: Lora) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [backend.choose(wanted, lora) for wanted in ("auto", "peft")] == ["peft", "peft"]
    with pytest.raises(Failure, match="needs a CUDA GPU"):
        backend.choose("unsloth", lora)


def test_with_a_gpu_unsloth_makes_plain_lora_only(monkeypatch: pytest.MonkeyPatch, lora: Lora) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    dora = lora.model_copy(update={"dora": True})
    assert [backend.choose("auto", each) for each in (lora, dora)] == ["unsloth", "peft"]
    with pytest.raises(Failure, match="makes plain LoRA here"):
        backend.choose("unsloth", dora)


# --- plan


def test_the_shape_is_that_of_the_loaded_model(tiny: Path, lora: Lora, machine: Train) -> None:
    shape = plan.shape_of(tiny, lora)
    trainable, total = backend.load(tiny, lora, machine, 64, seed=1).get_nb_trainable_parameters()
    assert (shape.trained, shape.weights) == (trainable, total - trainable)
    assert (shape.layers, shape.heads, shape.hidden, shape.vocabulary) == (2, 2, 32, 49152)


def test_unknown_target_modules_name_the_layers(tiny: Path, lora: Lora) -> None:
    with pytest.raises(Failure, match=r"no layer is called qkv; .* are down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj"):
        plan.shape_of(tiny, lora.model_copy(update={"target_modules": ["qkv"]}))


def test_what_saves_memory_lowers_the_estimate(tiny: Path, lora: Lora, section: AdapterTraining, machine: Train) -> None:
    shape = plan.shape_of(tiny, lora)
    needed = plan.memory(shape, section, machine, 512)
    for change in ({"gradient_checkpointing": True}, {"load_in": "4bit"}, {"attention": "sdpa"}):
        assert plan.memory(shape, section, machine.model_copy(update=change), 512) < needed
    assert plan.memory(shape, section.model_copy(update={"batch_size": 1}), machine, 512) < needed
    assert plan.memory(shape, section, machine, 256) < needed


def test_a_plan_that_does_not_fit_is_refused_before_anything_loads(
    tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "available", lambda: 1_000_000)
    monkeypatch.setattr(backend, "load", lambda *_: pytest.fail("loaded"))
    with pytest.raises(Failure, match=r"GB of memory are needed, 0\.0 GB are free; lower batch_size .*load_in: 4bit"):
        fit("products", tiny, tokens, lora, section, machine, tokens)


def test_the_plan_says_what_will_happen(
    tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    announce("products", tiny, {"train": rows.read(tokens, "train")}, lora, section, machine)
    said = capsys.readouterr().out
    assert "40 rows, 470 tokens an epoch, the longest 16; 20 steps of 4 rows" in said
    assert "no CUDA GPU found" in said or torch.cuda.is_available()


@pytest.mark.parametrize(("epochs", "max_steps", "steps"), [(1.0, 0, 10), (2.0, 0, 20), (0.5, 0, 5), (0.25, 0, 3), (2.0, 7, 7)])
def test_steps(epochs: float, max_steps: int, steps: int, section: AdapterTraining) -> None:
    assert plan.steps_of(40, section.model_copy(update={"epochs": epochs, "max_steps": max_steps})) == steps


# --- options

SHORT = {"max_steps": 4, "valid_steps": 2, "save_steps": 2, "log_steps": 1}
Fitted = Callable[..., dict[str, Any]]


@pytest.fixture
def fitted(tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, tmp_path: Path) -> Fitted:
    """Trains four steps with some values changed, saves, loads again; the record."""

    def train(**changes: Any) -> dict[str, Any]:
        def changed(part: Any, **more: Any) -> Any:
            mine = {key: value for key, value in {**more, **changes}.items() if key in type(part).model_fields}
            return type(part).model_validate({**part.model_dump(), **mine})

        parts = changed(lora), changed(section, **SHORT), changed(machine)
        model, record = fit("products", tiny, tokens, *parts, tmp_path / "work")
        save(model, record, tmp_path / "out", tmp_path / "work" / "initial")
        again, _ = checkpoint.load(tiny, "float32", tmp_path / "out")
        ids = torch.tensor([[100, 107, 114, 121]])
        record["logits"] = again(input_ids=ids).logits
        with torch.no_grad():
            record["trained"] = model.float()(input_ids=ids).logits
        return record

    return train


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"rslora": True}, {"dora": True}, {"init": "gaussian"}, {"init": "pissa"}, {"init": "olora"}, {"bias": "all"},
        {"target_modules": ["q_proj"]}, {"neftune_alpha": 5.0}, {"optimiser": "adamw_8bit"}, {"optimiser": "adafactor"},
        {"scheduler": "cosine"}, {"gradient_checkpointing": True}, {"packing": True, "packed_tokens": 32, "attention": "sdpa"},
        {"dtype": "float32"}, {"keep": "best", "patience": 1}, {"valid_steps": 0, "save_steps": 0},
    ],
    ids=lambda changes: "-".join(f"{key}={value}" for key, value in changes.items()),
)  # fmt: skip
def test_every_option_trains_and_what_is_saved_is_what_was_trained(changes: dict[str, Any], fitted: Fitted) -> None:
    record = fitted(**changes)
    assert record["steps"] == 4
    assert math.isfinite(record["valid_loss"])
    assert torch.allclose(record["logits"], record["trained"], atol=0.02)


@pytest.mark.slow
def test_lora_plus_moves_b_faster(tiny: Path, fitted: Fitted, tmp_path: Path) -> None:
    def b_of(ratio: float) -> float:
        fitted(lora_plus_ratio=ratio, dropout=0.0)
        weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
        for path in (tmp_path / "work").glob("checkpoint-*/complete"):
            path.unlink()
        return max(float(tensor.abs().max()) for name, tensor in weights.items() if "lora_B" in name)

    assert b_of(8.0) > 4 * b_of(1.0)


def test_loftq_needs_a_4bit_base(fitted: Fitted) -> None:
    with pytest.raises(Failure, match=r"train.load_in is 16bit; set it to 4bit"):
        fitted(init="loftq")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patience": 2}, "patience needs keep: best"),
        ({"keep": "best", "valid_steps": 4, "save_steps": 6}, "save_steps to be a multiple of valid_steps = 4"),
        ({"keep": "best", "valid_steps": 4, "save_steps": 0}, "save_steps to be a multiple of valid_steps = 4"),
    ],
)
def test_checkpoints_that_do_not_fit(changes: dict[str, Any], message: str, section: AdapterTraining) -> None:
    with pytest.raises(ValueError, match=message):
        AdapterTraining.model_validate({**section.model_dump(), **changes})


@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_is_valid(profile: Path) -> None:
    params.load(profile)
