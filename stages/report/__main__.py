"""Publish metrics and plots where Git keeps them; nothing new is computed here.

python -m stages.report --data data --models models --evaluation evaluation --metrics metrics
python -m stages.report --show metrics     # print the scorecard
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from stages import command, params
from stages.report import collect, pictures, scorecard


def write_metrics(metrics: Path, digits: int, found: dict[str, Any]) -> None:
    """Write `metrics/NAME.json` for every name, sorted and rounded."""
    metrics.mkdir(parents=True, exist_ok=True)
    for name, value in found.items():
        text = json.dumps(collect.rounded(value, digits), indent=1)
        (metrics / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def write_plots(plots: Path, scores: dict[str, Any], curves: dict[str, list[dict[str, float]]]) -> None:
    """Write the CSV files of `dvc plots` and the PNG pictures."""
    shutil.rmtree(plots, ignore_errors=True)
    plots.mkdir(parents=True)
    losses = [
        {"adapter": name, "kind": kind, "step": point["step"], "loss": f"{point[key]:.5g}"}
        for name, points in curves.items()
        for kind, key in (("train", "loss"), ("valid", "valid_loss"))
        for point in points
        if key in point
    ]
    fields = [
        {"adapter": name, "variant": variant, "field": field, "accuracy": f"{value:.4g}"}
        for name, variants in scores.items()
        for variant, row in variants.items()
        for field, value in row.get("field_accuracy", {}).items()
    ]
    ladder = [
        {"adapter": name, "variant": variant, "metric": collect.headline(row)[0], "score": f"{collect.headline(row)[1]:.4g}"}
        for name, variants in scores.items()
        for variant, row in variants.items()
    ]
    for stem, rows in (("loss", losses), ("fields", fields), ("variants", ladder)):
        if rows:
            (plots / f"{stem}.csv").write_text(collect.table(rows), encoding="utf-8")
    for name, variants in scores.items():
        pictures.bars(
            plots / f"{name}.png", f"{name}: scores on the test split", {v: _bars(row) for v, row in variants.items()}
        )
    pictures.curves(plots / "loss.png", curves)


def _bars(row: dict[str, Any]) -> dict[str, float]:
    keys = ("exact_match", "mean_field_accuracy", "json_parse_rate", "token_f1", "stop_rate")
    return row.get("field_accuracy", {}) | {key: row[key] for key in keys if key in row}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.report", description="Publish metrics and plots.")
    parser.add_argument("--show", type=Path, metavar="METRICS", help="only print the scorecard of this folder")
    parser.add_argument("--data", type=Path, help="folder of all data outputs, e.g. data")
    parser.add_argument("--models", type=Path, help="folder of all models, e.g. models")
    parser.add_argument("--evaluation", type=Path, help="folder of all evaluations, e.g. evaluation")
    parser.add_argument("--metrics", type=Path, help="folder to write, e.g. metrics")
    arguments = parser.parse_args()
    if not arguments.show and None in (arguments.data, arguments.models, arguments.evaluation, arguments.metrics):
        parser.error("give --data, --models, --evaluation and --metrics, or --show")
    return arguments


def main() -> None:
    arguments = _arguments()
    if arguments.show:
        scorecard.show(collect.read(arguments.show / "scores.json"))
        return
    loaded = params.load()
    names = list(loaded.adapters)
    scores = collect.scores(arguments.evaluation, names, params.VARIANTS)
    training, curves = collect.training(arguments.models, names)
    found = {
        "scores": scores,
        "data": collect.data(arguments.data, names),
        "train": training,
        "merge": collect.by_adapter(arguments.models, "merged", names),
        "gguf": collect.by_adapter(arguments.models, "gguf", names),
    }
    write_metrics(arguments.metrics, loaded.report.digits, found)
    write_plots(arguments.metrics / "plots", scores, curves)
    print(f"report: {arguments.metrics}/*.json, {arguments.metrics}/plots; `dvc metrics show` prints them")


if __name__ == "__main__":
    command.run(main)
