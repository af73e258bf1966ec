"""llama.cpp's own functions, by cyllama: quantise a file, and read texts with one.

    quantise(Path("f16.gguf"), Path("q4_k_m.gguf"), "q4_k_m", threads=2)
    losses(Path("q4_k_m.gguf"), [[1, 9690, 198]], threads=2)  ->  [(5.31, 2)]   nats and predicted tokens of each row

Each runs in a process of its own (`python -m stages.gguf.native`): xllamacpp brings a llama.cpp too, and one that meets a
broken file may end its process; here that becomes one line. No importance matrix: cyllama 0.2.18 shows that setting and does
not let it be written. Not tried: `ggml_quantize_chunk`, tensor by tensor; it takes importances, and xllamacpp exports it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stages.command import Failure

FTYPES = {"q8_0": 7, "q4_k_m": 15, "q5_k_m": 17}  # llama.h: enum llama_ftype
Loss = tuple[float, int]


def quantise(source: Path, out: Path, quantisation: str, threads: int) -> None:
    """Quantise a 16-bit GGUF file.

    Raises:
        Failure: llama.cpp refuses the file.
    """
    _apart("quantiser", {"source": str(source), "out": str(out), "ftype": FTYPES[quantisation], "threads": threads})
    if not out.is_file():
        raise Failure(f"gguf: the quantiser wrote no {out.name}")


def losses(path: Path, rows: list[list[int]], threads: int) -> list[Loss]:
    """The cross-entropy of each row of token ids (from its second token on): its sum in nats, and its number of tokens.

    Raises:
        Failure: llama.cpp cannot read the file.
    """
    found = _apart("reader", {"path": str(path), "rows": rows, "threads": threads})
    return [(float(nats), int(count)) for nats, count in found]


def _apart(what: str, request: dict[str, Any]) -> Any:
    words = [sys.executable, "-m", "stages.gguf.native", what]
    done = subprocess.run(words, input=json.dumps(request), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise Failure(f"gguf: llama.cpp's {what} failed: {lines[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def _quantise(source: str, out: str, ftype: int, threads: int) -> None:
    from cyllama.llama import llama_cpp

    settings = llama_cpp.LlamaModelQuantizeParams()
    settings.ftype, settings.nthread = ftype, threads
    llama_cpp.model_quantize(source, out, settings)


def _losses(path: str, rows: list[list[int]], threads: int) -> list[Loss]:
    from cyllama.llama import llama_cpp

    class Model(llama_cpp.LlamaModel):  # type: ignore[misc]
        """cyllama's `get_logits_ith` asks its model for this number, which it forgot to give it."""

        @property
        def n_vocab(self) -> int:
            return int(self.get_vocab().n_vocab)

    settings = llama_cpp.LlamaContextParams()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = max(len(row) for row in rows)
    settings.n_threads = settings.n_threads_batch = threads
    context = llama_cpp.LlamaContext(Model(path, llama_cpp.LlamaModelParams()), settings)
    return [_loss(llama_cpp, context, row) for row in rows]


def _loss(llama_cpp: Any, context: Any, row: list[int]) -> Loss:
    context.kv_cache_clear()
    batch = llama_cpp.LlamaBatch(n_tokens=len(row), embd=0, n_seq_max=1)
    for place, token in enumerate(row):
        batch.add(token, place, [0], True)
    context.decode(batch)
    nats = 0.0
    for place, wanted in enumerate(row[1:]):
        logits = np.asarray(context.get_logits_ith(place), np.float64)
        highest = logits.max()
        nats += float(highest + np.log(np.exp(logits - highest).sum()) - logits[wanted])
    return nats, len(row) - 1


def _main() -> None:
    """Do what the command line and standard input say; leave at once, before the library's destructors write their log."""
    work: dict[str, Callable[..., Any]] = {"quantiser": _quantise, "reader": _losses}
    try:
        answer = work[sys.argv[1]](**json.load(sys.stdin))
    except (OSError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"\n{' '.join(str(error).split())}\n")
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _main()
