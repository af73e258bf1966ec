"""A page as its runs of text in order, and the elements that hold them; one walk over the tree.

<div class="card"><h3>X200</h3>12 €<p>A <a>drill</a>.</p></div>   ->   boxes: div, h3, p    runs: X200 | 12 € | A drill.

A run is what a reader sees as one line or paragraph: the text between two boundaries of block elements.
"""

import re
from dataclasses import dataclass

import lxml.html
import numpy as np
from lxml import etree

WORD = re.compile(r"\w+")
BLOCKS = frozenset(
    "address article aside blockquote body br button caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr label legend li main nav ol option p pre section select summary table "
    "tbody td textarea tfoot th thead tr ul".split()
)
UNREAD = frozenset(
    "script style template svg head iframe canvas object embed map audio video select textarea input math".split()
)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
Slot = tuple[lxml.html.HtmlElement, str]  # an element, and which of its texts: "text" or "tail"


@dataclass(slots=True)
class Box:
    """A block element: its place in the tree, and which runs it holds."""

    element: lxml.html.HtmlElement
    tag: str
    parent: int
    first: int  # its first run
    end: int = 0  # behind its last run


@dataclass(slots=True)
class Run:
    """A piece of text that no block element interrupts."""

    box: int
    slots: list[Slot]
    text: str
    words: list[str]  # in lower case
    linked: int  # of the words


@dataclass(slots=True)
class Outline:
    """The runs of a page and their boxes, both in the order of the page."""

    boxes: list[Box]
    runs: list[Run]


def words_of(text: str) -> list[str]:
    """The lower-case words of a text."""
    return WORD.findall(text.lower())


def words_and_linked(page: Outline) -> tuple[np.ndarray, np.ndarray]:
    """How many words each run has, and how many of them are links."""
    return np.array([len(run.words) for run in page.runs], float), np.array([run.linked for run in page.runs], float)


class _Walk:
    def __init__(self, body: lxml.html.HtmlElement) -> None:
        self.boxes = [Box(body, body.tag, -1, 0)]
        self.runs: list[Run] = []
        self.open = [0]
        self.links = 0
        self.slots: list[Slot] = []
        self.texts: list[str] = []
        self.linked: list[str] = []

    def say(self, element: lxml.html.HtmlElement, which: str, text: str | None) -> None:
        if not text or (not self.texts and text.isspace()):  # which no run begins with
            return
        self.slots.append((element, which))
        self.texts.append(text)
        if self.links:
            self.linked.append(text)

    def flush(self) -> None:
        """Close the present run; white space alone is none."""
        text = "".join(self.texts)
        if words := words_of(text):
            linked = len(words) if len(self.linked) == len(self.texts) else len(WORD.findall(" ".join(self.linked)))
            self.runs.append(Run(self.open[-1], self.slots, " ".join(text.split()), words, min(linked, len(words))))
        self.slots, self.texts, self.linked = [], [], []

    def enter(self, element: lxml.html.HtmlElement, tag: str) -> None:
        if tag in BLOCKS:
            if self.texts:
                self.flush()
            self.boxes.append(Box(element, tag, self.open[-1], len(self.runs)))
            self.open.append(len(self.boxes) - 1)
        elif tag == "a":
            self.links += 1
        self.say(element, "text", element.text)

    def leave(self, element: lxml.html.HtmlElement, tag: str) -> None:
        if tag in BLOCKS:
            if self.texts:
                self.flush()
            self.boxes[self.open.pop()].end = len(self.runs)
        elif tag == "a":
            self.links -= 1
        self.say(element, "tail", element.tail)


def outline(body: lxml.html.HtmlElement) -> Outline:
    """The outline of a body without comments; what is never read, such as scripts, is left out."""
    walk = _Walk(body)
    steps = etree.iterwalk(body, events=("start", "end"))
    next(steps)  # the body itself
    walk.say(body, "text", body.text)
    for event, element in steps:
        tag = element.tag
        if tag in UNREAD:
            if event == "start":
                steps.skip_subtree()
            else:
                walk.say(element, "tail", element.tail)
        elif event == "start":
            walk.enter(element, tag)
        elif element is not body:
            walk.leave(element, tag)
    walk.flush()
    walk.boxes[0].end = len(walk.runs)
    return Outline(walk.boxes, walk.runs)
