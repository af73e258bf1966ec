"""Repeatable choices, the same on every machine and Python version.

Example:
    >>> dice = Dice("3407:simple_card:0")
    >>> dice.pick(["a", "b"]) in {"a", "b"}
    True
"""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A random source that builds every choice on ``Random.random``, whose sequence Python keeps stable."""

    def __init__(self, seed: str) -> None:
        """Seeds the source with a text."""
        self._random = random.Random(seed)

    def chance(self, share: float) -> bool:
        """Returns true in about ``share`` of the calls."""
        return self._random.random() < share

    def between(self, low: int, high: int) -> int:
        """Returns a whole number from ``low`` to ``high``, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Returns one of the items."""
        return items[self.between(0, len(items) - 1)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Returns the items in a new order."""
        left = list(items)
        return [left.pop(self.between(0, len(left) - 1)) for _ in items]

    def some(self, items: Sequence[T], least: int, most: int) -> list[T]:
        """Returns between ``least`` and ``most`` different items in a new order."""
        return self.shuffled(items)[: self.between(least, most)]

    def maybe(self, share: float, text: str) -> str:
        """Returns the text in about ``share`` of the calls, else an empty text."""
        return text if self.chance(share) else ""

    def digits(self, count: int) -> str:
        """Returns a text of digits that does not begin with 0."""
        return str(self.between(10 ** (count - 1), 10**count - 1))
