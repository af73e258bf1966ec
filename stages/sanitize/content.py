"""The main content of a page: articles by trafilatura, pages of other kinds by weighing each run of their text.

An article is one column of paragraphs, which trafilatura finds. A forum, a shop, a listing, documentation and a page of
services spread their content over many containers, of which an article extractor takes one: there every run of text is
weighed by what it is, where it stands and what holds it (`signs`), and what is too light goes. A page that may be either is
decided by both, each as much as the page is likely to be of its kind. No page with text ends up empty.

`content.json` holds the weights, fitted by `benchmarks/fit_content.py` on the development pages of WCXB (CC-BY-4.0).
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import trafilatura

from stages.sanitize import signs
from stages.sanitize.kinds import kind_signs
from stages.sanitize.outline import UNREAD, Outline, Run, outline
from stages.sanitize.told import told
from stages.sanitize.tree import Element, body_of

MODEL = Path(__file__).with_name("content.json")
CONTENT = 0.25  # probability from which a run is kept: lower than one half, since what is lost is not found again
PROMOTION = re.compile(
    r"(?:read (?:more|also|next)|also read|see (?:also|more)|related|don'?t miss|must read|more (?:on this|from)|watch"
    r"|listen|recommended|you (?:may|might) also like|next up|up next|click here|subscribe|sign up|follow (?:us|me)|get the"
    r"|download the|advertisement|sponsored|share this|like this|join the|support our|leia também|leggi anche|lire aussi"
    r"|à lire aussi|auch interessant|lesen sie auch|lea también|te puede interesar)\b",
    re.I,
)
HEADINGS = ("h2", "h3", "h4", "h5")
SHAPE = ("br", "hr", "td", "th", "tr", "table", "tbody", "thead")  # empty, they still shape what is around them


@dataclass(frozen=True)
class Trees:
    """Decision trees whose values add up to the log-odds that a run is content; all nodes in flat arrays."""

    feature: np.ndarray  # the column that a node looks at; -1 at a leaf
    threshold: np.ndarray
    left: np.ndarray  # the node for a value up to the threshold
    right: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    bias: float

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """The probability of each row of `signs`."""
        cells = rows.ravel()
        row = np.repeat(np.arange(len(rows)) * rows.shape[1], len(self.roots))
        at = np.tile(self.roots, len(rows))
        way = np.flatnonzero(self.feature[at] >= 0)  # those that have not come to a leaf
        while len(way):
            node = at[way]
            is_left = cells[row[way] + self.feature[node]] <= self.threshold[node]
            node = np.where(is_left, self.left[node], self.right[node])
            at[way] = node
            way = way[self.feature[node] >= 0]
        return 1 / (1 + np.exp(-(self.value[at].reshape(len(rows), -1).sum(axis=1) + self.bias)))


@cache
def _model() -> dict[str, Any]:
    model = json.loads(MODEL.read_text(encoding="utf-8"))
    arrays = {key: np.array(value) for key, value in model["runs"].items() if key != "bias"}
    return {**model, "trees": Trees(**arrays, bias=model["runs"]["bias"])}


def main_content(tree: Element, doc_type: str) -> Element | None:
    """The part of a page that is its content; None where it has no text. The tree itself is used up.

    Args:
        tree: the parsed page.
        doc_type: of the document; a narrative is an article whatever its page looks like.
    """
    body = body_of(tree)
    page = outline(body)
    if not page.runs:
        return None
    rows = signs.signs(page)
    weight = 1.0 if doc_type == "narrative" else _article_likelihood(tree, page, rows) ** 0.5
    article = _article(tree, page) if weight > CONTENT else np.zeros(len(page.runs), bool)  # less would decide nothing alone
    if not article.any():
        kept = _model()["trees"](rows) > CONTENT
    elif weight > 1 - CONTENT:  # nor would what is left for the trees
        kept = article
    else:
        kept = weight * article + (1 - weight) * _model()["trees"](rows) > CONTENT
    return _pruned(body, page, kept) if kept.any() else body


def _article_likelihood(tree: Element, page: Outline, rows: np.ndarray) -> float:
    """The probability that a page is an article; its root is the weight, for most pages that are documents are articles."""
    weights = _model()["kind"]
    found = kind_signs(tree, page, rows, signs.names())
    odds = weights["bias"] + sum(weights["weights"].get(name, 0.0) * value for name, value in found.items())
    return float(1 / (1 + np.exp(-odds)))


def _article(tree: Element, page: Outline) -> np.ndarray:
    """The runs that trafilatura takes, but for those that lead away from the page."""
    away = np.array([_leads_away(page, run) for run in page.runs])
    leading = [run for run, leads in zip(page.runs, away, strict=True) if leads]
    texts = [[(element, which, getattr(element, which)) for element, which in run.slots] for run in leading]
    for run in leading:
        _blank(run)
    _drop_unread(tree, page)
    text = trafilatura.extract(tree, include_comments=False, include_tables=True, deduplicate=False)
    for element, which, before in (slot for slots in texts for slot in slots):
        setattr(element, which, before)
    return told(page.runs, text or "") & ~away


def _drop_unread(tree: Element, page: Outline) -> None:
    """Drop what trafilatura would copy several times before it drops it (only emptied, it took 9% longer).

    Its last resort stays, JSON-LD; so do elements behind which the page goes on, without what they hold.
    """
    held = {element for run in page.runs for element, which in run.slots if which == "tail"}
    for element in list(tree.iter(*UNREAD - {"head"})):
        if "ld+json" in (element.get("type") or ""):
            continue
        if element in held or element.getparent() is None:
            element.clear(keep_tail=True)
        else:
            element.getparent().remove(element)


def _leads_away(page: Outline, run: Run) -> bool:
    """Whether a line in an article leads away from it: a paragraph or heading that is a link, "Read more: …"."""
    if page.boxes[run.box].element.tag in ("p", *HEADINGS) and run.linked == run.words > 2:
        return True
    return run.words < 30 and bool(PROMOTION.match(run.text)) and (run.linked >= 0.4 * run.words or run.words < 4)


def _pruned(body: Element, page: Outline, kept: np.ndarray) -> Element:
    """The body without the runs that are not kept, and without what is empty then."""
    for run, keep in zip(page.runs, kept, strict=True):
        if not keep:
            _blank(run)
    for element in reversed(list(body.iterdescendants())):
        is_empty = not len(element) and not (element.text and element.text.strip())
        if not isinstance(element.tag, str) or element.tag in UNREAD or (is_empty and element.tag not in SHAPE):
            element.drop_tree()
    return body


def _blank(run: Run) -> None:
    for element, which in run.slots:
        setattr(element, which, None)
