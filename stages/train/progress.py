"""What a person sees while an adapter is trained: one bar with loss, learning rate and tokens a second."""

import time
from typing import Any

from transformers import TrainerCallback

from stages.command import progress


class Bar(TrainerCallback):
    """A progress bar over optimiser steps; keeps the curve for the report."""

    def __init__(self, name: str, tokens: int) -> None:
        self._name = name
        self._tokens = tokens  # of all steps
        self.curve: list[dict[str, float]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar = progress(desc=f"train {self._name}", total=state.max_steps, unit="step")
        self._started = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(state.global_step - self._bar.n)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        logs = logs or {}
        point = {"step": state.global_step}
        for key, column in (("loss", "loss"), ("learning_rate", "learning_rate"), ("eval_loss", "valid_loss")):
            if key in logs:
                point[column] = logs[key]
        if len(point) > 1:
            self.curve.append(point)
        speed = self._tokens * state.global_step / state.max_steps / (time.monotonic() - self._started)
        shown = {column: f"{value:.4g}" for column, value in point.items() if column != "step"}
        self._bar.set_postfix({**shown, "tok/s": f"{speed:.0f}"}, refresh=False)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.close()
