"""A picture of a sweep: what the experiments of this commit reached, over one parameter, a line for each value of another.

    dvc exp run --queue train@products -S adapters.products.lora.r=4,16 -S adapters.products.train.learning_rate=0.001,0.002
    dvc exp run --run-all
    python -m benchmarks.sweep --out sweep.png

The score is the loss on the validation split, which `train` writes beside the adapter: the test split is for the run that is
chosen. A metric of the scorecard can be drawn too, named by how its column in `dvc exp show` ends; a run of one stage alone
has those of its commit.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import dvc.api
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from dvc.exceptions import DvcException

from stages import command
from stages.command import Failure

TRAINING = "training.json:"  # begins the names of what `train` wrote
REMEDY = "`dvc queue status` shows what waits or failed, `dvc exp run --run-all` runs it"


def experiments(adapter: str) -> pd.DataFrame:
    """A row an experiment of the current commit: its parameters and metrics, and the numbers of its `training.json`.

    Raises:
        Failure: none is finished.
    """
    shown = [row for row in dvc.api.exp_show() if row["Experiment"]]
    finished = [row for row in shown if row["State"] in (None, "Success")]  # the queue has Queued, Running and Failed too
    rows = [{**row, **_training(str(row["rev"]), adapter)} for row in finished]
    if not rows:
        raise Failure(f"sweep: this commit has no finished experiment; {REMEDY}")
    return pd.DataFrame(rows)


def _training(revision: str, adapter: str) -> dict[str, Any]:
    try:
        found = json.loads(dvc.api.read(f"models/adapters/{adapter}/training.json", rev=revision))
    except (DvcException, OSError):  # its adapter is on another machine, or was removed from the cache
        return {}
    return {TRAINING + key: value for key, value in found.items() if isinstance(value, int | float)}


def column(table: pd.DataFrame, end: str) -> str:
    """The name of the column that ends so.

    Raises:
        Failure: none does, or several do.
    """
    found = [str(name) for name in table.columns if str(name).endswith(end)]
    if len(found) != 1:
        raise Failure(f"sweep: {len(found)} columns end in {end!r} ({', '.join(found) or 'none'}); name one by more of its end")
    return found[0]


def runs(table: pd.DataFrame, x: str, line: str, score: str) -> pd.DataFrame:
    """One row an experiment, as columns x, line and score, sorted.

    Raises:
        Failure: none has all three, or they differ in another parameter of an adapter too.
    """
    names = {column(table, x): "x", column(table, line): "line", column(table, score): "score"}
    given = table[list(names)].rename(columns=names).apply(pd.to_numeric, errors="coerce").dropna()
    if given.empty:
        raise Failure(f"sweep: no experiment has {x}, {line} and {score}; {REMEDY}")
    for name in table.columns:
        if str(name).startswith("adapters.") and name not in names and table.loc[given.index, name].astype(str).nunique() > 1:
            values = ", ".join(sorted(table.loc[given.index, name].astype(str).unique()))
            raise Failure(f"sweep: the experiments differ in {name} too ({values}); `dvc exp remove` those that do not belong")
    found: pd.DataFrame = given.sort_values(["line", "x"])
    return found


def draw(found: pd.DataFrame, x: str, line: str, score: str, out: Path) -> None:
    """Write the picture; x is logarithmic."""
    figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
    for value, part in found.groupby("line"):
        axes.plot(part["x"], part["score"], "o-", label=f"{line} {value:g}")
    axes.set(xscale="log", xlabel=x, ylabel=score.removeprefix(TRAINING))
    axes.set_xticks(sorted(found["x"].unique()), [f"{value:g}" for value in sorted(found["x"].unique())], minor=False)
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(out, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.sweep", description="A picture of the experiments of this commit.")
    parser.add_argument("--adapter", default="products", help="whose training.json is read (default: products)")
    parser.add_argument("--x", default="products.train.learning_rate", help="parameter on the horizontal axis")
    parser.add_argument("--line", default="products.lora.r", help="parameter with a line for each value")
    parser.add_argument("--score", default=f"{TRAINING}valid_loss", help="on the vertical axis, e.g. q4_k_m.json:exact_match")
    parser.add_argument("--out", type=Path, required=True, help="the PNG file to write")
    arguments = parser.parse_args()
    wanted = arguments.x, arguments.line, arguments.score
    found = runs(experiments(arguments.adapter), *wanted)
    draw(found, *wanted, arguments.out)
    print(found.to_string(index=False, header=list(wanted)))
    print(f"sweep: {arguments.out}")


if __name__ == "__main__":
    command.run(main)
