"""A whole merge of a small model: what is kept, and when nothing is."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from stages import checkpoint
from stages.command import Failure
from stages.merge import __main__ as stage
from stages.merge import fuse
from stages.params import Params
from tests.stages.merge.conftest import Make

pytestmark = pytest.mark.slow
PROBES = [[5, 6, 7], [8, 9, 10, 11]]


def _merge(small: Path, weights: Path, out: Path, loaded: Params, **changes: Any) -> dict[str, Any]:
    return stage.merge(small, weights, out / "products", PROBES, loaded.merge.model_copy(update=changes))


def test_a_merge_is_kept_with_its_proof(small: Path, adapter: Make, tmp_path: Path, loaded: Params) -> None:
    record = _merge(small, adapter(small), tmp_path / "out", loaded)
    assert record["same_tensors"] is True
    assert record["same_continuations"] == record["continuations"] == record["probes"] == 2
    assert 0 < record["mean_logit_difference"] < record["max_logit_difference"] < 0.01  # float16 was rounded once
    kept = {path.name for path in (tmp_path / "out" / "products").iterdir()}
    assert kept == {path.name for path in small.iterdir()} | {"merge.json"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["products"]


def test_the_bytes_are_the_same_every_time(small: Path, adapter: Make, tmp_path: Path, loaded: Params) -> None:
    weights = adapter(small)
    for run in ("one", "two"):
        _merge(small, weights, tmp_path / run, loaded)
    for path in (tmp_path / "one" / "products").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "products" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("fault", ["threshold", "weights", "names"])
def test_a_merge_that_is_not_proven_leaves_nothing(
    fault: str, small: Path, adapter: Make, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, written = adapter(small), fuse.write

    def spoil(base: Path, adapter: Path, out: Path) -> None:
        written(base, adapter, out)
        path = sorted(out.glob("*.safetensors"))[-1]
        tensors = load_file(path)
        name = next(name for name in tensors if "proj.weight" in name)
        if fault == "weights":
            tensors[name] = tensors[name] + 0.5
        if fault == "names":
            tensors["model.extra"] = tensors[name].clone()
        save_file(tensors, path)

    monkeypatch.setattr(fuse, "write", spoil)
    changes = {"max_mean_logit_difference": 1e-30} if fault == "threshold" else {}
    message = {"threshold": "mean_logit_difference is .* > merge.max_mean_logit_difference",
               "weights": "_logit_difference is .* > merge.max_",
               "names": "tensors are not the base's in name, shape and type"}[fault]  # fmt: skip
    with pytest.raises(Failure, match=f"{message}.*; nothing is kept"):
        _merge(small, weights, tmp_path / "out", loaded, **changes)
    assert list((tmp_path / "out").iterdir()) == []


def test_no_room_stops_before_anything_is_written(
    small: Path, adapter: Make, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = adapter(small)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
        with pytest.raises(Failure, match=r"merge: 0\.01 GB are needed in .*out, 0\.00 GB are free; make room"):
            _merge(small, weights, tmp_path / "out", loaded)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**20))
    with pytest.raises(
        Failure, match=r"GB of memory are needed to prove the merge in float32, 0\.0 GB are free; lower merge.probes"
    ):
        _merge(small, weights, tmp_path / "out", loaded)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("on_card", "in_machine", "device"), [(2**40, 0, "cuda"), (10, 2**40, "cpu"), (10, 10, None)])
def test_the_proof_runs_where_it_fits(
    on_card: int, in_machine: int, device: str | None, small: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (on_card, on_card))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=in_machine))
    if device:
        assert stage.device_with_room(small, PROBES, loaded.merge) == device
        return
    with pytest.raises(Failure, match=r"merge: 0\.0 GB of memory are needed .*, 0\.0 GB are free; lower merge\.probes"):
        stage.device_with_room(small, PROBES, loaded.merge)


def test_the_device_reaches_both_models(
    small: Path, adapter: Make, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    load = checkpoint.load

    def noted(folder: Path, dtype: str, weights: Path | None, device: str | None = None) -> Any:
        asked.append(device)
        return load(folder, dtype, weights, device)

    monkeypatch.setattr(checkpoint, "load", noted)
    monkeypatch.setattr(stage, "device_with_room", lambda *_: "cpu")
    _merge(small, adapter(small), tmp_path / "out", loaded)
    assert asked == ["cpu", "cpu"]
