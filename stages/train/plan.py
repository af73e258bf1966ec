"""What a training will take, told before the first weight is loaded.

    train products: peft on CPU, 2 threads (no CUDA GPU found), bfloat16
      4,884,480 weights are trained (3.6% of the base's 134,515,008)
      1,890 rows, 329,817 tokens an epoch, the longest 329; 355 steps of 4 rows
      about 4.5 GB of memory, 22.1 GB are free

The estimate is weights, their gradients and optimiser states, and the activations that the backward pass needs, counted
as Korthikanti et al. count them (2022, arXiv 2205.05198, section 4.1), for layers like Llama's as transformers computes them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.compute as pc
import torch
import trl
from transformers import AutoConfig, AutoModelForCausalLM

from stages.checkpoint import IGNORED, load_tokenizer
from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend

BYTES = {"16bit": 2.0, "8bit": 1.0, "4bit": 0.55}  # of a frozen weight; 4-bit with its scales
GB = 1e9
# What the allocator holds beyond what is in use. On a CPU every batch has another length, and freed memory is kept in pieces:
# with 1.15 GB of activations and logits, the products adapter had 3.1 GB after twenty steps, 5.0 GB after a whole run; the
# assistant with 1.47 GB 4.9 GB.
SLACK = {"cpu": 3.0, "cuda": 1.1}


@dataclass(frozen=True)
class Shape:
    """What the estimate needs to know of a base: numbers of weights, layers and attention heads, and its widths."""

    weights: int
    linear: int  # of the weights, those in linear layers
    trained: int
    layers: int
    heads: int
    hidden: int
    attended: int  # width of all heads together
    inner: int  # width of the feed-forward layer
    vocabulary: int


@dataclass(frozen=True)
class Batch:
    """The largest batch of a process: rows, tokens of the longest, and the places at which a row has a label."""

    rows: int
    longest: int
    labelled: int


def shape_of(base: Path, lora: Lora) -> Shape:
    """The shape of a base and of the adapter on it, from its configuration alone."""
    config = AutoConfig.from_pretrained(base, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    layers = [(n.split(".")[-1], m) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and m is not head]
    chosen = [m for name, m in layers if lora.target_modules == "all-linear" or name in lora.target_modules]
    names = {name for name, _ in layers}
    unknown = [] if lora.target_modules == "all-linear" else sorted(set(lora.target_modules) - names)
    if unknown:
        found = ", ".join(sorted(names))
        raise Failure(f"train: no layer is called {', '.join(unknown)}; the linear layers of this base are {found}")
    return Shape(
        weights=model.num_parameters(),
        linear=sum(layer.weight.numel() for _, layer in layers),
        trained=sum(lora.r * (layer.in_features + layer.out_features) for layer in chosen),
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        hidden=config.hidden_size,
        attended=config.num_attention_heads
        * (getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads),
        inner=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        vocabulary=config.vocab_size,
    )


def largest(lengths: list[int], labels: Sequence[list[int]], section: AdapterTraining, machine: Train) -> Batch:
    """The batch of the longest rows, or of full packed sequences; `labels` are those of every row, as token ids."""
    longest = max(*lengths, machine.packed_tokens if machine.packing else 0, 1)
    if machine.packing:
        return Batch(section.batch_size, longest, longest)
    rows = sorted(range(len(lengths)), key=lengths.__getitem__)[-section.batch_size :]
    places = {place for row in rows for place, label in enumerate(labels[row]) if label != IGNORED}
    return Batch(section.batch_size, longest, len(places))


def memory(shape: Shape, lora: Lora, section: AdapterTraining, machine: Train, batch: Batch) -> int:
    """Bytes that a training needs at its peak on one device, estimated; on a CPU for all processes together."""
    cpu, launch = not torch.cuda.is_available(), machine.launch
    number = 4 if backend.dtype_of(machine.dtype) == torch.float32 else 2  # bytes
    frozen = shape.linear * (BYTES[machine.load_in] if machine.load_in != "16bit" else number)
    frozen += (shape.weights - shape.linear) * number
    states = shape.trained * (4 + 4 + (2 if "8bit" in section.optimiser else 8))  # weight, gradient, Adam's two moments
    states += shape.trained * 4 * machine.threads if cpu else 0  # each thread's gradients (cores.py)
    shares = launch.total if launch.strategy == "fsdp" else 1
    used = _activations(shape, lora, machine, batch, number) + _logits(shape, batch, number)
    one = (frozen + states) / shares + SLACK["cpu" if cpu else "cuda"] * used
    return math.ceil((one + held()) * launch.processes if cpu else one)


def _activations(shape: Shape, lora: Lora, machine: Train, batch: Batch, number: int) -> float:
    """Bytes that the forward pass keeps for the backward pass."""
    cpu, ours = not torch.cuda.is_available(), backend.choose(machine, lora) == "peft"
    norms = 2 * (number + (number if cpu else 4)) * shape.hidden  # output, and input, which is in float32 where it is not fused
    attention = 4 * number * shape.attended  # query, key and value for each head, result
    if ours and machine.attention == "grouped" and cpu:
        attention += number * shape.heads * batch.longest  # probabilities
    if ours and machine.attention == "eager":
        attention += (4 if number == 4 else 4 + number) * shape.heads * batch.longest  # softmax in float32, and its copy
    inner = 4 * number * shape.inner  # gate, its activation, up, their product
    dropped = (number + 1) * (3 * shape.hidden + shape.attended + 2 * shape.hidden + shape.inner) if lora.dropout else 0
    layer = norms + attention + inner + dropped
    tokens = batch.rows * batch.longest
    if machine.gradient_checkpointing:
        return tokens * (shape.layers * number * shape.hidden + layer)
    return tokens * shape.layers * layer


def _logits(shape: Shape, batch: Batch, number: int) -> int:
    """Bytes of the logits where there is a label: as computed, and their gradient; on a GPU also their softmax, in float32."""
    own = number if not torch.cuda.is_available() else 4 + 4 + 4
    return batch.rows * batch.labelled * shape.vocabulary * (number + own)


def held() -> int:
    """Bytes that this process holds already: Python and its libraries."""
    return int(psutil.Process().memory_info().rss)


def available() -> int:
    """Bytes of memory that are free on the device; on a CPU with what this process holds."""
    return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else int(psutil.virtual_memory().available) + held()


def require_vocabulary(base: Path, shape: Shape, rows: Any) -> None:
    """Refuse token ids that the base has no weights for, before a kernel fails on them.

    Raises:
        Failure: the tokenizer or the rows know more tokens than the weights.
    """
    highest = pc.max(pc.list_flatten(rows.data.column("input_ids"))).as_py() or 0
    tokens = max(len(load_tokenizer(base)), highest + 1)
    if tokens > shape.vocabulary:
        raise Failure(
            f"train: the tokenizer of {base} makes {tokens:,} tokens, its weights know {shape.vocabulary:,}: they are not "
            "of one model; take both from one place (base.source)"
        )


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


def rows_of(data: Any, machine: Train, max_seq_len: int) -> int:
    """Rows that batches are made of: those of the data, or what they are packed into."""
    if not machine.packing:
        return len(data)
    return len(trl.pack_dataset(data.select_columns(["input_ids", "labels"]), max_seq_len, "bfd"))


def steps_of_epoch(rows: int, section: AdapterTraining, processes: int) -> int:
    """Optimiser steps of one pass over the rows, `batch_size` of them in each process."""
    return math.ceil(math.ceil(rows / section.batch_size / processes) / section.accumulation)


def steps_of(rows: int, section: AdapterTraining, processes: int) -> int:
    """Optimiser steps of a training."""
    return section.max_steps or math.ceil(steps_of_epoch(rows, section, processes) * section.epochs)


def announce(
    name: str, base: Path, data: dict[str, Any], n_rows: int, lora: Lora, section: AdapterTraining, machine: Train
) -> None:
    """Print the plan; `n_rows` are those of an epoch, packed if they are.

    Raises:
        Failure: it does not fit into memory, or the rows do not fit the base.
    """
    lengths = [len(ids) for ids in data["train"]["input_ids"]]
    shape = shape_of(base, lora)
    require_vocabulary(base, shape, data["train"])
    needed = memory(shape, lora, section, machine, largest(lengths, data["train"]["labels"], section, machine))
    print(
        f"train {name}: {backend.choose(machine, lora)} on {backend.device()}, {backend.dtype_of(machine.dtype)}\n"
        f"  {shape.trained:,} weights are trained ({shape.trained / shape.weights:.1%} of the base's {shape.weights:,})\n"
        f"  {len(lengths):,} rows, {sum(lengths):,} tokens an epoch, the longest {max(lengths)}; "
        f"{steps_of(n_rows, section, machine.launch.total):,} steps of "
        f"{section.batch_size * section.accumulation * machine.launch.total} rows\n"
        f"  about {needed / GB:.1f} GB of memory, {available() / GB:.1f} GB are free",
        flush=True,
    )
    require_memory(needed, machine)
