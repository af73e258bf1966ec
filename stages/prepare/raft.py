"""Questions with passages, of which at most one answers: retrieval-augmented rows (RAFT, arXiv 2403.10131).

[1] The cap is green.                      ##Reason: [2] ##begin_quote##The key is small.##end_quote##
[2] The key is small. It is old.      ->   ##Answer: It is small.

Question: How big is the key?

The oracle is the passage of the same split that holds most of the answer's words, technical text before the FAQ's own
answer; the distractors are those that BM25 ranks highest for the question and its answer: never the oracle, nothing near
to it and nothing that answers too. The other part of the rows, drawn by hash, shows distractors only.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bm25s
import numpy as np

from stages.documents import fold_space, shard_of
from stages.examples import Example
from stages.params import Prepare
from stages.prepare.continued import pieces
from stages.prepare.leaks import jaccard, shingles
from stages.prepare.rows import Rejected

BUCKETS = 10_000
CANDIDATES = 50  # of the ranking: among them is the oracle, and from them the distractors are taken
QUOTE = re.compile(r"##begin_quote##(.*?)##end_quote##", re.DOTALL)


@dataclass(frozen=True)
class Passage:
    """A piece of text that a row can show, the task of the example that it is from, and its document."""

    text: str
    task: str
    doc_id: str


def words(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"\w+", text.lower())


class Shelf:
    """The passages of one split, ranked by BM25 (Robertson and Zaragoza 2009)."""

    def __init__(self, found: Iterable[Example], section: Prepare) -> None:
        limit = section.raft.passage_characters
        texts = {
            fold_space(part): (example.task, example.doc_ids[0])
            for example in found
            for part in ([example.target] if example.task == "faq" else pieces(example.target, limit))
            if example.task in ("faq", "continue")
        }
        self._passages = [Passage(text, *origin) for text, origin in texts.items() if words(text)]
        self._index = bm25s.BM25()
        if self._passages:
            self._index.index([words(passage.text) for passage in self._passages], show_progress=False)

    def ranked(self, query: str, count: int) -> list[Passage]:
        """At most `count` passages, the best first; those that share no word with the query are left out."""
        known = [word for word in words(query) if self._passages and word in self._index.vocab_dict]
        if not known:
            return []
        scores = np.asarray(self._index.get_scores(known))
        order = np.argsort(-scores, kind="stable")[:count]
        return [self._passages[i] for i in order if scores[i] > 0]


def support(answer: str, passage: str) -> float:
    """The share of an answer's words that stand in a passage."""
    wanted = set(words(answer))
    return len(wanted & set(words(passage))) / len(wanted) if wanted else 0.0


def examples(asked: Example, shelf: Shelf, section: Prepare) -> Iterator[Example | Rejected]:
    """The row of one FAQ example; `shelf` holds the passages of its split. A rejection names the document by its id."""
    index = int(asked.example_id.rsplit("-", 1)[1].split(".")[0])
    ranked = shelf.ranked(f"{asked.input} {asked.target}", CANDIDATES)
    answering = [passage for passage in ranked if _answers(passage, asked, section)]
    oracle = max(answering, key=lambda passage: (passage.task == "continue", support(asked.target, passage.text)), default=None)
    if oracle is None:
        yield Rejected(asked.doc_ids[0], index, "no_oracle", f"no passage holds {section.raft.min_support:.0%} of its answer")
        return
    distractors = [p for p in ranked if p not in answering and not _near(p, oracle, section)][: section.raft.distractors]
    if len(distractors) < section.raft.distractors:
        yield Rejected(asked.doc_ids[0], index, "few_distractors", f"{len(distractors)} < {section.raft.distractors}")
        return
    row = _row(asked, oracle, distractors, section)
    quotes = QUOTE.findall(row.target)
    if len(quotes) <= 1 and all(quote in oracle.text for quote in quotes):
        yield row
    else:
        yield Rejected(asked.doc_ids[0], index, "bad_quote", f"{quotes} of {oracle.text[:40]!r}")


def _answers(passage: Passage, asked: Example, section: Prepare) -> bool:
    """Whether a passage answers a question: it is the answer, or text that holds nearly all words of a specific one."""
    if passage.text == fold_space(asked.target):
        return True
    specific = len(words(asked.target)) >= section.near_outputs.min_words
    return specific and support(asked.target, passage.text) >= section.raft.min_support


def _near(one: Passage, other: Passage, section: Prepare) -> bool:
    size = section.near_duplicates.shingle_words
    return jaccard(shingles(one.text, size), shingles(other.text, size)) >= section.near_duplicates.threshold


def _row(asked: Example, oracle: Passage, distractors: list[Passage], section: Prepare) -> Example:
    example_id = "-raft-".join(asked.example_id.rsplit("-faq-", 1))
    shown, target = distractors, f"##Answer: {asked.target}"
    if shard_of(example_id, BUCKETS) / BUCKETS < section.raft.oracle_share:
        shown = sorted([*distractors, oracle], key=lambda passage: shard_of(f"{example_id}/{passage.text}", 2**62))
        target = f"##Reason: [{shown.index(oracle) + 1}] ##begin_quote##{_best(oracle, asked)}##end_quote##\n{target}"
    elif section.raft.without_oracle == "refuse":
        refusals = section.raft.refusal
        target = f"##Answer: {refusals.get(asked.language, next(iter(refusals.values())))}"
    passages = "\n".join(f"[{number}] {passage.text}" for number, passage in enumerate(shown, start=1))
    doc_ids = list(dict.fromkeys([*asked.doc_ids, *(passage.doc_id for passage in shown)]))
    return Example(example_id, "raft", doc_ids, asked.group, asked.language, f"{passages}\n\nQuestion: {asked.input}", target)


def _best(oracle: Passage, asked: Example) -> str:
    """The sentence of the oracle that holds most words of the answer."""
    sentences = re.split(r"(?<=[.!?])\s+", oracle.text)
    return max(sentences, key=lambda sentence: support(asked.target, sentence))
