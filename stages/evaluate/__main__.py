"""Answer the test examples with one variant of one adapter, and score the answers.

In: a variant's weights and `test.jsonl`. Out, in one folder:

predictions.jsonl   every answer beside what was wanted, with its scores
outcomes.csv        a row an example: its group, language and length, its scores and its loss
probe.csv           a row a paragraph of neutral text: its loss
scores.json         {"exact_match": 0.93, "field_accuracy": {"name": 0.99, …}, "intervals": {"exact_match": [0.88, 0.97], …}, …}

The loss is the mean over all target tokens of the test examples, continued text included; `probe_loss` is the same on
neutral text that no adapter is trained on (probe.txt): what it loses there against the base, it has forgotten. The variant
`rules` is a baseline without a model, and so without a loss. `n_shortened` prompts lost `n_cut` tokens to fit into a row, and
the loss lacks `n_target_cut` tokens of targets.
"""

import argparse
import hashlib
import json
import shutil
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages import command, examples, params
from stages.answers import Reply
from stages.command import Failure
from stages.evaluate import failures, rules, scores
from stages.evaluate.intervals import by_group
from stages.examples import Example
from stages.params import Intervals

PROBE = Path(__file__).with_name("probe.txt")


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


def by_rules(asked: list[Example], fields: list[str]) -> list[Reply]:
    """The answers of the baseline.

    Raises:
        Failure: an example asks for something else than an object.
    """
    if any(item.task != "extract" for item in asked):
        raise Failure("evaluate: the variant rules only extracts; take it out of dvc.yaml for adapters with other tasks")
    found = [rules.extract(item.input, fields) for item in asked]
    return [Reply(output, json.dumps(output, ensure_ascii=False), True, 0) for output in found]


def outcomes(
    found: list[Example], replies: dict[str, Reply], losses: list[tuple[float, int]], fields: list[str]
) -> pd.DataFrame:
    """A row an example: what kind of example it is, the scores of its answer if it was asked, and its loss if there is one."""
    rows = []
    for index, item in enumerate(found):
        row: dict[str, Any] = {
            "example_id": item.example_id, "task": item.task, "group": item.group, "language": item.language,
            "doc_id": item.doc_ids[0], "characters": len(item.input or item.target),
        }  # fmt: skip
        if item.example_id in replies:
            reply = replies[item.example_id]
            row |= scores.of_answer(item.task, item.input, item.output, reply.output, reply.raw, fields)
            row["stop_rate"] = float(reply.stopped)
        if losses:
            row["nats"], row["loss_tokens"] = losses[index]
        rows.append(row)
    return pd.DataFrame(rows)


KIND = ["example_id", "task", "group", "language", "doc_id", "characters"]


def record(table: pd.DataFrame, probe: list[tuple[float, int]], section: Intervals) -> dict[str, Any]:
    """`scores.json`: all scores of a table of outcomes, with intervals; keys that do not apply are absent."""
    asked = table["exact_match"].notna() if "exact_match" in table else pd.Series(False, table.index)
    found = scores.record(table.drop(columns=KIND), table["group"], section)
    found |= {"n": int(asked.sum()), "n_groups": int(table["group"][asked].nunique())}
    found["intervals"]["drawn"] = "groups" if by_group(table["group"][asked], section) else "examples"
    if "loss" in found:
        found |= {"n_loss_tokens": int(table["loss_tokens"].sum()), "perplexity": scores.perplexity(found["loss"])}
        found["intervals"]["perplexity"] = [scores.perplexity(end) for end in found["intervals"]["loss"]]
    if probe:
        neutral = paragraphs(probe)
        of_probe = scores.record(neutral, pd.Series(np.arange(len(neutral))), section)
        found["probe_loss"] = of_probe["loss"]
        found["intervals"]["probe_loss"] = of_probe["intervals"]["loss"]
    return found


def paragraphs(probe: list[tuple[float, int]]) -> pd.DataFrame:
    """A row a paragraph of the neutral text, by its number."""
    return pd.DataFrame(probe, columns=["nats", "loss_tokens"]).rename_axis("paragraph")


def write(
    out: Path, found: list[Example], replies: dict[str, Reply], table: pd.DataFrame, probe: list[tuple[float, int]],
    scored: dict[str, Any],
) -> None:  # fmt: skip
    """Write the files of one evaluation."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    given = table.drop(columns=KIND[1:]).set_index("example_id").to_dict("index")
    lines = []
    for item in found:
        if item.example_id in replies:
            reply = replies[item.example_id]
            right = {key: value for key, value in given[item.example_id].items() if not pd.isna(value)}
            lines.append(
                {"example_id": item.example_id, "task": item.task, "group": item.group, "language": item.language,
                 "input": item.input, "wanted": item.output, "output": reply.output, "raw": reply.raw,
                 "stopped": reply.stopped, "n_cut": reply.n_cut, "scores": right}
            )  # fmt: skip
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (out / "predictions.jsonl").write_text(text, encoding="utf-8")
    table.to_csv(out / "outcomes.csv", index=False, lineterminator="\n")
    if probe:
        paragraphs(probe).to_csv(out / "probe.csv", lineterminator="\n")
    (out / "scores.json").write_text(json.dumps(scored, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.evaluate", description="Score one variant of one adapter.")
    parser.add_argument("--show-failures", type=Path, metavar="FOLDER", help="only print the wrong answers of an evaluation")
    parser.add_argument("--adapter", help="name of an adapter in params.yaml")
    parser.add_argument("--variant", choices=params.SCORED, help="what to score")
    parser.add_argument("--models", type=Path, help="folder of all models, e.g. models")
    parser.add_argument("--examples", type=Path, help="the test examples, e.g. data/examples/test.jsonl")
    parser.add_argument("--out", type=Path, help="folder to write, e.g. evaluation/products/q4_k_m")
    arguments = parser.parse_args()
    needed = (arguments.adapter, arguments.variant, arguments.models, arguments.examples, arguments.out)
    if not arguments.show_failures and None in needed:
        parser.error("give --adapter, --variant, --models, --examples and --out, or --show-failures")
    return arguments


def main() -> None:
    arguments = _arguments()
    if arguments.show_failures:
        failures.show(arguments.show_failures)
        return
    started = time.monotonic()
    loaded = params.load()
    found = chosen(arguments.examples, loaded.adapter(arguments.adapter).tasks, loaded.evaluate.max_examples)
    fields, limit = list(loaded.prepare.fields), loaded.tokenize.max_seq_len
    asked = [item for item in found if item.task != "continue"]
    losses: list[tuple[float, int]] = []
    probe: list[tuple[float, int]] = []
    target_cut = 0
    if arguments.variant == "rules":
        given = by_rules(asked, fields)
    else:
        from stages.evaluate.models import opened  # seconds to import: neither the rules nor a list of failures need it

        model = opened(arguments.variant, arguments.adapter, arguments.models, limit, loaded.evaluate, loaded.prompt)
        losses, probe = model.losses(found, PROBE.read_text(encoding="utf-8"))
        target_cut = model.n_target_cut(asked)
        given = model.replies(asked)  # last: the losses have shown how the answers begin
    replies = {item.example_id: reply for item, reply in zip(asked, given, strict=True)}
    table = outcomes(found, replies, losses, fields)
    scored = record(table, probe, loaded.evaluate.intervals)
    scored |= {"n_shortened": sum(reply.n_cut > 0 for reply in given), "n_cut": sum(reply.n_cut for reply in given)}
    scored["n_target_cut"] = target_cut
    write(arguments.out, found, replies, table, probe, scored)
    shown = ", ".join(f"{key} {value:.3f}" for key, value in scored.items() if isinstance(value, float))
    print(f"evaluate {arguments.adapter}/{arguments.variant}: {shown}; {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    command.run(main)
