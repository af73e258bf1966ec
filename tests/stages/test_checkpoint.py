"""Models on disk: hashes, sizes, and room for what is to come."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from stages import checkpoint
from stages.command import Failure


def test_a_digest_depends_on_names_and_bytes_not_on_order() -> None:
    one = [("a", torch.tensor([1.0, 2.0])), ("b", torch.tensor([[3.0]]))]
    same = [("b", torch.tensor([[3.0]])), ("a", torch.tensor([0.0, 1.0, 2.0])[1:])]
    others = [
        [("a", torch.tensor([1.0, 2.0])), ("c", torch.tensor([[3.0]]))],
        [("a", torch.tensor([1.0, 2.0])), ("b", torch.tensor([[3.0000002]]))],
        [("a", torch.tensor([2.0, 1.0])), ("b", torch.tensor([[3.0]]))],
    ]
    assert checkpoint.digest(one) == checkpoint.digest(same)
    assert checkpoint.digest(one) not in [checkpoint.digest(other) for other in others]


def test_a_size_counts_safetensors_only(tmp_path: Path) -> None:
    for name, size in (("model-1.safetensors", 5), ("model-2.safetensors", 7), ("tokenizer.json", 100)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert checkpoint.size_of(tmp_path) == 12


@pytest.mark.parametrize(("free", "fits"), [(3_000_000_000, True), (2_999_999_999, False), (10, False)])
def test_a_long_job_starts_only_where_its_result_fits(
    free: int, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    out = tmp_path / "models" / "merged"
    if fits:
        checkpoint.require_space(out, 3_000_000_000, "merge")
        return
    with pytest.raises(Failure) as caught:
        checkpoint.require_space(out, 3_000_000_000, "merge")
    assert str(caught.value) == f"merge: 3.00 GB are needed in {out}, {free / 1e9:.2f} GB are free; make room"


def test_a_folder_without_a_model_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"holds no model \(no config.json\); run `dvc repro` to make it, or `dvc pull`"):
        checkpoint.load_tokenizer(tmp_path)


@pytest.mark.slow
def test_the_head_of_a_model_is_given_places_that_lie_together(base: Path) -> None:
    """Else torch copies a frozen head's weights for every row of a batch."""
    model, _ = checkpoint.load(base, "float32", None)
    seen: list[bool] = []
    model.get_output_embeddings().register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].is_contiguous()))
    model(input_ids=torch.ones(2, 5, dtype=torch.long), logits_to_keep=2)
    assert seen == [True]
