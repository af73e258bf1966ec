"""Wrong answers, to be read: what was wanted beside what was found, and the text that the model saw.

python -m stages.evaluate --show-failures evaluation/products/q4_k_m
"""

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stages.command import Failure

EXCERPT = 600  # characters of the input that are shown


def read(folder: Path) -> list[dict[str, Any]]:
    """The answers of one evaluation.

    Raises:
        Failure: it has no predictions.jsonl.
    """
    path = folder / "predictions.jsonl"
    if not path.is_file():
        raise Failure(f"{path} does not exist; run `dvc repro` to make it, or `dvc pull` to fetch it")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def show(folder: Path) -> None:
    """Print every answer that is not right as a whole, by group, and how many there are."""
    rows = read(folder)
    wrong = sorted((row for row in rows if not row["scores"]["exact_match"]), key=lambda row: (row["group"], row["example_id"]))
    console = Console(width=None if Console().is_terminal else 110)
    for row in wrong:
        console.rule(f"{row['group']} · {row['example_id']} · {row['language']}", align="left")
        console.print(_compared(row))
        console.print(escape(_excerpt(row["input"])), style="dim")
    console.print(f"\n{len(wrong)} of {len(rows)} answers in {folder} are not exactly what was wanted")


def _compared(row: dict[str, Any]) -> Table:
    """Wanted beside found: a line a field of an object, else one line; wrong ones are marked."""
    table = Table("", "", "wanted", "found", box=box.SIMPLE_HEAD, show_edge=False)
    wanted, found = row["wanted"], row["output"]
    if not isinstance(wanted, dict):
        table.add_row("✗", f"F1 {row['scores']['token_f1']:.2f}", escape(wanted), escape(row["raw"].strip()))
        return table
    if found is None:
        table.add_row("✗", "no JSON", escape(json.dumps(wanted, ensure_ascii=False)), escape(row["raw"].strip()))
        return table
    for field in dict.fromkeys([*wanted, *found]):
        right = row["scores"].get(f"field_accuracy.{field}", 0.0)
        cells = ("–" if value is None else escape(str(value)) for value in (wanted.get(field), found.get(field)))
        table.add_row("" if right else "✗", escape(field), *cells, style=None if right else "bold")
    return table


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} […]"
