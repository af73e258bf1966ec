"""Exact and near duplicates among texts.

Near duplicates are estimated by MinHash over word shingles (Broder 1997); rensa computes it.
"""

import hashlib
import re

from rensa import RMinHash, RMinHashLSH

from stages.documents import fold_space
from stages.params import NearDuplicates


def signature(text: str, section: NearDuplicates) -> RMinHash:
    """The MinHash of a text's lower-case word shingles."""
    words = re.findall(r"\w+", text.lower())
    size = section.shingle_words
    shingles = [" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))]
    minhash = RMinHash(num_perm=section.permutations, seed=1)
    minhash.update(shingles)
    return minhash


class Twins:
    """Remembers texts and finds, for a new one, the earlier text that it repeats."""

    def __init__(self, section: NearDuplicates) -> None:
        self._section = section
        self._lsh = RMinHashLSH(threshold=section.threshold, num_perm=section.permutations, num_bands=32)
        self._signatures: list[RMinHash] = []
        self._names: list[str] = []
        self._exact: dict[str, str] = {}

    def add(self, name: str, text: str) -> tuple[str, str] | None:
        """Remember `text` under `name`, unless it is a duplicate.

        Returns:
            None, or the drop reason and its detail: the twin's name and the similarity.
        """
        digest = hashlib.sha256(fold_space(text).encode("utf-8")).hexdigest()
        if digest in self._exact:
            return "exact_duplicate", f"of {self._exact[digest]}"
        minhash = signature(text, self._section)
        twin = self.nearest(minhash)
        if twin is not None:
            return "near_duplicate", f"of {twin[0]}, similarity {twin[1]:.2f}"
        self._exact[digest] = name
        self.remember(name, minhash)
        return None

    def remember(self, name: str, minhash: RMinHash) -> None:
        """Remember a text by its signature, duplicate or not."""
        self._lsh.insert(len(self._signatures), minhash)
        self._signatures.append(minhash)
        self._names.append(name)

    def nearest(self, minhash: RMinHash) -> tuple[str, float] | None:
        """The most similar remembered text at or above the threshold, with its similarity."""
        candidates = ((minhash.jaccard(self._signatures[i]), i) for i in sorted(self._lsh.query(minhash)))
        best = max(candidates, default=(0.0, -1))
        return (self._names[best[1]], best[0]) if best[0] >= self._section.threshold else None
