"""Examples to token rows, with the base's own tokenizer; labels stand on the target only.

In: `{train,valid}.jsonl` and the base's tokenizer. Out: `{train,valid}-*.parquet` and `tokens.json`, the counts:

    example_id  input_ids               labels                    n_prompt  n_target  n_cut
    1f0c…-3     [1, 9690, …, 25, 2]     [-100, …, -100, 25, 2]    118       34        0

A row longer than `max_seq_len` has the middle of its input cut (counted in n_cut), or is rejected; its target is never
cut. More cut rows than `max_truncated_share` fail the stage.
"""

import argparse
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import datasets

from stages import checkpoint, command, examples, params
from stages.command import Failure
from stages.examples import Example
from stages.params import Prompt, Tokenize
from stages.prompt import Prompter

IGNORED = -100  # the label that no loss is computed on (torch.nn.CrossEntropyLoss.ignore_index)
FEATURES = datasets.Features(
    {
        "example_id": datasets.Value("string"),
        "input_ids": datasets.List(datasets.Value("int32")),
        "labels": datasets.List(datasets.Value("int32")),
        "n_prompt": datasets.Value("int32"),
        "n_target": datasets.Value("int32"),
        "n_cut": datasets.Value("int32"),
    }
)

TokenRow = dict[str, Any]


def token_row(example: Example, prompter: Prompter, section: Tokenize) -> TokenRow | None:
    """One row of tokens; None where it is too long and cannot, or may not, be shortened."""
    target = prompter.encode_target(example.target)
    if len(target) >= section.max_seq_len:
        return None
    prompt, n_cut = [], 0
    if example.task != "continue":
        try:
            encoded = prompter.encode(example.task, example.input, section.max_seq_len - len(target))
        except Failure:
            return None
        prompt, n_cut = encoded.ids, encoded.n_cut
    if n_cut and section.too_long == "reject":
        return None
    return {
        "example_id": example.example_id,
        "input_ids": [*prompt, *target],
        "labels": [IGNORED] * len(prompt) + target,
        "n_prompt": len(prompt),
        "n_target": len(target),
        "n_cut": n_cut,
    }


def write_rows(rows: list[TokenRow], out: Path, split: str, shards: int) -> None:
    """Write rows as Parquet shards, in the order of the examples."""
    size, rest = divmod(len(rows), shards)
    for index in range(shards):
        start = size * index + min(index, rest)
        part = rows[start : start + size + (index < rest)]
        table = datasets.Dataset.from_dict({key: [row[key] for row in part] for key in FEATURES}, features=FEATURES)
        path = out / f"{split}-{index:05d}.parquet"
        table.to_parquet(path)


def tokenize(found: dict[str, list[Example]], prompter: Prompter, section: Tokenize, out: Path) -> dict[str, Any]:
    """Write the shards of every split.

    Returns:
        The counts that `metrics/data.json` shows: rows, prompt and target tokens, shortened and rejected rows by split.

    Raises:
        Failure: too many rows were cut.
    """
    out.mkdir(parents=True)
    counts: dict[str, Any] = {}
    for split, items in found.items():
        made = [token_row(example, prompter, section) for example in items]
        rows = [row for row in made if row is not None]
        write_rows(rows, out, split, section.shards)
        sums = Counter({key: sum(row[key] for row in rows) for key in ("n_prompt", "n_target", "n_cut")})
        cut = sum(1 for row in rows if row["n_cut"])
        counts[split] = {"rows": len(rows), "shortened": cut, "rejected": len(made) - len(rows), **sums}
        if cut > section.max_truncated_share * max(len(rows), 1):
            raise Failure(
                f"tokenize: {cut} of {len(rows)} {split} rows are longer than max_seq_len = {section.max_seq_len}, more than "
                f"max_truncated_share = {section.max_truncated_share} allows; raise max_seq_len or that share"
            )
    (out / "tokens.json").write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.tokenize", description="Examples to token rows with labels.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--base", type=Path, required=True, help="the base model, e.g. models/base")
    parser.add_argument("--examples", type=Path, required=True, help="the examples, e.g. data/examples")
    parser.add_argument("--tokens", type=Path, required=True, help="folder to write, e.g. data/tokens/products")
    arguments = parser.parse_args()
    loaded = params.load()
    tasks = loaded.adapter(arguments.adapter).tasks
    run(tasks, loaded.prompt, loaded.tokenize, arguments)


def run(tasks: list[params.Task], prompt: Prompt, section: Tokenize, arguments: argparse.Namespace) -> None:
    """Tokenise one adapter's tasks, from and to the paths of the command line."""
    tokenizer = checkpoint.load_tokenizer(arguments.base)
    if section.max_seq_len > tokenizer.model_max_length:
        raise Failure(f"tokenize.max_seq_len = {section.max_seq_len}; the base takes at most {tokenizer.model_max_length}")
    found = {split: list(examples.read(arguments.examples / f"{split}.jsonl", tasks)) for split in ("train", "valid")}
    if not found["train"]:
        raise Failure(
            f"tokenize: adapter {arguments.adapter!r} has no training examples: none is of its tasks ({', '.join(tasks)}); "
            "add documents for them, or change adapters.*.tasks"
        )
    shutil.rmtree(arguments.tokens, ignore_errors=True)
    counts = tokenize(found, Prompter(tokenizer, prompt), section, arguments.tokens)
    print(f"tokenize: {counts['train']['rows']} training rows, {counts['train']['n_target']} target tokens")


if __name__ == "__main__":
    command.run(main)
