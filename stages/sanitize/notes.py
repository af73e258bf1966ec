"""Short notes on what a transform changed, for the ledger: "5kg -> 5 kg", "removed licence: Copyright 2024 …"."""

from collections import Counter

from stages.sanitize import pii

LONGEST = 60  # characters of a text that is cited
MOST = 36  # notes on one document


class Notes:
    """Notes in their order, each with how often it holds."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def changed(self, was: str, now: str) -> None:
        """Note that `was` became `now`; nothing where they are the same."""
        if was != now:
            self._counts[f"{_cited(was)} -> {_cited(now)}"] += 1

    def removed(self, kind: str, text: str) -> None:
        """Note that a text of some kind is gone."""
        self._counts[f"removed {kind}: {_cited(text)}"] += 1

    def listed(self) -> list[str]:
        """The notes, so many at most that a ledger can bear them."""
        shown = [f"{note} ({n} times)" if n > 1 else note for note, n in self._counts.items()]
        return shown if len(shown) <= MOST else [*shown[:MOST], f"and {len(shown) - MOST} more"]


def _cited(text: str) -> str:
    return pii.shortened(" ".join(text[: 4 * LONGEST].split()), LONGEST)
