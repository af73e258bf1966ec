"""The tables of `dvc plots`, a row a point, and the pictures beside them."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from stages.report import collect, pictures

Rows = list[dict[str, Any]]
LENGTH_CLASS = 10  # tokens


@dataclass(frozen=True)
class Found:
    """What is drawn; see `collect` for the form of each."""

    scores: dict[str, Any]
    curves: dict[str, list[dict[str, float]]]
    lengths: dict[str, dict[str, list[int]]]
    funnel: dict[str, dict[str, int]]
    breakdown: dict[str, Any]


def tables(found: Found) -> dict[str, Rows]:
    """The rows of every CSV file by its name."""
    return {
        "loss": _curve(found.curves, {"loss": "train", "valid_loss": "valid"}, "loss"),
        "learning_rate": _curve(found.curves, {"learning_rate": "train"}, "learning_rate"),
        "fields": _fields(found.scores),
        "variants": _ladder(found.scores),
        "lengths": _lengths(found.lengths),
        "funnel": [
            {"step": step, "outcome": outcome, "count": count}
            for step, parts in found.funnel.items()
            for outcome, count in parts.items()
        ],
        "breakdown": _breakdown(found.breakdown),
    }


def _curve(curves: dict[str, list[dict[str, float]]], kinds: dict[str, str], column: str) -> Rows:
    return [
        {"adapter": name, "kind": kind, "step": point["step"], column: f"{point[key]:.5g}"}
        for name, points in curves.items()
        for key, kind in kinds.items()
        for point in points
        if key in point
    ]


def _fields(scores: dict[str, Any]) -> Rows:
    return [
        {"adapter": name, "variant": variant, "name": field, "accuracy": value}  # DVC has a `field` of its own
        for name, variants in scores.items()
        for variant, record in variants.items()
        for field, value in record.get("field_accuracy", {}).items()
    ]


def _ladder(scores: dict[str, Any]) -> Rows:
    rows = []
    for name, variants in scores.items():
        for variant, record in variants.items():
            score = collect.headline(record)
            if score in record:
                low, high = record["intervals"][score]
                rows.append(
                    {"adapter": name, "variant": variant, "metric": score, "score": record[score], "low": low, "high": high}
                )
    return rows


def _lengths(found: dict[str, dict[str, list[int]]]) -> Rows:
    """Rows of tokens counted by classes of length."""
    rows = []
    for name, parts in found.items():
        for part, values in parts.items():
            counts = Counter(value // LENGTH_CLASS * LENGTH_CLASS for value in values)
            rows += [{"adapter": name, "part": part, "tokens": low, "rows": counts[low]} for low in sorted(counts)]
    return rows


def _breakdown(found: dict[str, Any]) -> Rows:
    return [
        {"adapter": adapter, "kind": kind, "value": value, "variant": variant, "score": score, "mean": number, "n": means["n"]}
        for adapter, kinds in found.items()
        for kind, values in kinds.items()
        for value, variants in values.items()
        for variant, means in variants.items()
        for score, number in means.items()
        if score != "n"
    ]


def drawn(found: Found) -> dict[str, Any]:
    """Every figure by the name of its file."""
    figures = {
        name: pictures.bars(
            f"{name}: scores on the test split", {variant: _bars(record) for variant, record in variants.items()}
        )
        for name, variants in found.scores.items()
    }
    rungs: dict[str, tuple[str, list[Any]]] = {}
    for line in _ladder(found.scores):
        rung = rungs.setdefault(line["adapter"], (line["metric"], []))
        rung[1].append((line["variant"], line["score"], line["low"], line["high"]))
    return figures | {
        "variants": pictures.ladder(rungs),
        "loss": pictures.curves(found.curves),
        "lengths": pictures.lengths(found.lengths),
        "funnel": pictures.funnel(found.funnel),
    }


def _bars(record: dict[str, Any]) -> dict[str, float]:
    keys = ("exact_match", "mean_field_accuracy", "json_parse_rate", "token_f1", "rouge_l", "stop_rate")
    return record.get("field_accuracy", {}) | {key: record[key] for key in keys if key in record}


def write(folder: Path, found: Found) -> dict[str, str]:
    """Write CSV and PNG files; returns every figure as SVG by its name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, rows in tables(found).items():
        if rows:
            pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    elements = {}
    for name, figure in drawn(found).items():
        pictures.png(figure, folder / f"{name}.png")
        elements[name] = pictures.svg(figure)
        plt.close(figure)
    return elements
