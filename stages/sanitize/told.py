"""Which runs of a page a text tells: the text is what an extractor took from the page, or what a person did.

runs  Home | LoRA notes | The rank of an adapter sets … | 3 | Imprint      text  "LoRA notes\\nThe rank of … sets …\\n3"
->    0      1            1                               1   0

So an extractor decides what stays, and the page itself is what is rendered, with its lists, tables and code.
"""

import re

import numpy as np

from stages.sanitize.outline import Run, words_of

SHINGLE = 3  # words
SHORT = 3  # words of a run that may stand anywhere in a text by chance
AROUND = 3  # runs on either side that decide about such a one
NEIGHBOURS = 5  # and about which of several equal ones is told
Words = list[str]


def _shingles(words: Words) -> set[tuple[str, ...]]:
    return set(zip(*(words[n:] for n in range(SHINGLE)), strict=False))


def told(runs: list[Run], text: str) -> np.ndarray:
    """True for every run whose words the text has; what it tells once, it tells of one run.

    Where the same words stand on the page more often than in the text, those count whose neighbours are told too. Of a run
    that is in the text with other words between, half must be there that no other run accounts for; a short one must be a
    line or a cell of the text, or stand among others that are in it.
    """
    words = words_of(text)
    whole, left, known = f" {' '.join(words)} ", _shingles(words), set(words)
    lines = {" ".join(words_of(line)) for line in re.split(r"[\n|]", text)}
    own = [run.words for run in runs]
    joined = [" ".join(each) for each in own]
    exact = np.array([known.issuperset(each) and f" {line} " in whole for each, line in zip(own, joined, strict=True)], bool)
    doubtful = exact & np.array([len(each) <= SHORT and line not in lines for each, line in zip(own, joined, strict=True)])
    found = _once(exact & ~doubtful, joined, whole)
    for n in np.flatnonzero(found):
        left -= _shingles(own[n])
    for n in np.flatnonzero(~exact):
        shingles = _shingles(own[n])
        found[n] = len(own[n]) > SHORT and len(shingles & left) > len(shingles) / 2
    for n in np.flatnonzero(doubtful):
        near = slice(max(0, n - AROUND), n + AROUND + 1)
        sure = found[near][~doubtful[near]]
        found[n] = len(sure) > 0 and sure.mean() > 0.6
    return found


def _once(found: np.ndarray, joined: list[str], whole: str) -> np.ndarray:
    """Without those runs that are on the page more often than in the text."""
    sizes = np.array([len(each) for each in joined], float)
    groups: dict[str, list[int]] = {}
    for n in np.flatnonzero(found):
        groups.setdefault(joined[n], []).append(int(n))
    kept, told_sizes = found.copy(), found * sizes
    for each, places in groups.items():
        if len(places) == 1:
            continue
        count = whole.count(f" {each} ") or 1
        if len(places) > count:
            near = {n: slice(max(0, n - NEIGHBOURS), n + NEIGHBOURS + 1) for n in places}
            share = {n: told_sizes[near[n]].sum() / max(1.0, sizes[near[n]].sum()) for n in places}
            kept[sorted(places, key=lambda n: (-share[n], n))[count:]] = False
    return kept
