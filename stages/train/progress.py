"""What a person sees while an adapter is trained: one bar with loss, learning rate, tokens a second and the time left.

And a table that grows, outside of the outputs, in the form of metrics/plots/loss.csv (docs/experiments.md):

    .cache/train/products/loss.csv        adapter,kind,step,loss
"""

import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from stages.command import progress

SHOWN = {"loss": "loss", "learning_rate": "lr", "eval_loss": "valid_loss"}


class Bar(TrainerCallback):
    """A progress bar over optimiser steps."""

    def __init__(self, name: str, tokens_a_step: float) -> None:
        self._name = name
        self._tokens_a_step = tokens_a_step
        self._last: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._first = state.global_step
        self._started = time.monotonic()
        silent = not state.is_world_process_zero
        self._bar = progress(
            desc=f"train {self._name}", total=state.max_steps, unit="step", initial=self._first, disable=silent
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(state.global_step - self._bar.n)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        self._last |= {SHOWN[key]: f"{value:.3g}" for key, value in (logs or {}).items() if key in SHOWN}
        speed = self._tokens_a_step * (state.global_step - self._first) / (time.monotonic() - self._started)
        self._bar.set_postfix({**self._last, "tok/s": f"{speed:.0f}"}, refresh=False)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.close()


class Watched(TrainerCallback):
    """Writes the loss curve anew at each of its points; a resumed training goes on where its checkpoint stood."""

    def __init__(self, name: str, table: Path) -> None:
        self._name, self._table = name, table

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        points = curve(state.log_history)
        lines = [
            f"{self._name},{kind},{point['step']},{point[key]:.5g}"
            for key, kind in (("loss", "train"), ("valid_loss", "valid"))
            for point in points
            if key in point
        ]
        self._table.write_text("\n".join(["adapter,kind,step,loss", *lines, ""]), encoding="utf-8")


def curve(history: list[dict[str, float]]) -> list[dict[str, float]]:
    """The points of the loss curve from the trainer's own log, which a checkpoint carries on."""
    columns = {"loss": "loss", "learning_rate": "learning_rate", "eval_loss": "valid_loss"}
    points = [
        {"step": entry["step"]} | {name: entry[key] for key, name in columns.items() if key in entry} for entry in history
    ]
    return [point for point in points if len(point) > 1]
