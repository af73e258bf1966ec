"""What schema-constrained decoding does to the answers: the same test examples with and without it, as a Markdown table.

    python -m benchmarks.schema --variants base adapter q4_k_m --examples 20

Needs the models of the first adapter that extracts, and data/examples/test.jsonl.
"""

import argparse
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from stages import params
from stages.evaluate import scores
from stages.evaluate.__main__ import chosen
from stages.examples import Example
from stages.params import Params
from stages.predict.model import Model, open_model

SCORES = ("json_parse_rate", "exact_match", "mean_field_accuracy")


def scored(model: Model, examples: list[Example], fields: list[str]) -> tuple[list[float], float]:
    """Means of the scores, and seconds an answer; the examples' inputs are clean already."""
    encoded = [model.prompter.encode("extract", item.input, model.budget) for item in examples]
    started = time.perf_counter()
    replies = dict(model.each(encoded))
    seconds = (time.perf_counter() - started) / len(examples)
    found = [
        scores.of_answer("extract", item.input, item.output, replies[place].output, replies[place].raw, fields)
        for place, item in enumerate(examples)
    ]
    return [sum(one[name] for one in found) / len(found) for name in SCORES], seconds


def rows(loaded: Params, adapter: str, variants: list[str], examples: list[Example], models: Path) -> Iterator[str]:
    """A row of the table for every variant, free and constrained."""
    for variant in variants:
        for constrained in (False, True):
            model = open_model(loaded, variant, adapter, models, constrained, loaded.evaluate.slots)
            model = dataclasses.replace(model, max_new_tokens=loaded.evaluate.max_new_tokens)
            means, seconds = scored(model, examples, list(loaded.prepare.fields))
            how = "within the schema" if constrained else "free"
            yield f"| {variant}, {how} | {' | '.join(f'{value:.3f}' for value in means)} | {seconds:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.schema")
    parser.add_argument("--variants", nargs="+", default=["base", "adapter", "q4_k_m"])
    parser.add_argument("--examples", type=int, default=100, help="how many of the test examples")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data/examples/test.jsonl"))
    arguments = parser.parse_args()
    loaded = params.load()
    adapter = next(name for name, section in loaded.adapters.items() if params.asked(section.tasks) == "extract")
    examples = chosen(arguments.data, ["extract"], arguments.examples)
    print(f"| {adapter}, n={len(examples)} | {' | '.join(SCORES)} | s an answer |\n|---|---|---|---|---|")
    for row in rows(loaded, adapter, arguments.variants, examples, arguments.models):
        print(row, flush=True)


if __name__ == "__main__":
    main()
