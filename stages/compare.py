"""The variants of one adapter against each other, pair by pair, and their scores by kind of example.

In: `evaluation/A/VARIANT/outcomes.csv`, a row an example. Out, in one folder:

pairs.json      {"q4_k_m": {"against": "f16", "exact_match": {"difference": -0.03, "lost": 4, "won": 1, "p": 0.375, "n": 100}}}
breakdown.json  {"language": {"fr": {"q4_k_m": {"exact_match": 0.95, "n": 20}}}, "group": …, "doc_type": …, "length": …}
outcomes.json   what two commits are compared by, packed: see `packed`
"""

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from stages import command, params
from stages.command import Failure
from stages.documents import read_shards
from stages.paired import compare
from stages.params import Intervals

AGAINST = {"adapter": ("base", "rules"), "merged": ("adapter",), "f16": ("merged",), "q4_k_m": ("f16",)}
SHOWN = ("exact_match", "mean_field_accuracy", "token_f1", "loss")  # by kind of example
PAIRED = ("exact_match", "mean_field_accuracy", "json_parse_rate", "token_f1", "loss")
LENGTHS = (0, 250, 500, 1000, 2000)  # characters of the input, or of the text where there is none

Outcomes = dict[str, pd.DataFrame]


def read(folder: Path) -> Outcomes:
    """The outcomes of every evaluated variant, in the order of the ladder, by example; loss is that of a token.

    Raises:
        Failure: there is none.
    """
    found = {v: folder / v / "outcomes.csv" for v in params.SCORED}
    tables = {v: _table(path, "example_id") for v, path in found.items() if path.is_file()}
    if not tables:
        raise Failure(f"{folder} holds no */outcomes.csv; run `dvc repro` to make them")
    return tables


def probes(folder: Path) -> dict[str, pd.Series]:
    """The loss of a token on each paragraph of neutral text, of the variants that have one."""
    found = {v: folder / v / "probe.csv" for v in params.SCORED}
    return {v: _table(path, "paragraph")["loss"] for v, path in found.items() if path.is_file()}


def _table(path: Path, index: str) -> pd.DataFrame:
    # a group may be called NA or null
    table = pd.read_csv(path, index_col=index, keep_default_na=False, na_values=[""]).sort_index()
    return table.assign(loss=table["nats"] / table["loss_tokens"]) if "nats" in table else table


def pairs(outcomes: Outcomes, section: Intervals) -> dict[str, Any]:
    """Every variant against the one it was made from; the adapter also against the rules."""
    found: dict[str, Any] = {}
    for variant, others in AGAINST.items():
        for other in others:
            if other in outcomes and variant in outcomes:
                found[f"{other} → {variant}"] = _pair(outcomes[other], outcomes[variant], section)
    return found


def _pair(before: pd.DataFrame, after: pd.DataFrame, section: Intervals) -> dict[str, Any]:
    shared = [score for score in PAIRED if score in before and score in after]
    rows = {score: before.index[before[score].notna() & after[score].notna()] for score in shared}
    return {score: asdict(compare(before[score][rows[score]], after[score][rows[score]], section)) for score in shared}


def breakdown(outcomes: Outcomes, doc_types: dict[str, str]) -> dict[str, Any]:
    """The scores of every variant by language, group, document type and length of the input, with their n."""
    found: dict[str, Any] = {}
    for variant, table in outcomes.items():
        kinds = {
            "language": table["language"],
            "group": table["group"],
            "doc_type": table["doc_id"].map(doc_types).fillna("unknown"),
            "length": table["characters"].map(length),
        }
        for kind, column in kinds.items():
            for value, part in table.groupby(column.astype(str), sort=True):
                found.setdefault(kind, {}).setdefault(str(value), {})[variant] = _means(part)
    return found


def _means(part: pd.DataFrame) -> dict[str, Any]:
    scores = [score for score in SHOWN if score in part and part[score].notna().any()]
    found: dict[str, Any] = {score: float(part[score].mean()) for score in scores}
    if "loss" in found:
        found["loss"] = float(part["nats"].sum() / part["loss_tokens"].sum())  # of a token, as in the scorecard
    asked = int(part["exact_match"].notna().sum()) if "exact_match" in part else 0
    return found | {"n": asked or len(part)}


def length(characters: int) -> str:
    """The class of a length, named so that names sort by size."""
    low = max(edge for edge in LENGTHS if edge <= characters)
    above = [edge for edge in LENGTHS if edge > low]
    return f"{low:04d}–{above[0] - 1:04d}" if above else f"{low:04d} and more"


def packed(outcomes: Outcomes, neutral: dict[str, pd.Series]) -> dict[str, Any]:
    """What Git keeps of every example, so that two commits can be compared pair by pair without their predictions.

    `right` holds a word a variant and in it a digit a score of `scores`, 1 where the answer is right, - where the variant
    has no such score; other scores hold a number a variant. Keys are GROUP/EXAMPLE_ID, those of `probe_loss` the numbers of
    its paragraphs:

        {"variants": ["base", "adapter"], "scores": ["exact_match", "json_parse_rate"],
         "right": {"story/3d0b…-extract-11": "00 11"}, "loss": {"story/3d0b…-extract-11": "0.61 0.0102"}}
    """
    first = next(iter(outcomes.values()))
    binary = sorted({str(c) for table in outcomes.values() for c in table if _is_binary(str(c))})
    keys = {example_id: f"{group}/{example_id}" for example_id, group in first["group"].items()}
    found: dict[str, Any] = {"variants": list(outcomes), "scores": binary}
    found["right"] = _cells(keys, outcomes, lambda row: "".join(_digit(row.get(score)) for score in binary))
    for score in ("token_f1", "rouge_l", "loss"):
        if any(score in table for table in outcomes.values()):
            found[score] = _cells(keys, outcomes, lambda row, score=score: _number(row.get(score)))  # type: ignore[misc]
    if neutral:
        table = pd.DataFrame(neutral, columns=list(outcomes))
        found["probe_loss"] = {f"{n:02}": " ".join(map(_number, row)) for n, row in zip(table.index, table.values, strict=True)}
    return found


def _is_binary(column: str) -> bool:
    return column in ("exact_match", "json_parse_rate", "stop_rate") or column.startswith("field_accuracy.")


def _cells(keys: dict[Any, str], outcomes: Outcomes, cell: Any) -> dict[str, str]:
    rows = {variant: table.to_dict("index") for variant, table in outcomes.items()}
    found = {key: [cell(rows[variant].get(i, {})) for variant in outcomes] for i, key in keys.items()}
    return {key: " ".join(cells) for key, cells in sorted(found.items()) if set("".join(cells)) - {"-"}}


def _digit(value: Any) -> str:
    return "-" if value is None or pd.isna(value) else str(int(value))


def _number(value: Any) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.compare", description="Compare the variants of one adapter.")
    parser.add_argument("--evaluation", type=Path, required=True, help="evaluations of one adapter, e.g. evaluation/products")
    parser.add_argument("--clean", type=Path, required=True, help="the clean corpus, for document types, e.g. data/clean")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. comparison/products")
    arguments = parser.parse_args()
    section = params.load().evaluate.intervals
    outcomes = read(arguments.evaluation)
    doc_types = {row["doc_id"]: row["doc_type"] for row in read_shards(arguments.clean, "kept")}
    found = {
        "pairs": pairs(outcomes, section),
        "breakdown": breakdown(outcomes, doc_types),
        "outcomes": packed(outcomes, probes(arguments.evaluation)),
    }
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    for name, value in found.items():
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        (arguments.out / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"compare: {len(found['pairs'])} pairs of variants in {arguments.out}")


if __name__ == "__main__":
    command.run(main)
