"""The scorecard in a terminal: one table an adapter, one row a variant, intervals below the scores."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from stages.report.collect import UNBOUNDED
from stages.report.page import shown

COLUMNS = (
    ("exact_match", "exact match"),
    ("mean_field_accuracy", "mean field"),
    ("json_parse_rate", "JSON parsed"),
    ("token_f1", "token F1"),
    ("rouge_l", "ROUGE-L"),
    ("stop_rate", "stopped"),
    ("loss", "loss/token"),
    ("probe_loss", "neutral text"),
    ("n", "n"),
)
NARROW = ("stop_rate", "n")  # columns without their intervals


def show(scores: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Print `metrics/scores.json`."""
    console = Console(width=None if Console().is_terminal else 130)
    for adapter, variants in scores.items():
        columns = [(key, title) for key, title in COLUMNS if any(key in row for row in variants.values())]
        table = Table("variant", title=adapter, title_justify="left", box=box.SIMPLE_HEAD)
        for _, title in columns:
            table.add_column(title, justify="right", no_wrap=True)
        for variant, row in variants.items():
            table.add_row(variant, *(_cell(row, key) for key, _ in columns))
        console.print(table)


def _cell(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    low, high = row.get("intervals", {}).get(key, (None, None)) if key not in NARROW else (None, None)
    if low is None:
        return shown(value, key)
    ends = (shown(end, key) if key in UNBOUNDED else f"{end:.2f}" for end in (low, high))
    return f"{shown(value, key)} [dim]{'–'.join(ends)}[/dim]"
