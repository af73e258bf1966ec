"""Examples to token rows, with the base's own tokenizer; labels stand on the target only.

In: `{train,valid}.jsonl` and the base's tokenizer. Out: `{train,valid}-*.parquet`, `rejected.jsonl` with what did not
fit and why, and `tokens.json`, the counts:

    example_id  input_ids               labels                    n_prompt  n_target  n_cut
    1f0c…-3     [1, 9690, …, 25, 2]     [-100, …, -100, 25, 2]    118       34        0

A row longer than `max_seq_len` has the middle of its input cut (counted in n_cut), or is rejected; its target is never
cut. More cut rows than `max_truncated_share` fail the stage.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import AutoConfig

from stages import checkpoint, command, examples, params
from stages.command import Failure
from stages.params import Mix, Prompt, Tokenize
from stages.prompt import Prompter
from stages.tokenize import lengths
from stages.tokenize.shards import Chooser, Encoder, column, encode, write_shards

SPLITS = ("train", "valid")
CACHE = Path(".cache/tokenize")
# What turns an example into a row.
CODE = ("stages/examples.py", "stages/portions.py", "stages/prompt.py", "stages/tokenize/rows.py")


def state_of(base: Path, prompt: Prompt, section: Tokenize) -> str:
    """A hash of all that decides what an example becomes: tokenizer, prompt, limits, code, libraries."""
    found = hashlib.sha256()
    root = Path(__file__).parent.parent.parent
    for path in (*sorted(base.glob("*token*")), *sorted(base.glob("chat_template*")), *(root / name for name in CODE)):
        found.update(path.read_bytes())
    limits = {"max_seq_len": section.max_seq_len, "too_long": section.too_long}
    libraries = [version(name) for name in ("tokenizers", "transformers")]
    found.update(json.dumps([prompt.model_dump(), limits, libraries], sort_keys=True).encode("utf-8"))
    return found.hexdigest()[:16]


def tokenize(source: Path, tasks: list[str], mix: Mix, encoder: Encoder, out: Path, cache: Path) -> dict[str, Any]:
    """Write the shards of every split; weights count for training only.

    Returns:
        The counts that `metrics/data.json` shows, by split.

    Raises:
        Failure: no row is left for training, or too many were cut.
    """
    out.mkdir(parents=True)
    counts: dict[str, Any] = {}
    refused: list[dict[str, str]] = []
    n_new = 0
    for split in SPLITS:
        with tempfile.TemporaryDirectory(dir=out, prefix=".") as scratch:
            chooser = Chooser(tasks, mix if split == "train" else None)
            found = encode(source / f"{split}.jsonl", chooser, encoder, cache / split, Path(scratch))
            reasons = column(found.rows, "reason", object)
            kept, gone = (found.rows.select(np.flatnonzero(places)) for places in (reasons == "", reasons != ""))
            refused += [{"split": split, **row} for row in gone.select_columns(["example_id", "reason", "detail"])]
            counts[split] = _counts(kept, found.n_examples, len(gone), encoder.section)
            _check(split, counts[split], encoder.section)
            write_shards(kept, out, split, encoder.section.shards, Path(scratch))
            n_new += found.n_new
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in refused)
    (out / "rejected.jsonl").write_text(text, encoding="utf-8")
    (out / "tokens.json").write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    print(f"tokenize: {n_new} examples encoded anew")
    return counts


def _counts(rows: datasets.Dataset, n_examples: int, rejected: int, section: Tokenize) -> dict[str, Any]:
    """Counts of one split; `divided` is how many rows continued texts gave beyond one each, because they were too long."""
    numbers = {key: column(rows, key, np.int64) for key in ("n_prompt", "n_target", "n_cut")}
    long = numbers["n_prompt"] + numbers["n_target"]
    return {
        "rows": len(rows),
        "shortened": int((numbers["n_cut"] > 0).sum()),
        "rejected": rejected,
        **{key: int(values.sum()) for key, values in numbers.items()},
        "divided": len(rows) - (n_examples - rejected),
        "lengths": lengths.histogram(long, section.max_seq_len),
        "real_share": lengths.real_share(long, section.max_seq_len),
    }


def _check(split: str, counts: dict[str, Any], section: Tokenize) -> None:
    cut, rows = counts["shortened"], counts["rows"]
    if cut > section.max_truncated_share * max(rows, 1):
        raise Failure(
            f"tokenize: {cut} of {rows} {split} rows are longer than max_seq_len = {section.max_seq_len}, more than "
            f"max_truncated_share = {section.max_truncated_share} allows; raise max_seq_len or that share"
        )
    if split == "train" and not rows:
        raise Failure(
            f"tokenize: no training row is left: {counts['rejected']} were rejected for tokenize.max_seq_len = "
            f"{section.max_seq_len}, the weights in adapters.*.mix chose none of the others; raise either"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.tokenize", description="Examples to token rows with labels.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--base", type=Path, required=True, help="the base model, e.g. models/base")
    parser.add_argument("--examples", type=Path, required=True, help="the examples, e.g. data/examples")
    parser.add_argument("--tokens", type=Path, required=True, help="folder to write, e.g. data/tokens/products")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"rows of earlier runs (default: {CACHE})")
    arguments = parser.parse_args()
    loaded = params.load()
    adapter = loaded.adapter(arguments.adapter)
    run(adapter.tasks, adapter.mix, loaded.prompt, loaded.tokenize, arguments)


def run(tasks: list[params.Task], mix: Mix, prompt: Prompt, section: Tokenize, arguments: argparse.Namespace) -> None:
    """Tokenise one adapter's tasks, from and to the paths of the command line."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the workers are processes: threads in each would only contend
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    tokenizer = checkpoint.load_tokenizer(arguments.base)
    config = AutoConfig.from_pretrained(arguments.base, local_files_only=True).get_text_config()  # GPT-2 calls it n_positions
    places = getattr(config, "max_position_embeddings", None)
    longest = min(tokenizer.model_max_length, places or tokenizer.model_max_length)
    if section.max_seq_len > longest:
        raise Failure(f"tokenize.max_seq_len = {section.max_seq_len}; the base takes at most {longest}; lower it")
    for split, remedy in (("train", "add documents for them"), ("test", "raise prepare.test_share")):
        if next(examples.read(arguments.examples / f"{split}.jsonl", tasks), None) is None:
            raise Failure(
                f"tokenize: adapter {arguments.adapter!r} has no {split} examples: none is of its tasks "
                f"({', '.join(tasks)}); {remedy}, or change adapters.*.tasks"
            )
    shutil.rmtree(arguments.tokens, ignore_errors=True)
    state = state_of(arguments.base, prompt, section)
    cache = arguments.cache / arguments.adapter
    for other in cache.glob("*"):
        if other.name != state:
            shutil.rmtree(other)
    encoder = Encoder(Prompter(tokenizer, prompt), section)
    counts = tokenize(arguments.examples, list(tasks), mix, encoder, arguments.tokens, cache / state)
    print(lengths.bars(counts["train"]["lengths"]))
    print(f"tokenize: {counts['train']['rows']} training rows, {counts['train']['n_target']} target tokens")


if __name__ == "__main__":
    command.run(main)
