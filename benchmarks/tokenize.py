"""Tokens a second of `tokenize` against the bare `tokenizers` library on the same texts, and its time and memory for many.

    python -m benchmarks.tokenize 100000

Needs models/base and data/examples. The examples are repeated under new ids until there are as many as asked for.
"""

import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
from tokenizers import Tokenizer

from stages import checkpoint, examples, params
from stages.params import Mix
from stages.prompt import Prompter
from stages.tokenize.__main__ import tokenize
from stages.tokenize.shards import BATCH, Encoder

ROUNDS = 7
TASKS = ["extract", "faq", "continue"]


def lines_of(count: int) -> Iterator[str]:
    """As many lines of examples as asked for; never all at once, so that the peak is the stage's own."""
    found = [json.loads(line) for line in Path("data/examples/train.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    for n in range(count):
        yield json.dumps({**found[n % len(found)], "example_id": f"d-x-{n}"}, ensure_ascii=False)


def texts_of(lines: list[str], prompter: Prompter) -> list[str]:
    """What the encoder tokenises: prompts, targets and continued texts."""
    found = [examples.Example(**json.loads(line)) for line in lines]
    prompts = [prompter.text(example.task, example.input) for example in found if example.task != "continue"]
    return [*prompts, *(prompter.defuse(example.target) for example in found)]


def bare(encode: Callable[..., list[Any]], texts: list[str]) -> int:
    """Tokens of the texts, by the library alone."""
    parts = (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))
    return sum(len(item.ids) for part in parts for item in encode(part, add_special_tokens=False))


def ours(encoder: Encoder, lines: list[str]) -> int:
    """Tokens of the same texts, by the stage: from JSON lines to an Arrow table."""
    parts = (lines[start : start + BATCH] for start in range(0, len(lines), BATCH))
    return sum(len(encoder(part)["input_ids"].combine_chunks().flatten()) for part in parts)


def timed(function: Callable[[], int]) -> tuple[float, int]:
    """Seconds and tokens of one call."""
    started = time.perf_counter()
    tokens = function()
    return time.perf_counter() - started, tokens


def main() -> None:
    """Print all of it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    loaded = params.load()
    datasets.disable_progress_bars()
    encoder = Encoder(Prompter(checkpoint.load_tokenizer(Path("models/base")), loaded.prompt), loaded.tokenize)
    lines = list(lines_of(4 * BATCH))
    texts, tokenizer = texts_of(lines, encoder.prompter), Tokenizer.from_file("models/base/tokenizer.json")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core each, in turn; the stage uses a process a core
    for encode in (tokenizer.encode_batch, tokenizer.encode_batch_fast):  # fast: without offsets
        both = [(timed(lambda: bare(encode, texts)), timed(lambda: ours(encoder, lines))) for _ in range(ROUNDS)][1:]  # noqa: B023
        speeds = [statistics.median(tokens / seconds for seconds, tokens in side) for side in zip(*both, strict=True)]
        share = statistics.median(one[0] / other[0] for one, other in both)
        print(
            f"one core: {encode.__name__} {speeds[0]:,.0f} tokens/s, stage {speeds[1]:,.0f} tokens/s: {share:.0%} of its speed"
        )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        root = Path(folder)
        with (root / "train.jsonl").open("w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in lines_of(count))
        (root / "valid.jsonl").touch()
        mix = Mix(seed=0, weights=dict.fromkeys(loaded.prepare.tasks, 1.0))
        for name in ("fresh", "cached"):
            seconds, rows = timed(
                lambda name=name: tokenize(root, TASKS, mix, encoder, root / name, root / "cache")["train"]["rows"]
            )  # type: ignore[misc]
            peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            print(f"{name}: {rows:,} rows in {seconds:.1f} s, {loaded.tokenize.workers} processes, peak {peak / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
