"""From a question to a parsed answer: what evaluation and `predict` do with an engine, done once.

A model writes null for what a page does not state; in the parsed object that key is absent.

ask(engine, prompter, "extract", ["<div>…"], …)  ->  [Reply(output={"name": "X200"}, raw='{"name": "X200"}', …)]
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # seconds to import: what only reads replies does without
    from stages.engines.engine import Engine
    from stages.prompt import Prompter


@dataclass(frozen=True)
class Reply:
    """One answer: `output` is the JSON object or the text in it, None where there is none to be read."""

    output: Any
    raw: str
    stopped: bool
    n_cut: int


def ask(
    engine: "Engine", prompter: "Prompter", tasks: list[str], inputs: list[str], max_seq_len: int, max_new_tokens: int
) -> list[Reply]:
    """Answer every input, each under its own task; inputs too long are shortened as in training."""
    budget = max_seq_len - max_new_tokens
    encoded = [prompter.encode(task, text, budget) for task, text in zip(tasks, inputs, strict=True)]
    answers = engine.answer([item.ids for item in encoded], max_new_tokens)
    return [
        Reply(read(task, answer.text), answer.text, answer.stopped, item.n_cut)
        for task, answer, item in zip(tasks, answers, encoded, strict=True)
    ]


def read(task: str, text: str) -> Any:
    """The object in an answer, without its nulls, or None if there is none; for other tasks than extraction, the text."""
    if task != "extract":
        return text.strip()
    found = parse_object(text)
    return found if found is None else {key: value for key, value in found.items() if value is not None}


def parse_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text, whatever stands around it; None where there is none."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        start = text.find("{", start + 1)
    return None
