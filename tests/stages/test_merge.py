"""The proof of a merge, and what is refused before and after it."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from stages import examples, merge
from stages.command import Failure
from stages.examples import Example
from stages.params import Params


def test_equal_logits_have_no_distance() -> None:
    logits = [torch.tensor([[1.0, 2.0, 3.0]]), torch.zeros(2, 3)]
    assert merge.proof(logits, [each.clone() for each in logits]) == {
        "max_logit_difference": 0.0, "mean_logit_difference": 0.0, "kl_divergence": 0.0,
    }  # fmt: skip


def test_the_distances_of_known_logits() -> None:
    wanted = [torch.log(torch.tensor([[0.5, 0.5]])), torch.log(torch.tensor([[0.25, 0.75]]))]
    found = [torch.log(torch.tensor([[0.25, 0.75]])), torch.log(torch.tensor([[0.25, 0.75]]))]
    record = merge.proof(wanted, found)
    one, other = torch.log(torch.tensor(2.0)).item(), torch.log(torch.tensor(1.5)).item()
    assert record["max_logit_difference"] == pytest.approx(one)
    assert record["mean_logit_difference"] == pytest.approx((one + other) / 4)
    assert record["kl_divergence"] == pytest.approx((0.5 * one - 0.5 * other) / 2)  # two tokens, one of them equal


def test_a_shift_of_all_logits_changes_no_probability() -> None:
    record = merge.proof([torch.zeros(1, 4)], [torch.full((1, 4), -0.5)])
    assert record["max_logit_difference"] == 0.5
    assert record["kl_divergence"] == pytest.approx(0, abs=1e-7)


def test_tensor_names_of_all_files(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "model-1.safetensors")
    save_file({"c": torch.zeros(1)}, tmp_path / "model-2.safetensors")
    assert merge.tensor_names(tmp_path) == {"a", "b", "c"}


def _proven(tmp_path: Path, loaded: Params) -> dict[str, object]:
    save_file({"a": torch.zeros(1000)}, tmp_path / "model.safetensors")
    return merge.proven(tmp_path, tmp_path / "adapter", tmp_path / "out" / "products", [[1]], "float16", loaded.merge)


def test_no_room_stops_before_anything_is_written(tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(Failure, match=r"merge: 0\.00 GB are needed in .*out, 0\.00 GB are free; make room"):
        _proven(tmp_path, loaded)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("difference", "names", "message"),
    [
        (0.3, ["a"], r"logits differ by 0\.3000 > merge.max_logit_difference = 0\.25"),
        (float("nan"), ["a"], "logits differ by nan"),
        (0.0, ["a", "b"], "the merged model's tensors are not the base's"),
        (0.2, ["a"], None),
    ],
)
def test_only_a_proven_merge_is_kept(
    difference: float, names: list[str], message: str | None, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(base: Path, adapter: Path, out: Path, dtype: str) -> None:
        out.mkdir()
        save_file({name: torch.zeros(1000) for name in names}, out / "model.safetensors")

    def logits(folder: Path, adapter: Path | None, probes: list[list[int]]) -> list[torch.Tensor]:
        return [torch.full((1, 4), 0.0 if adapter else difference)]

    monkeypatch.setattr(merge, "merge", write)
    monkeypatch.setattr(merge, "logits_of", logits)
    if message is None:
        assert _proven(tmp_path, loaded)["max_logit_difference"] == pytest.approx(0.2)
        assert sorted(path.name for path in (tmp_path / "out" / "products").iterdir()) == ["merge.json", "model.safetensors"]
    else:
        with pytest.raises(Failure, match=message):
            _proven(tmp_path, loaded)
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_probes_are_the_first_examples_of_the_tasks(tmp_path: Path, base: Path, loaded: Params) -> None:
    path = tmp_path / "test.jsonl"
    examples.write(
        path,
        [Example(f"d-{task}-{n}", task, ["d"], "g", "en", "Open?", "No.") for n in range(3) for task in ("faq", "extract")],
    )
    probes = merge.probes_of(path, ["faq"], base, loaded.prompt, 2)
    assert len(probes) == 2
    assert probes[0][-1] == 2  # eos
    with pytest.raises(Failure, match=r"has no example of continue; add documents, or raise prepare\.test_share"):
        merge.probes_of(path, ["continue"], base, loaded.prompt, 2)
