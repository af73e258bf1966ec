"""Continued text that is longer than a row, as several: in training as in evaluation.

portions("The key is small.\n\nThe door is tall.", 7, prompter)  ->  [[504, 2112, 314, 1165, 30, 2], [504, 4170, …, 2]]

It is cut at paragraph ends, else at line ends, sentence ends, words.
"""

import re

from stages.command import Failure
from stages.prompt import Prompter

ENDS = (r"\n{2,}", r"\n", r"(?<=[.!?…])\s+", r"\s+")  # where a text may be cut, the best first
WINDOW = 16  # characters a token of what is encoded at once: else a paragraph of 5 MB is encoded whole for every portion


def portions(text: str, budget: int, prompter: Prompter) -> list[list[int]]:
    """A text as several runs of at most `budget` token ids, each ended by eos; no character but white space is lost.

    Raises:
        Failure: the budget is not enough for one character.
    """
    found: list[list[int]] = []
    rest = prompter.defuse(text).strip()
    while rest:
        end = len(rest) if len(rest) <= WINDOW * budget else _last_end(rest, WINDOW * budget)
        while len(ids := prompter.encode_texts([rest[:end].strip()])[0]) > budget:
            offsets = prompter.offsets(rest[:end])
            kept = max(1, len(offsets) - (len(ids) - budget))
            end = _last_end(rest, min(offsets[kept - 1][1], end - 1)) if end > 1 else 0
            if end <= 0:
                raise Failure(f"tokenize.max_seq_len leaves {budget} tokens for a text, not enough for one character; raise it")
        found.append(ids)
        rest = rest[end:].strip()
    return found


def _last_end(text: str, limit: int) -> int:
    """The last good place to cut in the first `limit` characters, in their second half if there is one there."""
    for pattern in ENDS:
        places = [match.start() for match in re.finditer(pattern, text[:limit]) if match.start() > limit // 2]
        if places:
            return places[-1]
    return limit
