"""Publish metrics, plots and a page where Git keeps them; nothing new is computed here.

python -m stages.report --adapters products --data data --models models --evaluation evaluation --comparison comparison \\
    --metrics metrics
python -m stages.report --show metrics     # print the scorecard
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from stages import command, params
from stages.report import collect, page, plots, scorecard


def write_metrics(metrics: Path, found: dict[str, Any]) -> None:
    """Write `metrics/NAME.json` for every name, and a small file a variant: the rows of `dvc metrics show`."""
    metrics.mkdir(parents=True, exist_ok=True)
    for name, value in found.items():
        _write(metrics / f"{name}.json", value)
    shutil.rmtree(metrics / "scores", ignore_errors=True)
    for adapter, variants in found["scores"].items():
        for variant, record in variants.items():
            _write(metrics / "scores" / adapter / f"{variant}.json", collect.row(record))


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.report", description="Publish metrics, plots and a page.")
    parser.add_argument("--show", type=Path, metavar="METRICS", help="only print the scorecard of this folder")
    parser.add_argument("--adapters", nargs="+", metavar="NAME", help="adapters of params.yaml, in the order to show")
    parser.add_argument("--data", type=Path, help="folder of all data outputs, e.g. data")
    parser.add_argument("--models", type=Path, help="folder of all models, e.g. models")
    parser.add_argument("--evaluation", type=Path, help="folder of all evaluations, e.g. evaluation")
    parser.add_argument("--comparison", type=Path, help="folder of all comparisons, e.g. comparison")
    parser.add_argument("--metrics", type=Path, help="folder to write, e.g. metrics")
    arguments = parser.parse_args()
    if not arguments.show and None in [value for key, value in vars(arguments).items() if key != "show"]:
        parser.error("give --adapters, --data, --models, --evaluation, --comparison and --metrics, or --show")
    return arguments


def main() -> None:
    arguments = _arguments()
    if arguments.show:
        scorecard.show(collect.read(arguments.show / "scores.json"))
        return
    loaded = params.load()
    names, digits = arguments.adapters, loaded.report.digits
    training, curves = collect.training(arguments.models, names)
    data = collect.data(arguments.data, names)
    found = {
        "scores": collect.scores(arguments.evaluation, names),
        "pairs": collect.rounded(collect.comparison(arguments.comparison, "pairs", names), digits),
        "breakdown": collect.rounded(collect.comparison(arguments.comparison, "breakdown", names), digits),
        "outcomes": collect.comparison(arguments.comparison, "outcomes", names),
        "data": data,
        "train": collect.rounded(training, digits),
        "merge": collect.rounded(collect.by_adapter(arguments.models, "merged", names), digits),
        "gguf": collect.rounded(collect.by_adapter(arguments.models, "gguf", names), digits),
    }
    write_metrics(arguments.metrics, found)
    lengths = collect.lengths(arguments.data, names)
    drawn = plots.Found(found["scores"], curves, lengths, collect.funnel(data), found["breakdown"])
    figures = plots.write(arguments.metrics / "plots", drawn)
    said = found | {"base": loaded.base.name, "confidence": loaded.evaluate.intervals.confidence}
    (arguments.metrics / "report.html").write_text(page.render(said, figures), encoding="utf-8")
    print(f"report: {arguments.metrics}/*.json, plots and report.html; `dvc metrics show` prints the scores")


if __name__ == "__main__":
    command.run(main)
