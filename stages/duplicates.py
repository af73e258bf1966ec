"""Exact and near duplicates among texts.

Near duplicates are estimated by MinHash over word shingles (Broder 1997; rensa computes it) and looked up by bands of it
(locality-sensitive hashing: Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3). Bands only propose: the
share of equal hashes decides.

    "The key opened the door …", "The key opened that door …"  ->  similarity 0.94

A text goes when it is near one that *stays*. So of a chain A ~ B ~ C in which A and C differ, A stays, B goes for A, and C
stays: nothing is dropped for the sake of a text that is not there.
"""

import hashlib
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from stages.documents import fold_space
from stages.params import NearDuplicates

Signatures = NDArray[np.uint16]  # one row a text, one column a permutation
Places = NDArray[np.int64]
HASH = np.uint16  # the low half of a MinHash value: two differing values look equal once in 65,536 (Li and König 2010)
MAX_MISSED = 0.02  # share of pairs exactly at the threshold that share no band
BLOCK = 1024  # texts that are looked up together
CHUNK = 1 << 15  # pairs that are compared together
PAIRS = 1 << 22  # candidates that are held together: 32 MB; pages of one template may all be candidates of each other
CJK = "\u3040-\u30ff\u3400-\u9fff"  # Chinese and Japanese have no space between words: a character counts as one
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+")


def digest(text: str) -> bytes:
    """16 bytes that are equal for texts that differ in white space only."""
    return hashlib.blake2b(fold_space(text).encode("utf-8", "replace"), digest_size=16).digest()


def signature(text: str, section: NearDuplicates) -> Signatures:
    """The MinHash of a text's lower-case word shingles: `permutations` numbers."""
    words = WORD.findall(text.lower())
    size = section.shingle_words
    shingles = [" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))]
    minhash = RMinHash(num_perm=section.permutations, seed=1)
    minhash.update(shingles)
    return np.array(minhash.digest(), dtype=np.uint32).astype(HASH)


def rows_of_a_band(section: NearDuplicates) -> int:
    """The most hashes a band may have so that pairs at the threshold still share one: few false candidates, none missed."""
    for rows in range(section.permutations, 1, -1):
        bands = section.permutations // rows
        if (1 - section.threshold**rows) ** bands <= MAX_MISSED:
            return rows
    return 1


class Twins:
    """Finds, for new texts, the similar ones among remembered rows of `signatures`; that matrix may lie on disk."""

    def __init__(self, signatures: Signatures, section: NearDuplicates) -> None:
        self._signatures = signatures
        self._threshold = section.threshold
        self._rows = rows_of_a_band(section)
        self._runs: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []  # sorted keys of every band, and their rows

    def remember(self, rows: Places) -> None:
        """Remember the texts in these rows of the matrix.

        Sorted runs are merged when they come to the same size, so that there are never more than log2 of all rows.
        """
        if not len(rows):
            return
        self._runs.append(_sorted(self._keys(self._signatures[rows]), np.tile(rows, (self._n_bands, 1))))
        while len(self._runs) > 1 and self._runs[-2][0].shape[1] <= 2 * self._runs[-1][0].shape[1]:
            (keys, places), (more_keys, more_places) = self._runs.pop(-2), self._runs.pop()
            self._runs.append(_sorted(np.hstack([keys, more_keys]), np.hstack([places, more_places])))

    def similar(self, texts: Signatures) -> tuple[Places, Places, NDArray[np.float64]]:
        """All pairs of a new text and a remembered one at or above the threshold.

        Returns:
            Three arrays of equal length: the place in `texts`, the remembered row, the similarity; sorted by text, then
            by falling similarity, then by row.
        """
        parts = [self._near(texts, queries, rows) for queries, rows in self._candidates(self._keys(texts))]
        queries, rows, similarity = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return queries, rows, similarity

    def _near(self, texts: Signatures, queries: Places, rows: Places) -> tuple[Places, Places, NDArray[np.float64]]:
        """The pairs that are similar, as `similar` gives them."""
        parts = [slice(start, start + CHUNK) for start in range(0, len(rows), CHUNK)]
        found = [(texts[queries[part]] == self._signatures[rows[part]]).mean(axis=1) for part in parts]
        similarity = np.concatenate(found) if found else np.zeros(0)
        near = similarity >= self._threshold
        queries, rows, similarity = queries[near], rows[near], similarity[near]
        order = np.lexsort((rows, -similarity, queries))
        return queries[order], rows[order], similarity[order]

    @property
    def _n_bands(self) -> int:
        return self._signatures.shape[1] // self._rows

    def _keys(self, texts: Signatures) -> NDArray[np.uint32]:
        """One number a band and text, shape (bands, texts): the upper half of a multiplicative hash."""
        bands = texts[:, : self._n_bands * self._rows].reshape(len(texts), self._n_bands, self._rows).astype(np.uint64)
        odd = np.random.default_rng(0).integers(1, 1 << 63, self._rows, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        return ((bands * odd).sum(axis=2, dtype=np.uint64) >> np.uint64(32)).astype(np.uint32).T

    def _candidates(self, keys: NDArray[np.uint32]) -> Iterator[tuple[Places, Places]]:
        """Pairs of text and remembered row that share a band, each once, text after text; PAIRS at a time or one text."""
        found = [
            (rows, np.searchsorted(known, wanted, "left"), np.searchsorted(known, wanted, "right"))
            for run_keys, run_rows in self._runs
            for wanted, known, rows in zip(keys, run_keys, run_rows, strict=True)
        ]
        counts = sum((last - first for _, first, last in found), np.zeros(keys.shape[1], np.int64))
        part = np.cumsum(counts) // PAIRS
        for number in sorted({0, *part.tolist()}):
            texts = np.flatnonzero(part == number)
            pairs = [np.zeros(0, np.int64), *(_pairs(texts, rows, first[texts], last[texts]) for rows, first, last in found)]
            unique = np.unique(np.concatenate(pairs))
            yield unique >> 32, unique & 0xFFFFFFFF


def _pairs(texts: Places, rows: NDArray[np.uint32], first: Places, last: Places) -> Places:
    """Each text with `rows[first:last]` of its own, both in one number."""
    counts = last - first
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return (np.repeat(texts, counts) << 32) | rows[np.repeat(first, counts) + within]


def _sorted(keys: NDArray[np.uint32], rows: Places) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    order = np.argsort(keys, axis=1, kind="stable")
    return np.take_along_axis(keys, order, 1), np.take_along_axis(rows, order, 1).astype(np.uint32)


def near_duplicates(signatures: Signatures, section: NearDuplicates) -> Iterator[tuple[int, int, float]]:
    """The rows that nearly repeat an earlier row that stays, each with the nearest such row and the similarity.

    Memory is about 4 bytes a band and a half, times two, for every row that stays: 0.2 GB for a million.
    """
    twins = Twins(signatures, section)
    for start in range(0, len(signatures), BLOCK):
        block = np.asarray(signatures[start : start + BLOCK])
        found: dict[int, list[tuple[float, int]]] = {}
        for text, row, similarity in zip(*twins.similar(block), strict=True):
            found.setdefault(int(text), []).append((float(similarity), int(row)))
        gone: set[int] = set()
        for text, row, similarity in _inside(block, section):
            found.setdefault(text, []).append((similarity, start + row))
        for text, pairs in sorted(found.items()):
            staying = [(similarity, -row) for similarity, row in pairs if row not in gone]
            if staying:
                similarity, row = max(staying)
                gone.add(start + text)
                yield start + text, -row, similarity
        twins.remember(np.array([row for row in range(start, start + len(block)) if row not in gone], dtype=np.int64))


def _inside(block: Signatures, section: NearDuplicates) -> Iterator[tuple[int, int, float]]:
    """The near pairs within one block, the later row first."""
    twins = Twins(block, section)
    twins.remember(np.arange(len(block)))
    for text, row, similarity in zip(*twins.similar(block), strict=True):
        if row < text:
            yield int(text), int(row), float(similarity)
