"""What a training will take, told before the first weight is loaded.

    train products: peft on CPU, 2 threads (no CUDA GPU found), bfloat16
      4,884,480 of 139,400,064 weights are trained (3.5%)
      1,890 rows, 329,817 tokens an epoch; 284 steps of 4 rows; longest row 702 tokens
      about 3.1 GB of memory, 21.4 GB are free

The estimate is weights, their gradients and optimiser states, and the activations that the backward pass needs
(Korthikanti et al. 2022, arXiv 2205.05198, equation 2, for 16-bit numbers).
"""

import math
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend

BYTES = {"16bit": 2.0, "8bit": 1.0, "4bit": 0.55}  # of a frozen weight; 4-bit with its scales
GB = 1e9


@dataclass(frozen=True)
class Shape:
    """What the estimate needs to know of a base: numbers of weights, layers, attention heads, hidden size, vocabulary."""

    weights: int
    linear: int  # of the weights, those in linear layers
    trained: int
    layers: int
    heads: int
    hidden: int
    vocabulary: int


def shape_of(base: Path, lora: Lora) -> Shape:
    """The shape of a base and of the adapter on it, from its configuration alone."""
    config = AutoConfig.from_pretrained(base, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    layers = [(n.split(".")[-1], m) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and m is not head]
    chosen = [m for name, m in layers if lora.target_modules == "all-linear" or name in lora.target_modules]
    if not chosen:
        found = ", ".join(sorted({name for name, _ in layers}))
        raise Failure(f"train: no layer is called {', '.join(lora.target_modules)}; the linear layers of this base are {found}")
    return Shape(
        weights=model.num_parameters(),
        linear=sum(layer.weight.numel() for _, layer in layers),
        trained=sum(lora.r * (layer.in_features + layer.out_features) for layer in chosen),
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        hidden=config.hidden_size,
        vocabulary=config.vocab_size,
    )


def memory(shape: Shape, section: AdapterTraining, machine: Train, longest: int) -> int:
    """Bytes that a training needs at its peak, estimated; `longest` is the longest row or packed sequence in tokens."""
    half = backend.dtype_of(machine.dtype) != torch.float32
    frozen = shape.linear * (BYTES[machine.load_in] if machine.load_in != "16bit" or half else 4.0)
    rest = (shape.weights - shape.linear) * (2 if half else 4)
    states = shape.trained * (4 + 4 + (2 if "8bit" in section.optimiser else 8))  # weight, gradient, Adam's two moments
    tokens = section.batch_size * longest
    squares = 5 * shape.heads * longest / shape.hidden if machine.attention == "eager" else 0
    layer = tokens * shape.hidden * (34 + squares) * (1 if half else 2)
    kept = tokens * shape.hidden * (2 if half else 4)
    activations = shape.layers * kept + layer if machine.gradient_checkpointing else shape.layers * layer
    logits = tokens * shape.vocabulary * (4 + 4) / 4  # float32 with its gradient; a quarter of a row is target
    return math.ceil(frozen + rest + states + activations + logits)


def available() -> int:
    """Bytes of memory that are free on the device."""
    return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else int(psutil.virtual_memory().available)


def require_memory(needed: int, machine: Train) -> None:
    """Refuse a training that does not fit, before it loads anything.

    Raises:
        Failure: more is needed than is free; what can be lowered is named.
    """
    free = available()
    if needed > free:
        saves = "" if machine.gradient_checkpointing else ", set train.gradient_checkpointing: true"
        fewer = "" if machine.load_in == "4bit" else ", set train.load_in: 4bit"
        raise Failure(
            f"train: about {needed / GB:.1f} GB of memory are needed, {free / GB:.1f} GB are free; lower batch_size (and raise "
            f"accumulation) or tokenize.max_seq_len{saves}{fewer}"
        )


def steps_of_epoch(rows: int, section: AdapterTraining) -> int:
    """Optimiser steps of one pass over the rows."""
    return math.ceil(math.ceil(rows / section.batch_size) / section.accumulation)


def steps_of(rows: int, section: AdapterTraining) -> int:
    """Optimiser steps of a training."""
    return section.max_steps or math.ceil(steps_of_epoch(rows, section) * section.epochs)
