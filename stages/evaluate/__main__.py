"""Answer the test examples with one variant of one adapter, and score the answers.

In: a variant's weights and `test.jsonl`. Out: `predictions.jsonl`, every answer beside what was wanted, and
`scores.json`:

    {"exact_match": 0.93, "field_accuracy": {"name": 0.99, …}, "json_parse_rate": 1.0, "loss": 0.04, "n": 140, …}

The loss is the mean over all target tokens of the test examples, continued text included; llama.cpp's variants have
none, because its server gives no probabilities of a given text.
"""

import argparse
import hashlib
import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from stages import answers, command, engines, examples, params
from stages.answers import Reply
from stages.checkpoint import load_tokenizer
from stages.command import Failure
from stages.engines import Transformers, open_engine
from stages.evaluate import scores
from stages.examples import Example
from stages.params import Evaluate
from stages.prompt import Prompter


def chosen(path: Path, tasks: list[params.Task], limit: int) -> list[Example]:
    """At most `limit` test examples of each task, drawn by the hash of their id: more data changes few of them.

    Raises:
        Failure: there is none.
    """
    by_task: dict[str, list[Example]] = defaultdict(list)
    for item in examples.read(path, tasks):
        by_task[item.task].append(item)
    drawn = [
        sorted(items, key=lambda item: hashlib.sha256(item.example_id.encode()).digest())[:limit] for items in by_task.values()
    ]
    if not drawn:
        raise Failure(f"evaluate: {path} has no example of {', '.join(tasks)}; add documents, or raise prepare.test_share")
    return [item for items in drawn for item in items]


def score(asked: list[Example], replies: list[Reply], fields: list[str]) -> dict[str, Any]:
    """All scores of answered examples; keys that do not apply to their tasks are absent."""
    pairs = list(zip(asked, replies, strict=True))
    found: dict[str, Any] = {
        "n": len(pairs),
        "exact_match": scores.mean([scores.exact_match(item.output, reply.output, fields) for item, reply in pairs]),
        "stop_rate": scores.mean([float(reply.stopped) for reply in replies]),
    }
    extracted = [(item.output, reply.output) for item, reply in pairs if isinstance(item.output, dict)]
    if extracted:
        right = [scores.fields_right(wanted, output, fields) for wanted, output in extracted if isinstance(wanted, dict)]
        found["field_accuracy"] = {field: scores.mean([row[field] for row in right]) for field in fields}
        found["mean_field_accuracy"] = scores.mean(list(found["field_accuracy"].values()))
        found["json_parse_rate"] = scores.mean([float(output is not None) for _, output in extracted])
    told = [(item.output, reply.raw) for item, reply in pairs if isinstance(item.output, str)]
    if told:
        found["token_f1"] = scores.mean([scores.token_f1(str(wanted), raw) for wanted, raw in told])
    return found


def evaluate(
    engine: engines.Engine, prompter: Prompter, found: list[Example], fields: list[str], max_seq_len: int, section: Evaluate
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Predictions and scores of one engine on the examples."""
    asked = [item for item in found if item.task != "continue"]
    replies = answers.ask(
        engine, prompter, [item.task for item in asked], [item.input for item in asked], max_seq_len, section.max_new_tokens
    )
    record = score(asked, replies, fields) if asked else {"n": 0}
    if isinstance(engine, Transformers):
        budget = max_seq_len - section.max_new_tokens
        rows = [
            ([] if item.task == "continue" else prompter.encode(item.task, item.input, budget).ids,
             prompter.encode_target(item.target)[:max_seq_len])
            for item in found
        ]  # fmt: skip
        total, n_tokens = engine.loss(rows)
        record |= {"loss": total / n_tokens, "n_loss_tokens": n_tokens}
    predictions = [
        {"example_id": item.example_id, "task": item.task, "group": item.group, "language": item.language,
         "input": item.input, "wanted": item.output, "output": reply.output, "raw": reply.raw,
         "stopped": reply.stopped, "n_cut": reply.n_cut}
        for item, reply in zip(asked, replies, strict=True)
    ]  # fmt: skip
    return predictions, record


def write(out: Path, predictions: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """Write both files of one evaluation."""
    out.mkdir(parents=True)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in predictions]
    (out / "predictions.jsonl").write_text("".join(lines), encoding="utf-8")
    (out / "scores.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.evaluate", description="Score one variant of one adapter.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--variant", required=True, help=f"one of {', '.join(params.VARIANTS)}")
    parser.add_argument("--models", type=Path, required=True, help="folder of all models, e.g. models")
    parser.add_argument("--examples", type=Path, required=True, help="the test examples, e.g. data/examples/test.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. evaluation/products/q4_k_m")
    arguments = parser.parse_args()
    loaded = params.load()
    adapter = loaded.adapter(arguments.adapter)
    found = chosen(arguments.examples, adapter.tasks, loaded.evaluate.max_examples)
    engine = open_engine(arguments.variant, arguments.adapter, arguments.models, loaded.evaluate)
    prompter = Prompter(load_tokenizer(arguments.models / "base"), loaded.prompt)
    limits = loaded.tokenize.max_seq_len
    predictions, record = evaluate(engine, prompter, found, loaded.prepare.fields, limits, loaded.evaluate)
    shutil.rmtree(arguments.out, ignore_errors=True)
    write(arguments.out, predictions, record)
    shown = ", ".join(f"{key} {value:.3f}" for key, value in record.items() if isinstance(value, float))
    print(f"evaluate {arguments.adapter}/{arguments.variant}: {shown}")


if __name__ == "__main__":
    command.run(main)
