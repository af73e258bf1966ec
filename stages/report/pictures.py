"""PNG pictures for people: bars with their values, loss curves. The same numbers stand in CSV beside them."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

VARIANT_COLOURS = ("#9aa0a6", "#1a73e8", "#12858d", "#e8710a", "#9334e6")


def bars(path: Path, title: str, values: dict[str, dict[str, float]]) -> None:
    """Grouped horizontal bars, a group for each key, a colour for each variant, the value at every bar's end.

    Args:
        path: the PNG file to write.
        title: shown above.
        values: `{variant: {label: share from 0 to 1}}`.
    """
    labels = list(dict.fromkeys(label for row in values.values() for label in row))
    height = 0.8 / len(values)
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.9 * len(labels)), layout="constrained")
    for index, (variant, row) in enumerate(values.items()):
        places = [labels.index(label) + index * height for label in row]
        drawn = axes.barh(places, list(row.values()), height * 0.9, color=VARIANT_COLOURS[index], label=variant)
        axes.bar_label(drawn, fmt="%.3f", padding=3, fontsize=8)
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(labels))], [label.replace("_", " ") for label in labels])
    axes.set_xlim(0, 1.12)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.invert_yaxis()
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(values), frameon=False)
    _save(figure, path)


def curves(path: Path, found: dict[str, list[dict[str, float]]]) -> None:
    """Training and validation loss over steps, one panel an adapter."""
    figure, panels = plt.subplots(1, len(found), figsize=(4.5 * len(found), 3.4), layout="constrained", squeeze=False)
    for axes, (name, points) in zip(panels[0], found.items(), strict=True):
        for key, style in (("loss", "-"), ("valid_loss", "o--")):
            line = [(point["step"], point[key]) for point in points if key in point]
            if line:
                axes.plot(*zip(*line, strict=True), style, label=key.replace("_", " "), markersize=4)
        axes.set(title=name, xlabel="step", ylabel="loss (nats a token)", ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})  # the same bytes from the same numbers
    plt.close(figure)
