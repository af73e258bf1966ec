"""The base with a fresh adapter on it: by unsloth on CUDA, by transformers and peft anywhere.

unsloth refuses to be imported without a GPU, and must be imported before transformers, peft and trl with one: so the choice
is made first (`stages.train.__main__`), and each backend imports its own libraries.
"""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from stages.command import Failure
from stages.params import Lora, Train

LINEAR_OF_LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def choose(section: Train, lora: Lora) -> str:
    """`unsloth` or `peft`, for this machine and this adapter.

    Raises:
        Failure: unsloth is demanded and cannot run here, or cannot make such an adapter; FSDP is, and there is no GPU.
    """
    wanted, shared = section.backend, section.launch.strategy == "fsdp"
    if shared and not torch.cuda.is_available():
        raise Failure(
            "train.launch.strategy is fsdp, which shares the weights out among GPUs, and none was found; set it to ddp"
        )
    possible = torch.cuda.is_available() and importlib.util.find_spec("unsloth") is not None
    able = not lora.dora and lora.init == "default" and not shared
    if wanted == "unsloth" and not possible:
        raise Failure("train.backend is unsloth, which needs a CUDA GPU and requirements.txt; set it to auto or peft")
    if wanted == "unsloth" and not able:
        raise Failure(
            "train.backend is unsloth, which makes plain LoRA here; set it to auto or peft for dora, another init or fsdp"
        )
    return "unsloth" if wanted != "peft" and possible and able else "peft"


def device() -> str:
    """What training will run on, in words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads (no CUDA GPU found)"


def dtype_of(wanted: str) -> torch.dtype:
    """The type of the frozen weights: `auto` is bfloat16 where the device computes in it, else float16 or float32."""
    if wanted != "auto":
        return getattr(torch, wanted)  # type: ignore[no-any-return]
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32


def load(base: Path, lora: Lora, section: Train, max_seq_len: int, seed: int) -> Any:
    """The base at `base`, frozen, with a fresh adapter; seeded, so that its initial weights are always the same."""
    make = _with_unsloth if choose(section, lora) == "unsloth" else _with_peft
    return make(base, lora, section, max_seq_len, seed)


def _with_peft(base: Path, lora: Lora, section: Train, max_seq_len: int, seed: int) -> Any:
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training, replace_lora_weights_loftq
    from transformers import BitsAndBytesConfig, set_seed

    from stages.fused import attention, norm
    from stages.fused import lora as linear

    dtype, shared = dtype_of(section.dtype), section.launch.strategy == "fsdp"
    if lora.init == "loftq" and section.load_in != "4bit":
        raise Failure(f"init: loftq makes up for a 4-bit base, but train.load_in is {section.load_in}; set it to 4bit")
    if lora.init == "loftq" and not torch.cuda.is_available():
        raise Failure("init: loftq is computed by peft on CUDA alone, and no GPU was found; set it to pissa or default")
    quantisation = {
        "16bit": None,
        "8bit": BitsAndBytesConfig(load_in_8bit=True),
        "4bit": BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if shared else None,  # FSDP shares out floating-point tensors only
        ),
    }  # fmt: skip
    own, cpu = section.attention == "grouped", not torch.cuda.is_available()
    how = None if own else section.attention  # None: transformers' own choice, for a GPU
    model = _frozen(base, dtype=dtype, quantization_config=quantisation[section.load_in], attn_implementation=how)
    if own and (cpu or not attention.fits(model)):
        model.set_attn_implementation(attention.GROUPED if attention.fits(model) else "eager")
    model.config.use_cache = False
    if section.load_in != "16bit":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=section.gradient_checkpointing)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        bias=lora.bias,
        target_modules=lora.target_modules,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        init_lora_weights=lora.init if lora.init in ("gaussian", "pissa", "olora") else True,
    )
    set_seed(seed)
    model = get_peft_model(model, config)
    if lora.init == "loftq":
        replace_lora_weights_loftq(model, str(base / "model.safetensors"))
    if cpu:
        linear.fuse(model)
        linear.share(model)
        norm.fuse(model)
    if section.compile:
        compile_layers(model)
    return model


def _frozen(base: Path, **options: Any) -> Any:
    """The base at `base`, whole.

    Raises:
        Failure: its weights are not those that its configuration speaks of; transformers would draw the missing ones at random.
    """
    from transformers import AutoModelForCausalLM

    try:
        model, loading = AutoModelForCausalLM.from_pretrained(base, local_files_only=True, output_loading_info=True, **options)
    except RuntimeError as error:
        if "mismatch" not in str(error):
            raise
        raise Failure(
            f"train: the weights of {base} have other shapes than its config.json says; make the base again"
        ) from error
    if loading["missing_keys"]:
        raise Failure(
            f"train: {base} has no weights for {sorted(loading['missing_keys'])[0]} of its config.json; make the base again"
        )
    return model


def compile_layers(model: Any) -> None:
    """Let torch compile each decoder layer, for rows of any length; it does so at the first step.

    Raises:
        Failure: there is no C++ compiler, which it needs on a CPU.
    """
    compiler = os.environ.get("CXX", "g++")
    if not torch.cuda.is_available() and shutil.which(compiler) is None:
        raise Failure(f"train.compile needs a C++ compiler, and {compiler} was not found; install it or set compile: false")
    kinds = model.get_base_model()._no_split_modules  # what transformers calls the layers of a model
    for layer in model.modules():
        if type(layer).__name__ in kinds:
            layer.compile(dynamic=True)


def _with_unsloth(base: Path, lora: Lora, section: Train, max_seq_len: int, seed: int) -> Any:
    from unsloth import FastLanguageModel

    targets = LINEAR_OF_LLAMA if lora.target_modules == "all-linear" else lora.target_modules
    model, _ = FastLanguageModel.from_pretrained(
        model_name=str(base),
        max_seq_length=max_seq_len,
        dtype=dtype_of(section.dtype),
        load_in_4bit=section.load_in == "4bit",
        load_in_8bit=section.load_in == "8bit",
        load_in_16bit=section.load_in == "16bit",
        local_files_only=True,
    )
    return FastLanguageModel.get_peft_model(
        model,
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        bias=lora.bias,
        target_modules=targets,
        use_rslora=lora.rslora,
        use_gradient_checkpointing="unsloth" if section.gradient_checkpointing else False,
        random_state=seed,
    )
