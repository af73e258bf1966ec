"""A picture of a sweep: a score over one parameter, a line for each value of another.

    dvc exp show --csv --hide-workspace > sweep.csv
    python -m benchmarks.sweep --csv sweep.csv --x products.train.learning_rate --line products.lora.r --out sweep.png

Columns are named by how they end, as long as one column ends so.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from stages import command
from stages.command import Failure


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
    """One row a finished run, as columns x, line and score, sorted; the committed run counts too."""
    names = {column(table, x): "x", column(table, line): "line", column(table, score): "score"}
    found: pd.DataFrame = (
        table[list(names)].rename(columns=names).apply(pd.to_numeric, errors="coerce").dropna().drop_duplicates()
    )
    if found.empty:
        raise Failure("sweep: no run has all three; is `dvc exp run --run-all` through?")
    return found.sort_values(["line", "x"])


def draw(found: pd.DataFrame, x: str, line: str, score: str, out: Path) -> None:
    """Write the picture; x is logarithmic."""
    figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
    for value, part in found.groupby("line"):
        axes.plot(part["x"], part["score"], "o-", label=f"{line} {value:g}")
    axes.set(xscale="log", xlabel=x, ylabel=score)
    axes.set_xticks(sorted(found["x"].unique()), [f"{value:g}" for value in sorted(found["x"].unique())], minor=False)
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(out, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.sweep", description="A picture of a sweep.")
    parser.add_argument("--csv", type=Path, required=True, help="from `dvc exp show --csv`")
    parser.add_argument("--x", default="products.train.learning_rate", help="parameter on the horizontal axis")
    parser.add_argument("--line", default="products.lora.r", help="parameter with a line for each value")
    parser.add_argument("--score", default="products/q4_k_m.json:exact_match", help="metric on the vertical axis")
    parser.add_argument("--out", type=Path, required=True, help="the PNG file to write")
    arguments = parser.parse_args()
    wanted = arguments.x, arguments.line, arguments.score
    draw(runs(pd.read_csv(arguments.csv), *wanted), *wanted, arguments.out)
    print(f"sweep: {arguments.out}")


if __name__ == "__main__":
    command.run(main)
