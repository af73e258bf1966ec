"""llama.cpp's own functions: quantise a file, and round its weights by importance.

    quantise(Path("f16.gguf"), Path("q4_k_m.gguf"), "q4_k_m", threads=2)
    weigh(Path("f16.gguf"), Path("q4_k_m.gguf"), {"blk.0.attn_q.weight": array of 576}, notes, threads=2)  ->  1

Each runs in a process of its own (see stages/native.py). cyllama 0.2.18 shows its quantiser's importance matrix and
does not let it be written: so its quantiser chooses the types and writes the file, and `rounding` rounds each weight again.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from stages.command import Failure
from stages.gguf import rounding
from stages.native import apart, serve

FTYPES = {"q8_0": 7, "q4_k_m": 15, "q5_k_m": 17}  # llama.h: enum llama_ftype


def quantise(source: Path, out: Path, quantisation: str, threads: int) -> None:
    """Quantise a 16-bit GGUF file.

    Raises:
        Failure: llama.cpp refuses the file.
    """
    request = {"source": str(source), "out": str(out), "ftype": FTYPES[quantisation], "threads": threads}
    list(apart("stages.gguf.native", "quantiser", request))
    if not out.is_file():
        raise Failure(f"gguf: the quantiser wrote no {out.name}")


def weigh(
    source: Path, path: Path, importances: dict[str, NDArray[np.float32]], notes: dict[str, str | int], threads: int
) -> int:
    """Round the weights of a quantised file again, from the 16-bit file that it was made of.

    Args:
        source: the 16-bit file.
        path: the quantised file, which is changed.
        importances: by name of a weight, how much an error in each of its columns counts.
        notes: keys and values for the metadata of the changed file.
        threads: weights rounded at a time.

    Returns:
        How many weights; if none, the file is as it was.

    Raises:
        Failure: a vector does not fit its weight.
    """
    with tempfile.TemporaryDirectory() as scratch:
        vectors = Path(scratch) / "importances.safetensors"
        save_file(importances, vectors)
        request = {"source": str(source), "path": str(path), "vectors": str(vectors), "notes": notes, "threads": threads}
        return int(*apart("stages.gguf.native", "weigher", request))


def _quantise(source: str, out: str, ftype: int, threads: int) -> Iterator[None]:
    from cyllama.llama import llama_cpp

    settings = llama_cpp.LlamaModelQuantizeParams()
    settings.ftype, settings.nthread = ftype, threads
    llama_cpp.model_quantize(source, out, settings)
    yield None


def _weigh(**request: Any) -> Iterator[int]:
    yield rounding.weigh(**request)


if __name__ == "__main__":
    serve({"quantiser": _quantise, "weigher": _weigh})
