"""The path of a CUDA machine with stand-ins for it: what is chosen, and what the libraries are told. No kernel runs here."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from stages.params import AdapterTraining, Lora, Train
from stages.train import backend, plan, settings
from stages.train.run import fit

GUIDE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(params=[True, False], ids=["bf16", "fp16"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    """A GPU as torch tells of it; returns the 16-bit type that it computes in."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: request.param)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Stand-in GPU")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (8_000_000_000, 16_000_000_000))
    return torch.bfloat16 if request.param else torch.float16


@pytest.fixture
def unsloth(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """A module called unsloth that records what it is asked for."""
    asked: dict[str, dict[str, Any]] = {}

    def record(name: str, result: Any) -> Any:
        def called(*_: Any, **options: Any) -> Any:
            asked[name] = options
            return result

        return called

    module = ModuleType("unsloth")
    module.FastLanguageModel = SimpleNamespace(  # type: ignore[attr-defined]
        from_pretrained=record("from_pretrained", ("model", "tokenizer")), get_peft_model=record("get_peft_model", "adapted")
    )
    monkeypatch.setitem(sys.modules, "unsloth", module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    return asked


def test_the_type_is_bfloat16_where_the_gpu_has_it(gpu: torch.dtype) -> None:
    assert backend.dtype_of("auto") == gpu
    assert backend.dtype_of("float32") == torch.float32
    assert backend.device() == "Stand-in GPU"
    assert plan.available() == 8_000_000_000


def test_the_trainer_is_told_the_type_and_the_deterministic_switch(
    gpu: torch.dtype, section: AdapterTraining, machine: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SFTConfig", dict)
    told: dict[str, Any] = settings.settings(section, machine, 64, tmp_path, True)  # type: ignore[assignment]
    assert (told["bf16"], told["fp16"]) == (gpu == torch.bfloat16, gpu == torch.float16)
    assert (told["use_cpu"], told["dataloader_pin_memory"], told["full_determinism"]) == (False, True, True)
    assert (told["fsdp"], told["ddp_backend"]) == (None, None)


def test_fsdp_shares_out_every_layer_and_ddp_leaves_the_backend_to_torch(
    gpu: torch.dtype, section: AdapterTraining, machine: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SFTConfig", dict)
    told: Any = settings.settings(section, _several(machine, "fsdp"), 64, tmp_path, True)
    assert told["fsdp"] is True
    assert told["fsdp_config"]["auto_wrap_policy"] == "TRANSFORMER_BASED_WRAP"
    told = settings.settings(section, _several(machine, "ddp"), 64, tmp_path, True)
    assert (told["fsdp"], told["ddp_backend"], told["ddp_find_unused_parameters"]) == (None, None, False)


def _several(machine: Train, strategy: str) -> Train:
    return machine.model_copy(update={"launch": machine.launch.model_copy(update={"strategy": strategy, "processes": 2})})


@pytest.mark.slow
def test_deterministic_kernels_are_demanded_of_every_device(
    tiny: Path,
    tokens: Path,
    lora: Lora,
    section: AdapterTraining,
    machine: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.use_deterministic_algorithms(False)
    fit("products", tiny, tokens, lora, section.model_copy(update={"max_steps": 1}), machine, tmp_path)
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.parametrize("load_in", ["4bit", "8bit", "16bit"])
@pytest.mark.parametrize("strategy", ["none", "fsdp"])
def test_what_a_quantised_base_is_loaded_with(
    load_in: str, strategy: str, gpu: torch.dtype, lora: Lora, machine: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}

    def frozen(base: Path, **options: Any) -> Any:
        told.update(options)
        raise InterruptedError

    monkeypatch.setattr(backend, "_frozen", frozen)
    section = _several(machine, strategy) if strategy == "fsdp" else machine
    with pytest.raises(InterruptedError):
        backend.load(tmp_path, lora, section.model_copy(update={"load_in": load_in, "backend": "peft"}), 64, seed=1)
    found = told["quantization_config"]
    assert told["dtype"] == gpu
    if load_in == "16bit":
        assert found is None
    elif load_in == "8bit":
        assert found.load_in_8bit
    else:
        assert (found.bnb_4bit_quant_type, found.bnb_4bit_compute_dtype) == ("nf4", gpu)
        assert found.bnb_4bit_quant_storage == (gpu if strategy == "fsdp" else torch.uint8)


@pytest.mark.parametrize("load_in", ["4bit", "8bit", "16bit"])
def test_what_unsloth_is_asked_for(
    load_in: str, gpu: torch.dtype, unsloth: dict[str, dict[str, Any]], lora: Lora, machine: Train, tmp_path: Path
) -> None:
    section = machine.model_copy(update={"load_in": load_in, "gradient_checkpointing": True})
    assert backend.load(tmp_path, lora, section, 2048, seed=7) == "adapted"
    loading, adapting = unsloth["from_pretrained"], unsloth["get_peft_model"]
    assert [key for key in ("load_in_4bit", "load_in_8bit", "load_in_16bit") if loading[key]] == [f"load_in_{load_in}"]
    assert (loading["model_name"], loading["dtype"], loading["max_seq_length"]) == (str(tmp_path), gpu, 2048)
    assert (adapting["r"], adapting["lora_alpha"], adapting["target_modules"]) == (lora.r, lora.alpha, GUIDE)
    assert (adapting["use_gradient_checkpointing"], adapting["random_state"]) == ("unsloth", 7)
