"""Weights of a quantised file rounded again, by ggml's own function, so that columns which matter lose less.

    rounded(rows, GGMLQuantizationType.Q4_K, importances)  ->  bytes of each row

`ggml_quantize_chunk` of ggml's public header, which xllamacpp's library exports, takes a number for every column and seeks the
scales at which the sum of number times squared error is least. Without numbers it makes the bytes of cyllama's quantiser.
"""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import quant_shape_to_byte_shape
from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata
from numpy.typing import NDArray
from safetensors.numpy import load_file

WEIGHED = ("Q4_K", "Q5_K", "Q6_K", "Q5_0", "Q5_1")  # of the types that llama.cpp chooses; its Q8_0 ignores importances
Notes = dict[str, str | int]


def weigh(source: str, path: str, vectors: str, notes: Notes, threads: int) -> int:
    """What `native.weigh` says, with the importances in a safetensors file; types and names stay.

    Raises:
        ValueError: a vector does not fit its weight.
    """
    importances, held = load_file(vectors), GGUFReader(path, "r+")
    whole = {tensor.name: tensor.data for tensor in GGUFReader(source).tensors}
    chosen = [tensor for tensor in held.tensors if tensor.name in importances and tensor.tensor_type.name in WEIGHED]

    def again(tensor: Any) -> None:
        tensor.data[:] = rounded(whole[tensor.name], tensor.tensor_type, importances[tensor.name])

    with ThreadPoolExecutor(threads) as pool:  # ctypes lets go of the interpreter's lock
        list(pool.map(again, chosen))
    if chosen:
        _note(held, Path(path), notes)
    return len(chosen)


def rounded(rows: NDArray[Any], kind: GGMLQuantizationType, importances: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """A weight of shape (outputs, inputs) in one of ggml's types: (outputs, bytes of a row).

    Raises:
        ValueError: there are not as many importances as inputs.
    """
    if importances is not None and importances.shape != rows.shape[1:]:
        raise ValueError(f"{importances.size} importances for a weight of shape {rows.shape}")
    given = np.ascontiguousarray(rows, np.float32)
    out = np.empty(quant_shape_to_byte_shape(given.shape, kind), np.uint8)
    weights = None if importances is None else np.ascontiguousarray(importances, np.float32).ctypes.data_as(ctypes.c_void_p)
    made = _quantise_chunk()(kind, given.ctypes.data, out.ctypes.data, 0, *given.shape, weights)
    if made != out.nbytes:
        raise ValueError(f"{made} bytes of {out.nbytes} for a weight of shape {rows.shape}")
    return out


def _quantise_chunk() -> Any:
    """ggml.h: (type, source, target, first row, rows, columns, importances or NULL), returns the bytes written."""
    import xllamacpp

    found = ctypes.CDLL(xllamacpp.xllamacpp.__file__).ggml_quantize_chunk
    size, pointer = ctypes.c_int64, ctypes.c_void_p
    found.argtypes, found.restype = [ctypes.c_int, pointer, pointer, size, size, size, pointer], ctypes.c_size_t
    return found


def _note(held: GGUFReader, path: Path, notes: Notes) -> None:
    """Write the file once more, by gguf's own script: keys cannot be added in place."""
    kinds = {str: GGUFValueType.STRING, int: GGUFValueType.UINT32}
    partial = path.with_suffix(".partial")
    writer = GGUFWriter(partial, held.fields["general.architecture"].contents())
    writer.data_alignment = held.alignment
    details = {key: MetadataDetails(kinds[type(value)], value) for key, value in notes.items()}
    copy_with_new_metadata(held, writer, details, [])
    partial.replace(path)
