"""The main content of a page: articles by trafilatura, pages of other kinds by weighing each run of their text.

An article is one column of paragraphs, which trafilatura finds; where it finds little, its fallbacks look again. A forum, a
shop, a listing, documentation and a page of services spread their content over many containers, of which an article
extractor takes one: there every run of text is weighed by what it is, where it stands and what holds it (`signs`), and what
is too light goes. A page that may be either is decided by both, each as much as the page is likely to be of its kind. A whole
book on one page is all content. No page with text ends up empty.

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
from lxml import etree

from stages.sanitize import signs
from stages.sanitize.kinds import kind_signs
from stages.sanitize.outline import BLOCKS, UNREAD, Outline, Run, outline, words_and_linked
from stages.sanitize.told import told
from stages.sanitize.tree import PLAIN, Element, body_of, drop

MODEL = Path(__file__).with_name("content.json")
CONTENT = 0.25  # probability from which a run is kept: lower than one half, since what is lost is not found again
ARTICLE = 0.45  # weight of a probable article from which it is asked for: less rarely decides, and costs as much
PARAGRAPH = 15  # words; a run of more is one
BOOK = 10_000  # words of a page that may be a whole book
FEW = 0.1  # of the words of a book are links, or stand in what names itself a part of a site
SITE = (
    "navigation side foot related share consent advert letter crumb pages popup login in_nav in_header in_footer in_aside "
    "in_form"
).split()
ENOUGH = 0.2  # of the words of a page's paragraphs: where trafilatura finds less, its fallbacks look again
PROMOTION = re.compile(
    r"(?:read (?:more|also|next)|also read|see (?:also|more)|related|don'?t miss|must read|more (?:on this|from)|watch"
    r"|listen|recommended|you (?:may|might) also like|next up|up next|click here|subscribe|sign up|follow (?:us|me)|get the"
    r"|download the|advertisement|sponsored|share this|like this|join the|support our|leia também|leggi anche|lire aussi"
    r"|à lire aussi|auch interessant|lesen sie auch|lea también|te puede interesar)\b",
    re.I,
)
HEADINGS = ("h2", "h3", "h4", "h5")
CELLS = ("td", "th", "tr", "tbody", "thead")
EMPTY = "EMPTY"  # in capitals, which the parser leaves to no tag of a page
SHAPE = ("br", "hr", "table", *CELLS)  # empty, they still shape what is around them


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


@cache
def load() -> None:
    """Read the weights, and the words that trafilatura's last resort knows."""
    _model()
    trafilatura.extract("<html><body><p>Too short for it to be sure.</p></body></html>")


def main_content(tree: Element, doc_type: str) -> Element | None:
    """The part of a page that is its content; None where it has no text. The tree itself is used up.

    Args:
        tree: the parsed page.
        doc_type: of the document; a narrative is an article whatever its page looks like.
    """
    _drop_unread(tree)
    body = body_of(tree)
    page = outline(body)
    if not page.runs:
        return None
    rows = signs.signs(page)
    of_site = _of_site(rows)
    if _is_book(page, of_site):
        return _pruned(body, page, ~of_site)
    weight = 1.0 if doc_type == "narrative" else _article_likelihood(tree, page, rows) ** 0.5
    article = _article(tree, page) if weight > ARTICLE else np.zeros(len(page.runs), bool)
    if not article.any():
        kept = _model()["trees"](rows) > CONTENT
    elif weight > 1 - CONTENT:  # nor would what is left for the trees
        kept = article
    else:
        kept = weight * article + (1 - weight) * _model()["trees"](rows) > CONTENT
    return _pruned(body, page, kept) if kept.any() else body


def _of_site(rows: np.ndarray) -> np.ndarray:
    """True for every run in what names itself a part of a site."""
    columns = [signs.names().index(name) for name in SITE]
    return np.asarray(rows[:, columns].any(axis=1))


def _is_book(page: Outline, of_site: np.ndarray) -> bool:
    """Whether a page is a whole book: an extractor would take its verse, its headings and its index for boilerplate."""
    words, linked = words_and_linked(page)
    total = words.sum()
    return bool(total >= BOOK and linked.sum() <= FEW * total and words[of_site].sum() <= FEW * total)


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
    found = told(page.runs, _extracted(tree, fast=True))
    if _share(page, found) < ENOUGH:
        found = told(page.runs, _extracted(tree, fast=False))
    for element, which, before in (slot for slots in texts for slot in slots):
        setattr(element, which, before)
    return found & ~away


def _extracted(tree: Element, fast: bool) -> str:
    """What trafilatura takes of a page; `fast` without its fallbacks, a third of its time, which most articles do not need."""
    return trafilatura.extract(tree, include_comments=False, include_tables=True, deduplicate=False, fast=fast) or ""


def _share(page: Outline, found: np.ndarray) -> float:
    """The share of a page's paragraphs, by their words, that are found; 1 where it has none."""
    words, linked = words_and_linked(page)
    words[(words <= PARAGRAPH) | (linked > 0.3 * words)] = 0
    return float(words[found].sum() / words.sum()) if words.any() else 1.0


def _drop_unread(tree: Element) -> None:
    """Drop what is never read, which trafilatura would copy several times; the head stays, and its last resort, JSON-LD."""
    unread = list(tree.iter(*UNREAD - {"head"}))
    drop(tree, (element for element in unread if "ld+json" not in (element.get("type") or "")))


def _leads_away(page: Outline, run: Run) -> bool:
    """Whether a line in an article leads away from it: a paragraph or heading that is a link, "Read more: …"."""
    words = len(run.words)
    if page.boxes[run.box].tag in ("p", *HEADINGS) and run.linked == words > 2:
        return True
    return words < 30 and (run.linked >= 0.4 * words or words < 4) and bool(PROMOTION.match(run.text))


def _pruned(body: Element, page: Outline, kept: np.ndarray) -> Element:
    """The body without the runs that are not kept, the boxes that held no others, and what is empty then."""
    for run, keep in zip(page.runs, kept, strict=True):
        if not keep:
            _blank(run)
    before = np.concatenate([[0], np.cumsum(kept)])
    left = (box for box in page.boxes[1:] if box.first < box.end and before[box.first] == before[box.end])
    for element in [box.element for box in left if box.tag not in CELLS]:
        element.clear(keep_tail=True)
    drop(body, body.iter(*UNREAD))
    etree.strip_tags(body, *PLAIN)
    inline: dict[Element, bool] = {}  # by the element around: whether a line goes on at the one looked at last
    for element in reversed(list(body.iterdescendants())):
        parent, is_block = element.getparent(), element.tag in BLOCKS
        goes_on = _has_text(element.tail) or inline.get(parent, False)
        inline[parent] = not is_block
        if element.tag in SHAPE or not _is_empty(element):
            continue
        if is_block and goes_on and next(element.iterancestors("pre"), None) is None:  # code has line ends of its own
            element.clear(keep_tail=True)
            element.tag, element.tail = "br", (element.tail or "").lstrip()
        else:
            element.tag, inline[parent] = EMPTY, goes_on
    etree.strip_tags(body, EMPTY)  # white space stays: it may be all that two words of code have between them
    return body


def _is_empty(element: Element) -> bool:
    """Whether an element holds no text, and no element but empty ones."""
    return not _has_text(element.text) and all(child.tag == EMPTY and not _has_text(child.tail) for child in element)


def _has_text(text: str | None) -> bool:
    return text is not None and bool(text.strip())


def _blank(run: Run) -> None:
    for element, which in run.slots:
        setattr(element, which, None)
