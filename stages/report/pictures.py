"""Pictures for people: PNG beside the CSV of the same numbers, and the same as SVG inside the report's page.

A figure is drawn by one function and written by `png` and `svg`; equal numbers give equal bytes.
"""

import io
import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {
    "rules": "#5f6368",
    "base": "#9aa0a6",
    "adapter": "#1a73e8",
    "merged": "#12858d",
    "f16": "#e8710a",
    "q4_k_m": "#9334e6",
}
GREY = "#80868b"  # axes: to be seen on white and on black
plt.rcParams |= {
    "svg.fonttype": "none", "svg.hashsalt": "report", "axes.edgecolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
    "xtick.labelcolor": "black", "ytick.labelcolor": "black", "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "figure.constrained_layout.use": True, "axes.titlelocation": "left", "font.size": 9,
}  # fmt: skip


def bars(title: str, values: dict[str, dict[str, float]]) -> Any:
    """Grouped horizontal bars, a group for each key, a colour for each variant, the value at every bar's end.

    Args:
        title: shown above.
        values: `{variant: {label: share from 0 to 1}}`.
    """
    labels = list(dict.fromkeys(label for row in values.values() for label in row))
    height = 0.84 / len(values)
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.15 * len(labels) * (len(values) + 1)))
    for index, (variant, row) in enumerate(values.items()):
        places = [labels.index(label) + index * height for label in row]
        drawn = axes.barh(places, list(row.values()), height * 0.9, color=COLOURS[variant], label=variant)
        axes.bar_label(drawn, fmt="%.3f", padding=3, fontsize=7)
    axes.set_yticks([i + 0.42 - height / 2 for i in range(len(labels))], [label.replace("_", " ") for label in labels])
    axes.set(title=title, xlim=(0, 1.1), xticks=[0, 0.25, 0.5, 0.75, 1])
    axes.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=len(values))
    return figure


def ladder(rungs: dict[str, tuple[str, list[tuple[str, float, float, float]]]]) -> Any:
    """The headline score of every variant with its interval, one panel an adapter.

    Args:
        rungs: `{adapter: (name of the score, [(variant, value, low, high), …])}`.
    """
    most = max(len(rows) for _, rows in rungs.values())
    figure, panels = plt.subplots(1, len(rungs), figsize=(4.4 * len(rungs), 0.9 + 0.36 * most), squeeze=False)
    for axes, (adapter, (score, rows)) in zip(panels[0], rungs.items(), strict=True):
        for place, (variant, value, low, high) in enumerate(rows):
            axes.plot([low, high], [place, place], color=COLOURS[variant], linewidth=2, solid_capstyle="butt")
            axes.plot(value, place, "o", color=COLOURS[variant], markersize=6)
            axes.annotate(f"{value:.3f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
        axes.set_yticks(range(len(rows)), [row[0] for row in rows])
        axes.set(title=f"{adapter}: {score.replace('_', ' ')}", ylim=(len(rows) - 0.5, -0.7))
        axes.margins(x=0.12)
    return figure


def curves(found: dict[str, list[dict[str, float]]]) -> Any:
    """Losses and, below them, the learning rate over optimiser steps, one column an adapter."""
    figure, panels = plt.subplots(
        2, len(found), figsize=(4.4 * len(found), 4.2), squeeze=False, sharex="col", height_ratios=(3, 1)
    )
    for column, (name, points) in enumerate(found.items()):
        upper, lower = panels[0][column], panels[1][column]
        for axes, key, style in ((upper, "loss", "-"), (upper, "valid_loss", "o--"), (lower, "learning_rate", "-")):
            line = [(point["step"], point[key]) for point in points if key in point]
            if line:
                axes.plot(*zip(*line, strict=True), style, label=key.replace("_", " "), markersize=4)
        upper.set(title=name, ylabel="loss (nats a token)", ylim=(0, None))
        lower.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
        upper.legend()
    return figure


def lengths(found: dict[str, dict[str, list[int]]]) -> Any:
    """How many rows have how many tokens, prompts and targets apart, one panel an adapter."""
    figure, panels = plt.subplots(1, len(found), figsize=(4.4 * len(found), 2.8), squeeze=False)
    for axes, (name, parts) in zip(panels[0], found.items(), strict=True):
        top = max(max(values, default=1) for values in parts.values())
        for (label, values), colour in zip(parts.items(), ("#1a73e8", "#e8710a"), strict=False):
            axes.hist(values, bins=40, range=(0, top), alpha=0.65, color=colour, label=label)
        axes.set(title=name, xlabel="tokens of a row", ylabel="rows")
        axes.legend()
    return figure


def funnel(steps: dict[str, dict[str, int]]) -> Any:
    """What each step took in: the share that went on and the shares that left, with their counts and reasons."""
    figure, axes = plt.subplots(figsize=(8.8, 0.6 + 0.44 * len(steps)))
    for place, parts in enumerate(steps.values()):
        total, left = sum(parts.values()) or 1, 0.0
        for index, count in enumerate(parts.values()):
            colour = plt.cm.tab20c(4 + index % 16) if index else "#1a73e8"  # what went on is blue
            axes.barh(place, count / total, left=left, height=0.5, color=colour)
            left += count / total
        said = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in parts.items() if count)
        axes.annotate(said, (0, place), (2, 11), textcoords="offset points", fontsize=8)
    axes.set_yticks(range(len(steps)), list(steps))
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0", "50%", "100%"], ylim=(len(steps) - 0.5, -0.8))
    return figure


def png(figure: Any, path: Path) -> None:
    """Write a figure on white."""
    figure.savefig(path, dpi=110, metadata={"Software": None})


def svg(figure: Any) -> str:
    """A figure as an SVG element without a background; its text takes the colour of the page around it."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    found = out.getvalue()
    return re.sub(r"<metadata>.*?</metadata>\s*", "", found[found.index("<svg") :], flags=re.DOTALL)
