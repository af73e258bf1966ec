"""Sums file by file, of every kind of LoRA, against peft's own merge; and what is refused by its headers."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from stages import checkpoint
from stages.command import Failure
from stages.merge import fuse
from tests.stages.merge.conftest import Make

KINDS: dict[str, dict[str, Any]] = {
    "lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True}, "biases": {"bias": "all"},
    "ranks": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 16}}, "some": {"target_modules": ["q_proj"]},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_sum_is_pefts_rounded_once(kind: str, small: Path, adapter: Make, tmp_path: Path) -> None:
    weights = adapter(small, **KINDS[kind])
    fuse.check(small, weights)
    fuse.write(small, weights, tmp_path / "out")
    model, _ = checkpoint.load(small, "float32", weights)
    wanted = {name: tensor.half() for name, tensor in model.merge_and_unload().state_dict().items()}
    files = sorted(path.name for path in (tmp_path / "out").glob("*.safetensors"))
    assert files == sorted(path.name for path in small.glob("*.safetensors"))
    assert len(files) == 2
    found = {name: tensor for file in files for name, tensor in load_file(tmp_path / "out" / file).items()}
    changed = {name for name, tensor in found.items() if not torch.equal(tensor, _tensors(small)[name])}
    assert changed >= {f"model.layers.{n}.self_attn.q_proj.weight" for n in (0, 1)}
    assert (kind == "biases") == any(name.endswith("bias") for name in changed)
    assert {name: tensor for name, tensor in wanted.items() if name in found}.keys() == found.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, wanted[name]), name


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}


@pytest.mark.slow
def test_what_stands_beside_the_weights_is_the_bases_own(small: Path, adapter: Make, tmp_path: Path) -> None:
    fuse.write(small, adapter(small), tmp_path / "out")
    names = {path.name for path in small.iterdir()}
    assert {"config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json"} <= names
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    for path in small.iterdir():
        if path.suffix != ".safetensors":
            assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
    assert fuse.headers(small) == fuse.headers(tmp_path / "out")


@pytest.mark.slow
def test_a_sum_that_is_not_finite_is_one_line(small: Path, adapter: Make, tmp_path: Path) -> None:
    weights = adapter(small)
    tensors = load_file(weights / "adapter_model.safetensors")
    key = next(name for name in tensors if "lora_B" in name)
    tensors[key][0, 0] = float("nan")
    save_file(tensors, weights / "adapter_model.safetensors")
    with pytest.raises(Failure, match=r"merge: the sum in model\.layers\..* is not finite; the training diverged"):
        fuse.write(small, weights, tmp_path / "out")


# --- what belongs together: headers alone decide, so a few bytes stand for the models


def _base(folder: Path, kind: torch.dtype = torch.float16, **config: Any) -> Path:
    folder.mkdir()
    save_file({"model.q_proj.weight": torch.zeros(6, 8, dtype=kind)}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _adapter(folder: Path, rank: int = 2, **tensors: torch.Tensor) -> Path:
    folder.mkdir()
    made = {"q_proj.lora_A.weight": torch.zeros(2, 8), "q_proj.lora_B.weight": torch.zeros(6, 2), **tensors}
    save_file({f"base_model.model.model.{name}": tensor for name, tensor in made.items()}, folder / "a.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}), encoding="utf-8")
    return folder


def test_an_adapter_of_its_base_passes(tmp_path: Path) -> None:
    fuse.check(_base(tmp_path / "base"), _adapter(tmp_path / "adapter"))


@pytest.mark.parametrize(
    ("tensors", "rank", "message"),
    [
        (
            {"q_proj.lora_A.weight": torch.zeros(2, 9)},
            2,
            "lora_A of model.q_proj is [2, 9], the layer [6, 8]; it was trained on",
        ),
        (
            {"q_proj.lora_B.weight": torch.zeros(5, 2)},
            2,
            "lora_B of model.q_proj is [5, 2], the layer [6, 8]; it was trained on",
        ),
        ({"o_proj.lora_A.weight": torch.zeros(2, 8)}, 2, "changes model.o_proj, which"),
        ({}, 4, "lora_A of model.q_proj has rank 2, adapter_config.json says 4; the two files are of different trainings"),
        ({"lm_head.weight": torch.zeros(6, 8)}, 2, "holds base_model.model.model.lm_head.weight, which is no LoRA weight"),
    ],
)
def test_an_adapter_of_another_base_or_rank_is_one_line(
    tensors: dict[str, torch.Tensor], rank: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(Failure, match=re.escape(message)):
        fuse.check(_base(tmp_path / "base"), _adapter(tmp_path / "adapter", rank, **tensors))


@pytest.mark.parametrize(
    ("kind", "config", "how"),
    [(torch.uint8, {}, "integers"), (torch.uint8, {"quantization_config": {"quant_method": "bitsandbytes"}}, "bitsandbytes")],
)
def test_a_4_bit_base_is_never_merged_into(kind: torch.dtype, config: dict[str, Any], how: str, tmp_path: Path) -> None:
    with pytest.raises(
        Failure, match=rf"holds quantised weights \({how}\); a sum rounded to 4 bits loses more than an adapter"
    ):
        fuse.check(_base(tmp_path / "base", kind, **config), _adapter(tmp_path / "adapter"))


def test_a_raw_pissa_adapter_is_refused(tmp_path: Path) -> None:
    adapter = _adapter(tmp_path / "adapter")
    (adapter / "adapter_config.json").write_text(json.dumps({"r": 2, "init_lora_weights": "pissa_niter_4"}), encoding="utf-8")
    with pytest.raises(Failure, match="is a raw pissa_niter_4 adapter, of a base that it changed"):
        fuse.check(_base(tmp_path / "base"), adapter)


def test_a_missing_adapter_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"adapter_config.json does not exist; run `dvc repro` to make it"):
        fuse.check(_base(tmp_path / "base"), tmp_path / "none")


@pytest.mark.parametrize("name", ["base/model.safetensors", "base/config.json", "adapter/a.safetensors",
                                  "adapter/adapter_config.json"])  # fmt: skip
def test_half_a_file_is_one_line(name: str, tmp_path: Path) -> None:
    base, adapter = _base(tmp_path / "base"), _adapter(tmp_path / "adapter")
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Failure, match=rf"merge: .*{name} cannot be read \(.*\); is it whole\? `dvc pull -f` fetches it again"):
        fuse.check(base, adapter)


@pytest.mark.slow
def test_the_base_is_untouched(small: Path, adapter: Make, tmp_path: Path) -> None:
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in small.iterdir()}
    fuse.write(small, adapter(small), tmp_path / "out")
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in small.iterdir()} == before
