"""The rows that training reads, the backend that it chooses, the plan, and every option on a tiny model."""

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from stages import checkpoint, params
from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend, checkpoints, plan, rows, run, settings
from stages.train.plan import announce
from stages.train.run import fit, save
from stages.train.trainer import LabelTrainer
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


def test_the_owners_of_a_row_padded_or_packed(tokens: Path) -> None:
    found = rows.read(tokens, "train")["input_ids"]
    assert rows.owners(tokens, [*found[7], 0, 0], "train") == ["train-7"]
    assert rows.owners(tokens, [*found[7], *found[30], *found[2]], "train") == ["train-7", "train-30", "train-2"]
    assert rows.owners(tokens, [5, 6], "train") == []


# --- backend


def _wanted(machine: Train, wanted: str, strategy: str = "none") -> Train:
    several = {"strategy": strategy, "processes": 1 if strategy == "none" else 2}
    return machine.model_copy(update={"backend": wanted, "launch": machine.launch.model_copy(update=several)})


def test_without_a_gpu_the_backend_is_peft(monkeypatch: pytest.MonkeyPatch, lora: Lora, machine: Train) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [backend.choose(_wanted(machine, wanted), lora) for wanted in ("auto", "peft")] == ["peft", "peft"]
    with pytest.raises(Failure, match="needs a CUDA GPU"):
        backend.choose(_wanted(machine, "unsloth"), lora)
    with pytest.raises(Failure, match="shares the weights out among GPUs, and none was found; set it to ddp"):
        backend.choose(_wanted(machine, "auto", "fsdp"), lora)


def test_with_a_gpu_unsloth_makes_plain_lora_only(monkeypatch: pytest.MonkeyPatch, lora: Lora, machine: Train) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    dora = lora.model_copy(update={"dora": True})
    assert [backend.choose(_wanted(machine, "auto"), each) for each in (lora, dora)] == ["unsloth", "peft"]
    assert [backend.choose(_wanted(machine, "auto", each), lora) for each in ("ddp", "fsdp")] == ["unsloth", "peft"]
    for refused, adapter in (("none", dora), ("fsdp", lora)):
        with pytest.raises(Failure, match="makes plain LoRA here"):
            backend.choose(_wanted(machine, "unsloth", refused), adapter)


# --- plan


def test_the_shape_is_that_of_the_loaded_model(tiny: Path, lora: Lora, machine: Train) -> None:
    shape = plan.shape_of(tiny, lora)
    trainable, total = backend.load(tiny, lora, machine, 64, seed=1).get_nb_trainable_parameters()
    assert (shape.trained, shape.weights) == (trainable, total - trainable)
    assert (shape.layers, shape.heads, shape.hidden, shape.vocabulary) == (2, 2, 32, 49152)


def test_unknown_target_modules_name_the_layers(tiny: Path, lora: Lora) -> None:
    with pytest.raises(Failure, match=r"no layer is called qkv; .* are down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj"):
        plan.shape_of(tiny, lora.model_copy(update={"target_modules": ["qkv", "q_proj"]}))  # peft would adapt q_proj alone


def test_what_saves_memory_lowers_the_estimate(tiny: Path, lora: Lora, section: AdapterTraining, machine: Train) -> None:
    shape = plan.shape_of(tiny, lora)
    batch = plan.Batch(rows=4, longest=512, labelled=100)
    needed = plan.memory(shape, lora, section, machine, batch)
    for change in ({"gradient_checkpointing": True}, {"load_in": "4bit"}, {"attention": "sdpa"}):
        assert plan.memory(shape, lora, section, machine.model_copy(update=change), batch) < needed
    for smaller in ({"rows": 1}, {"longest": 256}, {"labelled": 10}):
        assert plan.memory(shape, lora, section, machine, dataclasses.replace(batch, **smaller)) < needed
    several = machine.launch.model_copy(update={"strategy": "ddp", "processes": 2})
    assert plan.memory(shape, lora, section, machine.model_copy(update={"launch": several}), batch) > needed


def test_the_largest_batch_is_of_the_longest_rows_and_the_places_of_their_labels(
    section: AdapterTraining, machine: Train
) -> None:
    lengths, labels = [9, 5, 7, 8], [[-100] * 8 + [3], [4] * 5, [-100] * 7, [-100] * 4 + [5] * 4]
    assert plan.largest(lengths, labels, section, machine) == plan.Batch(rows=2, longest=9, labelled=5)
    packed = machine.model_copy(update={"packing": True, "packed_tokens": 32})
    assert plan.largest(lengths, labels, section, packed) == plan.Batch(rows=2, longest=32, labelled=32)


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
    announce("products", tiny, {"train": rows.read(tokens, "train")}, 40, lora, section, machine)
    said = capsys.readouterr().out
    assert "40 rows, 470 tokens an epoch, the longest 16; 20 steps of 4 rows" in said
    assert "no CUDA GPU found" in said or torch.cuda.is_available()


@pytest.mark.parametrize(("epochs", "max_steps", "steps"), [(1.0, 0, 10), (2.0, 0, 20), (0.5, 0, 5), (0.25, 0, 3), (2.0, 7, 7)])
def test_steps(epochs: float, max_steps: int, steps: int, section: AdapterTraining) -> None:
    assert plan.steps_of(40, section.model_copy(update={"epochs": epochs, "max_steps": max_steps}), 1) == steps


@pytest.mark.parametrize(("processes", "steps"), [(1, 20), (2, 10), (8, 4)])
def test_several_processes_share_the_rows(processes: int, steps: int, section: AdapterTraining) -> None:
    assert plan.steps_of(40, section, processes) == steps


def test_packed_rows_make_fewer_steps(tokens: Path, machine: Train) -> None:
    data = rows.read(tokens, "train")
    packed = machine.model_copy(update={"packing": True})
    assert plan.rows_of(data, machine, 32) == 40
    assert plan.rows_of(data, packed, 32) == pytest.approx(sum(map(len, data["input_ids"])) / 32, abs=3)


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

        parts = changed(lora, dropout=0.0), changed(section, **SHORT), changed(machine)
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
        {"dropout": 0.1}, {"rslora": True}, {"dora": True}, {"init": "gaussian"}, {"init": "pissa"}, {"init": "olora"},
        {"bias": "all"}, {"target_modules": ["q_proj"]}, {"neftune_alpha": 5.0}, {"optimiser": "adamw_8bit"},
        {"optimiser": "adafactor"}, {"scheduler": "cosine"}, {"gradient_checkpointing": True},
        {"packing": True, "packed_tokens": 32, "attention": "sdpa"}, {"dtype": "float32"}, {"keep": "best", "patience": 1},
        {"valid_steps": 0, "save_steps": 0},
    ],
    ids=lambda changes: "-".join(f"{key}={value}" for key, value in changes.items()),
)  # fmt: skip
def test_every_option_trains_and_what_is_saved_is_what_was_trained(changes: dict[str, Any], fitted: Fitted) -> None:
    record = fitted(**changes)
    assert record["steps"] == 4
    assert math.isfinite(record["valid_loss"])
    assert torch.allclose(record["logits"], record["trained"], atol=0.02)


@pytest.mark.slow
def test_a_base_of_8_bits_is_trained_on(fitted: Fitted) -> None:  # 4 bits: test_profiles.py
    record = fitted(load_in="8bit")
    assert record["steps"] == 4
    assert math.isfinite(record["valid_loss"])


@pytest.mark.slow
def test_packed_rows_do_not_see_each_other(fitted: Fitted, tmp_path: Path) -> None:
    still = {"learning_rate": 1e-12, "dtype": "float32", "batch_size": 6, "max_steps": 1}
    apart = fitted(**still)["valid_loss"]  # of one batch
    shutil.rmtree(tmp_path / "work")
    packed = fitted(**still, packing=True, packed_tokens=128, attention="sdpa")["valid_loss"]  # of one sequence
    assert packed == pytest.approx(apart, abs=1e-5)


@pytest.mark.slow
def test_a_packed_epoch_counts_every_token_once(
    tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, tmp_path: Path
) -> None:
    packed = machine.model_copy(update={"packing": True, "packed_tokens": 32, "attention": "sdpa"})
    _, record = fit("products", tiny, tokens, lora, section.model_copy(update={"epochs": 1.0}), packed, tmp_path)
    assert record["tokens"] == 470
    assert record["curve"][-1]["step"] == record["steps"] < 10


@pytest.mark.slow
def test_the_last_logits_serve_as_well_as_chosen_ones(fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = {"dropout": 0.0, "dtype": "float32"}
    chosen = fitted(**exact)["curve"]
    shutil.rmtree(tmp_path / "work")

    def with_tail(**options: Any) -> LabelTrainer:
        return LabelTrainer(**{**options, "tail": True})

    monkeypatch.setattr(run, "LabelTrainer", with_tail)
    last = fitted(**exact)["curve"]
    first, second = ([point["loss"] for point in curve if "loss" in point] for curve in (chosen, last))
    assert second == pytest.approx(first, rel=1e-4)


@pytest.mark.slow
def test_a_second_gpu_is_left_alone_where_nothing_is_launched(
    tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    made = settings.settings

    def with_two(*arguments: Any) -> Any:
        told = made(*arguments)
        told._n_gpu = 2  # transformers would then give each of them batch_size rows
        return told

    monkeypatch.setattr(run, "settings", with_two)
    _, record = fit("products", tiny, tokens, lora, section.model_copy(update={"epochs": 1.0}), machine, tmp_path)
    assert record["curve"][-1]["step"] == 10


@pytest.mark.slow
def test_it_stops_early_and_keeps_the_best(
    tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, tmp_path: Path
) -> None:
    steep = {"learning_rate": 0.5, "keep": "best", "patience": 2, "valid_steps": 2, "save_steps": 2, "save_limit": 20}
    options = ("products", tiny, tokens, lora, section.model_copy(update=steep), machine, tmp_path)
    model, record = fit(*options)
    losses = [point["valid_loss"] for point in record["curve"] if "valid_loss" in point]
    assert record["steps"] < 20
    assert record["valid_loss"] == record["best_valid_loss"] == min(losses) == losses[-3]
    assert checkpoints.latest(tmp_path) == tmp_path / f"checkpoint-{record['steps']}"
    again, same = fit(*options)  # as after a kill before the adapter was saved
    assert same == record
    shutil.rmtree(tmp_path / f"checkpoint-{record['steps']}")  # as after one between two bad validations
    later, same = fit(*options)
    assert same == record
    assert trained(model) == trained(again) == trained(later)


def trained(model: Any) -> str:
    return checkpoint.digest((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


@pytest.mark.slow
def test_nothing_is_added_to_a_training_that_was_through(
    tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, tmp_path: Path
) -> None:
    changes = {"max_steps": 7, "scheduler": "constant"}
    options = ("products", tiny, tokens, lora, section.model_copy(update=changes), machine, tmp_path)
    model, record = fit(*options)
    again, same = fit(*options)
    assert same == record
    assert trained(again) == trained(model)


@pytest.mark.slow
def test_old_checkpoints_go_when_the_new_one_is_whole(
    tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, tmp_path: Path
) -> None:
    worse = {"learning_rate": 0.5, "keep": "best", "save_limit": 1, "valid_steps": 2, "save_steps": 2, "max_steps": 8}
    _, record = fit("products", tiny, tokens, lora, section.model_copy(update=worse), machine, tmp_path)
    best = next(point["step"] for point in record["curve"] if point.get("valid_loss") == record["best_valid_loss"])
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {f"checkpoint-{best}", "checkpoint-8"}


@pytest.mark.slow
def test_lora_plus_moves_b_faster(tiny: Path, fitted: Fitted, tmp_path: Path) -> None:
    def b_of(ratio: float) -> float:
        fitted(lora_plus_ratio=ratio)
        weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
        for path in (tmp_path / "work").glob("checkpoint-*/complete"):
            path.unlink()
        return max(float(tensor.abs().max()) for name, tensor in weights.items() if "lora_B" in name)

    assert b_of(8.0) > 4 * b_of(1.0)


@pytest.mark.slow
def test_the_curve_can_be_watched(fitted: Fitted, tmp_path: Path) -> None:
    record = fitted()
    lines = (tmp_path / "loss.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "adapter,kind,step,loss"
    trained = [(point["step"], f"{point['loss']:.5g}") for point in record["curve"] if "loss" in point]
    assert [f"products,train,{step},{loss}" for step, loss in trained] == lines[1 : 1 + len(trained)]
    assert lines[-1].startswith("products,valid,4,")


def test_loftq_needs_a_4bit_base(fitted: Fitted) -> None:
    with pytest.raises(Failure, match=r"train.load_in is 16bit; set it to 4bit"):
        fitted(init="loftq")
    if not torch.cuda.is_available():
        with pytest.raises(Failure, match="loftq is computed by peft on CUDA alone"):
            fitted(init="loftq", load_in="4bit")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patience": 2}, "patience needs keep: best"),
        ({"keep": "best", "valid_steps": 4, "save_steps": 6}, "save_steps to be a multiple of valid_steps = 4"),
        ({"keep": "best", "valid_steps": 4, "save_steps": 0}, "save_steps to be a multiple of valid_steps = 4"),
        ({"valid_steps": 0, "save_steps": 5}, "save_steps needs valid_steps"),
    ],
)
def test_checkpoints_that_do_not_fit(changes: dict[str, Any], message: str, section: AdapterTraining) -> None:
    with pytest.raises(ValueError, match=message):
        AdapterTraining.model_validate({**section.model_dump(), **changes})


@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_is_valid(profile: Path) -> None:
    params.load(profile)
