"""The rows of a batch, shared out among threads."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from stages import checkpoint
from stages.params import AdapterTraining, Lora, Train
from stages.train import run
from stages.train.cores import Cores, cores
from stages.train.run import fit


def _loss(weight: torch.Tensor) -> Any:
    return lambda rows: cross_entropy(rows["x"] @ weight, rows["y"], reduction="sum")


@pytest.mark.parametrize("rows", [1, 2, 4, 5])
def test_loss_and_gradients_are_those_of_the_whole_batch(rows: int) -> None:
    torch.manual_seed(0)
    inputs = {"x": torch.randn(rows, 6, dtype=torch.float64), "y": torch.randint(0, 3, (rows,))}
    weight, unused = (torch.randn(6, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    whole = _loss(weight)(inputs)
    (whole / 7).backward()
    wanted, weight.grad = weight.grad, None
    shared = Cores(2, 4).loss(_loss(weight), inputs, [weight, unused])
    (shared / 7).backward()
    torch.testing.assert_close(shared, whole)
    torch.testing.assert_close(weight.grad, wanted)
    assert unused.grad is None


def test_a_weight_that_some_rows_alone_reach_has_its_gradient() -> None:
    weight = torch.ones(1, requires_grad=True)

    def loss(rows: dict[str, torch.Tensor]) -> torch.Tensor:
        other = torch.zeros(1, requires_grad=True).sum()
        return other + (3 * weight).sum() if rows["x"].any() else other

    Cores(2, 2).loss(loss, {"x": torch.tensor([0, 1])}, [weight]).backward()
    assert weight.grad is not None and weight.grad.item() == 3


@pytest.mark.parametrize(("threads", "rows", "parts"), [(2, 4, 2), (8, 4, 4), (4, 6, 2), (2, 3, 1), (7, 4, 1)])
def test_parts_are_alike(threads: int, rows: int, parts: int) -> None:
    assert Cores(threads, rows).parts == parts


def test_every_thread_has_its_share_of_the_cores_and_the_main_one_keeps_all() -> None:
    before, seen = torch.get_num_threads(), []
    weight = torch.ones(1, requires_grad=True)

    def loss(rows: dict[str, torch.Tensor]) -> torch.Tensor:
        seen.append((len(rows["x"]), torch.get_num_threads()))
        return (rows["x"] * weight).sum()

    Cores(8, 4).loss(loss, {"x": torch.ones(8)}, [weight])
    assert seen == [(2, 2)] * 4
    assert torch.get_num_threads() == before


def test_a_fault_of_one_thread_is_told() -> None:
    def loss(_: dict[str, torch.Tensor]) -> torch.Tensor:
        raise ValueError("no such row")

    with pytest.raises(ValueError, match="no such row"):
        Cores(2, 2).loss(loss, {"x": torch.ones(2)}, [])


@pytest.mark.parametrize(
    ("of", "change"),
    [("lora", {"dropout": 0.1}), ("section", {"neftune_alpha": 5.0}), ("section", {"batch_size": 1}),
     ("machine", {"compile": True}), ("machine", {"gradient_checkpointing": True}), ("machine", {"load_in": "8bit"}),
     ("machine", {"packing": True}), ("machine", {"threads": 1}), ("config", {"attention_dropout": 0.1})],
)  # fmt: skip
def test_what_is_not_exact_or_not_faster_is_left_to_one_thread(
    of: str, change: dict[str, Any], lora: Lora, section: AdapterTraining, machine: Train
) -> None:
    given: dict[str, Any] = {"config": {"attention_dropout": 0.0}, "lora": lora, "section": section, "machine": machine}
    assert cores(**given)
    changed = change if of == "config" else given[of].model_copy(update=change)
    assert cores(**{**given, of: changed}) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "dora", "near"), [("float32", False, 1e-4), ("bfloat16", False, 1e-2), ("bfloat16", True, 1e-2)]
)
def test_a_training_has_the_same_bytes_every_time_and_the_curve_of_one_thread(
    dtype: str, dora: bool, near: float, tiny: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kind, short = machine.model_copy(update={"dtype": dtype}), section.model_copy(update={"max_steps": 12})

    def trained(name: str) -> tuple[str, list[float]]:
        (tmp_path / name).mkdir()
        model, record = fit("products", tiny, tokens, lora.model_copy(update={"dora": dora}), short, kind, tmp_path / name)
        weights = ((n, p) for n, p in model.named_parameters() if p.requires_grad)
        return checkpoint.digest(weights), [point["loss"] for point in record["curve"] if "loss" in point]

    first, again = trained("first"), trained("again")
    monkeypatch.setattr(run, "cores", lambda *_: None)
    alone = trained("alone")
    assert first == again != alone
    assert first[1] == pytest.approx(alone[1], rel=near)
