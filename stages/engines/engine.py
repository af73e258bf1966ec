"""What every engine does, and how prompts are put together for it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from stages.command import progress

T = TypeVar("T")
Row = tuple[list[int], list[int]]  # token ids of a prompt, which may be empty, and of a target
Loss = tuple[float, int]  # nats, tokens


@dataclass(frozen=True)
class Answer:
    """What a model wrote, and whether it ended by itself rather than at the token limit."""

    text: str
    stopped: bool


class Engine(Protocol):
    """Answers prompts, in their order, and tells the loss of targets.

    Where the loss was asked for before the answers, decoding is greedy, and the likeliest tokens are those of the target, the
    answer is known: greedy decoding would write the same. An adapter that knows its task then writes few tokens one by one.
    """

    tokenizer: Any
    together: int  # prompts in one batch: those that follow each other when all are sorted by their length

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """Answer every prompt (token ids) with at most `max_new_tokens` tokens."""

    def each(self, prompts: list[list[int]], max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        """The same answers as soon as they are ready, each with the place of its prompt."""

    def loss(self, rows: list[Row]) -> list[Loss]:
        """The cross-entropy over the target of every row: its sum in nats, and its number of tokens.

        The first token of a row without a prompt is never predicted, and so not counted.
        """


def in_order(found: Iterator[tuple[int, Answer]], count: int) -> list[Answer]:
    """Answers in the order of their prompts, with progress."""
    answers: dict[int, Answer] = {}
    bar = progress(total=count, desc="answers", unit="prompt", disable=count == 1)
    for place, answer in found:
        answers[place] = answer
        bar.update()
    bar.close()
    return [answers[place] for place in range(count)]


def batches(items: list[T], size: int) -> Iterator[list[T]]:
    """Consecutive parts of a list."""
    return (items[start : start + size] for start in range(0, len(items), size))


def even(count: int, most: int) -> int:
    """The size of parts of at most `most` that are as few as can be, and alike: 52 rows of at most 50 are two times 26."""
    return math.ceil(count / math.ceil(count / most)) if count else 1
