"""What an input column of a weight matters: the mean square of its activations over training rows.

    measure(Path("models/merged/products"), rows(Path("data/tokens/products"), 64), threads=2)
    ->  {"model.layers.0.self_attn.q_proj": array of 576}
    named(found, Path("f16.gguf"))  ->  {"blk.0.attn_q.weight": array of 576}

llama.cpp calls all of them its importance matrix (tools/imatrix). As there, what reads out the next token is not measured:
`output.weight` keeps its plain rounding, and so does an embedding tied to it. Nor are experts stored as one three-dimensional
weight, which are no linear layers in transformers.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from stages import checkpoint, command
from stages.command import Failure

Importances = dict[str, NDArray[np.float32]]


def rows(tokens: Path, count: int) -> list[list[int]]:
    """Token ids of training rows, evenly spaced over the shards, which hold one task after the other; all if they are fewer.

    Raises:
        Failure: the folder holds no training rows.
    """
    found = [ids for path in sorted(tokens.glob("train-*.parquet"))
             for ids in pq.read_table(path, columns=["input_ids"])["input_ids"].to_pylist()]  # fmt: skip
    if not found:
        raise Failure(f"gguf: {tokens} holds no training rows to measure importances on; run `dvc repro` to make them")
    count = min(count, len(found))
    return [found[len(found) * place // count] for place in range(count)]


@torch.inference_mode()
def measure(merged: Path, chosen: list[list[int]], threads: int) -> Importances:
    """Mean squares of each linear layer's inputs by the layer's name, over all tokens of the rows.

    The model runs in bfloat16: whole rows are averaged, so that the eight bits of one square do not show.
    """
    torch.set_num_threads(threads)
    model, _ = checkpoint.load(merged, "bfloat16", None)
    sums: dict[str, torch.Tensor] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(partial(_add, sums, name))
    for row in command.progress(iterable=chosen, desc="importances", unit="row"):
        model.base_model(input_ids=torch.tensor([row], device=model.device), use_cache=False)
    n_tokens = sum(map(len, chosen))
    return {name: (total / n_tokens).float().cpu().numpy() for name, total in sums.items()}


def _add(sums: dict[str, torch.Tensor], name: str, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    squares = inputs[0].flatten(0, -2).double().square().sum(0)
    sums[name] = sums.get(name, 0) + squares


def named(found: Importances, path: Path) -> Importances:
    """The same by the names of a GGUF file's weights; what llama.cpp has no name for is left out.

    Its converter puts rows (outputs) in another order, never columns: a vector of inputs fits as it is.
    """
    name_of = _names(gguf.GGUFReader(path))
    return {f"{name}.weight": squares for layer, squares in found.items() if (name := name_of(layer))}


def _names(file: gguf.GGUFReader) -> Callable[[str], str | None]:
    known: dict[str, Any] = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    architecture = _value(file, gguf.Keys.General.ARCHITECTURE)
    n_blocks = _value(file, gguf.Keys.LLM.BLOCK_COUNT.format(arch=architecture))
    return gguf.get_tensor_name_map(known[architecture], n_blocks).get_name


def _value(file: gguf.GGUFReader, key: str) -> Any:
    return file.fields[key].contents()
