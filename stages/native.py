"""What llama.cpp says of a given text, by cyllama; xllamacpp, which answers, does not tell the probabilities of one.

    read(Path("q4_k_m.gguf"), [([1, 9690], [198, 2])], threads=2)  ->  [Reading(nats=5.31, likeliest=[198, 28])]

cyllama's functions run in a process of their own: xllamacpp brings a llama.cpp too, and one that meets a broken file may end
its process; here that becomes one line.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from array import array
from bisect import bisect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.command import Failure, progress

if TYPE_CHECKING:  # seconds to import
    from stages.engines.engine import Row

ANSWER = "answer "  # before every line that is not the library's own
SHARED_BYTES = 2 << 30  # a file up to this size is read by two processes: each holds weights that are unpacked for it


@dataclass(frozen=True)
class Reading:
    """Of the target of a row: the cross-entropy, its sum in nats; the likeliest token at each predicted place."""

    nats: float
    likeliest: list[int]


def read(path: Path, rows: "list[Row]", threads: int) -> list[Reading]:
    """What a file says of the target of every row. The first token of a row without a prompt is not predicted.

    Raises:
        Failure: llama.cpp cannot read the file.
    """
    if not rows:
        return []
    with progress(total=len(rows), desc="loss", unit="row") as bar, ThreadPoolExecutor() as pool:

        def told(part: "list[Row]", threads: int) -> list[Reading]:
            found = []
            for nats, likeliest in apart("stages.native", "reader", {"path": str(path), "rows": part, "threads": threads}):
                if not math.isfinite(nats):
                    raise Failure(f"{path}: the loss of a text is not a number; `dvc repro -f` remakes the file")
                found.append(Reading(float(nats), likeliest))
                bar.update()
            return found

        if threads == 1 or len(rows) == 1 or path.stat().st_size > SHARED_BYTES:
            return told(rows, threads)
        parts = halves(rows)
        return [reading for found in pool.map(told, parts, [threads - threads // 2, threads // 2]) for reading in found]


def halves(rows: "list[Row]") -> "tuple[list[Row], list[Row]]":
    """Rows, two of them at least, as two lists of about as many tokens.

    Two processes that share the threads read them in 0.88 of one's time (benchmarks/README.md): threads of one wait for each
    other at every operation, and for Python, which sees 400 kB of logits a token.
    """
    ends = list(accumulate(len(prompt) + len(target) for prompt, target in rows))
    middle = min(max(bisect(ends, ends[-1] / 2), 1), len(rows) - 1)
    return rows[:middle], rows[middle:]


def apart(module: str, what: str, request: dict[str, Any]) -> Iterator[Any]:
    """What a module that calls `serve` yields for a request, as it comes, in a process of its own.

    Raises:
        Failure: the process failed; its last words are told.
    """
    words = [sys.executable, "-m", module, what]
    with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+") as errors:
        json.dump(request, asked)
        asked.seek(0)
        with subprocess.Popen(words, stdin=asked, stdout=subprocess.PIPE, stderr=errors, text=True) as running:
            for line in running.stdout or ():
                if line.startswith(ANSWER):
                    yield json.loads(line.removeprefix(ANSWER))
        if running.returncode:
            errors.seek(0)
            lines = errors.read().strip().splitlines() or [f"status {running.returncode}"]
            raise Failure(f"llama.cpp's {what} failed: {lines[-1]}")


def _read(path: str, rows: "list[Row]", threads: int) -> Iterator[tuple[float, list[int]]]:
    from cyllama.llama import llama_cpp

    class Model(llama_cpp.LlamaModel):  # type: ignore[misc]
        """cyllama's `get_logits_ith` asks its model for this number, which it forgot to give it."""

        @property
        def n_vocab(self) -> int:
            return int(self.get_vocab().n_vocab)

    settings = llama_cpp.LlamaContextParams()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = max(len(prompt) + len(target) for prompt, target in rows)
    settings.n_threads = settings.n_threads_batch = threads
    context = llama_cpp.LlamaContext(Model(path, llama_cpp.LlamaModelParams()), settings)
    held: list[int] = []  # tokens that the context has seen
    for prompt, target in rows:
        row, start = prompt + target, max(len(prompt), 1)
        same = next((n for n, (old, new) in enumerate(zip(held, row, strict=False)) if old != new), min(len(held), len(row)))
        kept = min(same, start - 1)  # the system prompt is read once
        if not context.memory_seq_rm(0, kept, -1):  # a recurrent model forgets all or nothing
            kept = 0
            context.memory_seq_rm(0, 0, -1)
        batch = llama_cpp.LlamaBatch(n_tokens=len(row) - kept, embd=0, n_seq_max=1)
        for place in range(kept, len(row)):
            batch.add(row[place], place, [0], start - 1 <= place < len(row) - 1)
        context.decode(batch)
        held = row
        yield _reading((context.get_logits_ith(place - 1 - kept) for place in range(start, len(row))), row[start:])


def _reading(logits: Iterator[list[float]], wanted: list[int]) -> tuple[float, list[int]]:
    nats, likeliest = 0.0, []
    for values, token in zip(logits, wanted, strict=True):
        scores = np.frombuffer(array("d", values))  # three times as fast as numpy's own reading of a list
        likeliest.append(int(scores.argmax()))
        highest = scores[likeliest[-1]]
        nats += float(highest + np.log(np.exp(scores - highest).sum()) - scores[token])
    return nats, likeliest


def serve(work: dict[str, Callable[..., Iterator[Any]]]) -> None:
    """Do what the command line and standard input say; leave at once, before the library's destructors write their log."""
    try:
        for answer in work[sys.argv[1]](**json.load(sys.stdin)):
            sys.stdout.write(f"\n{ANSWER}{json.dumps(answer)}\n")
            sys.stdout.flush()
    except (OSError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"\n{' '.join(str(error).split())}\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    serve({"reader": _read})
