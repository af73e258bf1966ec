"""The scorecard in a terminal: one table an adapter, one row a variant."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = (
    ("exact_match", "exact match"),
    ("mean_field_accuracy", "mean field"),
    ("json_parse_rate", "JSON parsed"),
    ("token_f1", "token F1"),
    ("stop_rate", "stopped"),
    ("loss", "loss/token"),
    ("n", "n"),
)


def show(scores: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Print `metrics/scores.json`."""
    console = Console(width=None if Console().is_terminal else 100)
    for adapter, variants in scores.items():
        shown = [(key, title) for key, title in COLUMNS if any(key in row for row in variants.values())]
        table = Table("variant", title=adapter, title_justify="left", box=box.SIMPLE_HEAD)
        for _, title in shown:
            table.add_column(title, justify="right")
        for variant, row in variants.items():
            table.add_row(variant, *(_cell(row.get(key)) for key, _ in shown))
        console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
