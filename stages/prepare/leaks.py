"""Training examples that nearly repeat a test example: found by MinHash, decided exactly, and counted a second time.

MinHash proposes pairs (`stages.duplicates`), a little below the threshold because it only estimates; the exact Jaccard
similarity of their word shingles decides. What is left after the offenders are gone is counted by another method: an exact
join over rare shingles, without MinHash.

Inputs are compared with inputs, outputs with outputs; continued text, which is all output, with both. A short output, such
as a price, repeats without a leak; so does the answer of a test row that asks a trained question in other words on purpose.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from stages.command import progress
from stages.duplicates import WORD, Signatures, Twins, signature
from stages.examples import Example
from stages.params import NearDuplicates, Prepare
from stages.prepare.rows import Rejected

MARGIN = 0.15  # below the threshold: 4.7 standard deviations of an estimate of 0.85 by 128 permutations

MANY = 10_000  # texts for which progress is shown: some seconds

Side = Callable[[Example], str | None]
Shingles = NDArray[np.uint64]  # hashes, sorted, each once: 8 bytes a shingle


def input_side(example: Example) -> str | None:
    """What is compared among inputs."""
    return example.input or example.target


def output_side(section: Prepare) -> Side:
    """What is compared among outputs; None where an output is too short to be told from others."""

    def side(example: Example) -> str | None:
        values = [example.output] if isinstance(example.output, str) else [str(v) for v in example.output.values() if v]
        text = " ".join(values)
        return text if len(WORD.findall(text)) >= section.near_outputs.min_words else None

    return side


@dataclass(frozen=True)
class Leak:
    """A training example, the test example that it nearly repeats, and by which side."""

    example: Example
    twin: str
    side: str
    similarity: float

    def rejection(self, uris: Mapping[str, str]) -> Rejected:
        """The ledger's row, with the name of the document; `uris` maps doc_id to it."""
        index = int(self.example.example_id.rsplit("-", 1)[1].split(".")[0])
        side = "" if self.side == "input" else f" by its {self.side}"
        detail = f"of {self.twin}{side}, similarity {self.similarity:.2f}"
        return Rejected(uris[self.example.doc_ids[0]], index, "leak", detail)


class Watch:
    """Test texts of one side, to be compared with others."""

    def __init__(self, name: str, side: Side, threshold: float, section: NearDuplicates, test: Iterable[Example]) -> None:
        self._name, self._side, self._threshold = name, side, threshold
        self._section = section.model_copy(update={"threshold": max(0.0, threshold - MARGIN)})
        texts = ((example.example_id, side(example)) for example in test)
        watched = [(example_id, text) for example_id, text in texts if text is not None]
        self._known = [(example_id, shingles(text, section.shingle_words)) for example_id, text in watched]
        self._twins = Twins(self._signatures([text for _, text in watched]), self._section)
        self._twins.remember(np.arange(len(watched)))

    def _signatures(self, texts: list[str]) -> Signatures:
        found = np.empty((len(texts), self._section.permutations), np.uint16)
        bar = progress(iterable=texts, desc=f"leaks by {self._name}", unit="text", disable=len(texts) < MANY)
        for row, text in enumerate(bar):
            found[row] = signature(text, self._section)
        return found

    def leaks(self, examples: list[Example]) -> dict[int, Leak]:
        """The examples at or above the threshold, by their place, each with the most similar test example."""
        sides = [(place, self._side(example)) for place, example in enumerate(examples)]
        texts = [(place, text) for place, text in sides if text is not None]
        candidates: dict[int, list[int]] = defaultdict(list)
        for index, row, _ in zip(*self._twins.similar(self._signatures([text for _, text in texts])), strict=True):
            candidates[int(index)].append(int(row))
        found: dict[int, Leak] = {}
        for index, rows in candidates.items():
            place, text = texts[index]
            mine = shingles(text, self._section.shingle_words)
            similarity, first = max((jaccard(mine, self._known[row][1]), -row) for row in rows)
            if similarity >= self._threshold:
                found[place] = Leak(examples[place], self._known[-first][0], self._name, similarity)
        return found

    def count(self, examples: list[Example]) -> int:
        """How many examples are at or above the threshold: exact, without MinHash."""
        rarest = Rarest([known for _, known in self._known], self._threshold)
        bar = progress(iterable=examples, desc=f"leaks left by {self._name}", unit="text", disable=len(examples) < MANY)
        return sum(self._is_near(example, rarest) for example in bar)

    def _is_near(self, example: Example, rarest: "Rarest") -> bool:
        text = self._side(example)
        if text is None:
            return False
        mine = shingles(text, self._section.shingle_words)
        return any(jaccard(mine, self._known[index][1]) >= self._threshold for index in rarest.sharing(mine))


class Rarest:
    """Finds among many sets those that can be similar to another: prefix filtering (Chaudhuri et al. 2006).

    Two sets at or above the threshold share a shingle among the few rarest of each: only those are looked up.
    """

    def __init__(self, known: list[Shingles], threshold: float) -> None:
        self._threshold = threshold
        self._all = np.sort(_joined(known))
        rarest = [self._of(members) for members in known]
        keys, rows = _joined(rarest), np.repeat(np.arange(len(known)), np.array([len(part) for part in rarest], np.int64))
        order = np.argsort(keys)
        self._keys, self._rows = keys[order], rows[order]

    def sharing(self, members: Shingles) -> NDArray[np.int64]:
        """The places of the sets that share one of their rarest shingles with these."""
        wanted = self._of(members)
        first, last = np.searchsorted(self._keys, wanted), np.searchsorted(self._keys, wanted, "right")
        return np.unique(np.concatenate([self._rows[start:end] for start, end in zip(first, last, strict=True)]))

    def _of(self, members: Shingles) -> Shingles:
        counts = np.searchsorted(self._all, members, "right") - np.searchsorted(self._all, members)
        return members[np.argsort(counts, kind="stable")[: len(members) - math.ceil(self._threshold * len(members) - 1e-9) + 1]]


def _joined(parts: list[Shingles]) -> Shingles:
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def shingles(text: str, size: int) -> Shingles:
    """The 64-bit hashes of the runs of `size` lower-case words of a text, the runs that `signature` takes."""
    words = WORD.findall(text.lower())
    runs = {" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))}
    return np.unique(np.frombuffer(b"".join(blake2b(run.encode(), digest_size=8).digest() for run in runs), np.uint64))


def jaccard(one: Shingles, other: Shingles) -> float:
    """Shared members as a share of all."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def watches(test: list[Example], known_answers: set[str], section: Prepare) -> list[Watch]:
    """Both sides of the test examples; those in `known_answers` (ids) are not watched by their outputs."""
    unknown = [example for example in test if example.example_id not in known_answers]
    return [
        Watch("input", input_side, section.near_duplicates.threshold, section.near_duplicates, test),
        Watch("output", output_side(section), section.near_outputs.threshold, section.near_duplicates, unknown),
    ]


def without_leaks(examples: list[Example], guards: list[Watch]) -> tuple[list[Example], list[Leak]]:
    """The examples that repeat no test example, and the others; by its input where both sides repeat one."""
    leaks: dict[int, Leak] = {}
    for watch in guards:
        leaks = watch.leaks(examples) | leaks
    clean = [example for place, example in enumerate(examples) if place not in leaks]
    return clean, [leaks[place] for place in sorted(leaks)]
