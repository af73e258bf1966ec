"""How a review writes a table, a number and a size in Markdown."""

from collections.abc import Iterable
from math import isfinite
from typing import Any


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table, its first column left, the others right."""
    titles = list(head)
    lines = [titles, [":--", *["--:"] * (len(titles) - 1)], *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: Any) -> str:
    """A value on one line, for a table."""
    return " ".join(str(value).splitlines()).replace("|", "\\|")


def details(summary: str, body: str) -> str:
    """A body that a click unfolds."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def number(value: float | None) -> str:
    """Counts in full, other numbers with four digits."""
    return "–" if value is None else f"{value:,.0f}" if value.is_integer() else f"{value:.4g}"


def signed(value: float) -> str:
    """A difference of two numbers."""
    return "–" if not isfinite(value) else f"{value:+,.0f}" if value.is_integer() else f"{value:+.3g}"


def size(entry: dict[str, Any] | None) -> str:
    """That of an output, from its entry in dvc.lock."""
    if entry is None:
        return "–"
    files = f" in {entry['nfiles']} files" if "nfiles" in entry else ""
    bytes_ = entry["size"]
    return (f"{bytes_ / 1e6:.1f} MB" if bytes_ >= 1e6 else f"{bytes_ / 1e3:.1f} kB") + files
