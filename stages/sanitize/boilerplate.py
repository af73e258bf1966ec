"""Paragraphs that stand in many documents of a collection: cookie notices, licence lines, "Was this page helpful?".

They are counted among the documents that are kept, after duplicates went, else ten versions of one manual would make
boilerplate of all that they say. Only prose counts: a heading, a lead-in such as "Example of use:", a table and code may
well be the same in many documents and still belong to each.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from stages.documents import fold_space
from stages.duplicates import CJK
from stages.params import Boilerplate

SLOTS = 1 << 22  # counters of the first pass; two paragraphs that share one are told apart in the second
FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
UNSPACED = re.compile(f"[{CJK}]{{2}}")  # about a word of Chinese or Japanese
NO_PROSE = re.compile(r"\s*(?:#|\||    |\t)")
BLOCK_END = "\n\n"


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """The blocks between blank lines, and whether each is prose outside of code."""
    inside = False
    for block in text.split(BLOCK_END):
        fences = len(FENCE.findall(block))
        prose = not inside and not fences and not NO_PROSE.match(block) and not block.rstrip().endswith((":", "："))
        inside ^= bool(fences % 2)
        yield block, prose


def _hash(block: str, collection: str) -> int:
    key = f"{collection}\0{fold_space(block).casefold()}".encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def hashes(text: str, collection: str | None, section: Boilerplate) -> list[int]:
    """The hashes of the paragraphs that may be boilerplate, each once."""
    found = (block for block, prose in _blocks(text) if prose and _words(block) >= section.min_words)
    return sorted({_hash(block, collection or "") for block in found})


def _words(block: str) -> int:
    return len(block.split()) + (0 if block.isascii() else len(UNSPACED.findall(block)))


class Counts:
    """Counts hashes in two passes over the corpus, so that memory does not grow with it: 16 MB and what is frequent."""

    def __init__(self, section: Boilerplate) -> None:
        self._section = section
        self._slots = np.zeros(SLOTS, dtype=np.uint32)
        self._exact: Counter[int] = Counter()
        self._documents: Counter[str] = Counter()

    def estimate(self, collections: Iterable[str], paragraphs: NDArray[np.uint64]) -> None:
        """First pass: the collections of some documents, and the hashes of all their paragraphs."""
        self._documents.update(collections)
        np.add.at(self._slots, paragraphs % np.uint64(SLOTS), 1)

    def count(self, paragraphs: NDArray[np.uint64]) -> None:
        """Second pass: count exactly what may be frequent."""
        frequent = self._slots[paragraphs % np.uint64(SLOTS)] >= self._section.min_documents
        self._exact.update(paragraphs[frequent].tolist())

    def without(self, text: str, collection: str | None, paragraphs: list[int]) -> tuple[str, list[str]]:
        """A text without boilerplate, and notes on what went: in how many documents it stands; `paragraphs` are its hashes."""
        name = collection or ""
        least = max(self._section.min_documents, self._section.min_share * self._documents[name])
        if not any(self._exact[paragraph] >= least for paragraph in paragraphs):
            return text, []
        kept, notes = [], []
        for block, prose in _blocks(text):
            count = self._exact[_hash(block, name)] if prose else 0
            if count >= least:
                notes.append(f"{len(block)} characters that stand in {count} documents")
            else:
                kept.append(block)
        return (BLOCK_END.join(kept).strip() + "\n", notes) if notes else (text, [])
