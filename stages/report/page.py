"""The report as one page that needs no network: tables with intervals, and every picture inside it as SVG."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stages.report.collect import UNBOUNDED

SCORES = (
    ("exact_match", "exact match"),
    ("mean_field_accuracy", "mean field accuracy"),
    ("json_parse_rate", "JSON parsed"),
    ("hallucinated_rate", "hallucinated fields"),
    ("missed_rate", "missed fields"),
    ("token_f1", "token F1"),
    ("rouge_l", "ROUGE-L"),
    ("verbatim_quote_rate", "verbatim quotes"),
    ("stop_rate", "stopped by itself"),
    ("loss", "loss per target token"),
    ("perplexity", "perplexity"),
    ("probe_loss", "loss on neutral text"),
)
KINDS = {
    "language": "language",
    "group": "layout family or document",
    "doc_type": "document type",
    "length": "characters of the input",
}


def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    found.filters["shown"] = shown
    return found


def shown(value: Any, score: str = "") -> str:
    """A number as a cell shows it: a loss with three digits, a share with three decimals; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, float) and score in UNBOUNDED:
        return f"{value:#.3g}".rstrip(".")
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) >= 10
        else f"{value:.3f}"
        if isinstance(value, float)
        else str(value)
    )


def render(found: dict[str, Any], figures: dict[str, str]) -> str:
    """The page.

    Args:
        found: the metrics by the names of their files, and `base`, the name of the base model.
        figures: SVG elements by name: one an adapter, variants, loss, lengths, funnel.
    """
    columns = {
        name: [(key, title) for key, title in SCORES if any(key in record for record in variants.values())]
        for name, variants in found["scores"].items()
    }
    safe = {name: Markup(element) for name, element in figures.items()}  # noqa: S704 - drawn by this package
    return _environment().get_template("page.html.j2").render(**found, columns=columns, figures=safe, kinds=KINDS)
