"""A page as its runs of text in order, and the elements that hold them; one walk over the tree.

<div class="card"><h3>X200</h3>12 €<p>A <a>drill</a>.</p></div>   ->   boxes: div, h3, p    runs: X200 | 12 € | A drill.

A run is what a reader sees as one line or paragraph: the text between two boundaries of block elements.
"""

import re
from dataclasses import dataclass, field

import lxml.html
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
    parent: int
    first: int  # its first run
    end: int = 0  # behind its last run


@dataclass(slots=True)
class Run:
    """A piece of text that no block element interrupts."""

    box: int
    slots: list[Slot] = field(default_factory=list)
    text: str = ""
    words: int = 0
    linked: int = 0  # of the words


@dataclass(slots=True)
class Outline:
    """The runs of a page and their boxes, both in the order of the page."""

    boxes: list[Box]
    runs: list[Run]


class _Walk:
    def __init__(self, body: lxml.html.HtmlElement) -> None:
        self.boxes = [Box(body, -1, 0)]
        self.runs: list[Run] = []
        self.open = [0]
        self.links = 0
        self.slots: list[Slot] = []
        self.texts: list[str] = []
        self.linked: list[str] = []

    def say(self, element: lxml.html.HtmlElement, which: str, text: str | None) -> None:
        if text:
            self.slots.append((element, which))
            self.texts.append(text)
            if self.links:
                self.linked.append(text)

    def flush(self) -> None:
        """Close the present run; white space alone is none."""
        if not self.texts:
            return
        text = "".join(self.texts)
        words = 0 if text.isspace() else len(WORD.findall(text))
        if words:
            linked = len(WORD.findall(" ".join(self.linked))) if self.linked else 0
            self.runs.append(Run(self.open[-1], self.slots, " ".join(text.split()), words, min(linked, words)))
        self.slots, self.texts, self.linked = [], [], []

    def enter(self, element: lxml.html.HtmlElement, tag: str) -> None:
        if tag in BLOCKS:
            self.flush()
            self.boxes.append(Box(element, self.open[-1], len(self.runs)))
            self.open.append(len(self.boxes) - 1)
        elif tag == "a":
            self.links += 1
        self.say(element, "text", element.text)

    def leave(self, element: lxml.html.HtmlElement, tag: str) -> None:
        if tag in BLOCKS:
            self.flush()
            self.boxes[self.open.pop()].end = len(self.runs)
        elif tag == "a":
            self.links -= 1
        self.say(element, "tail", element.tail)


def outline(body: lxml.html.HtmlElement) -> Outline:
    """The outline of a body; what is never read, such as scripts, is left out."""
    walk = _Walk(body)
    walk.say(body, "text", body.text)
    steps = etree.iterwalk(body, events=("start", "end", "comment", "pi"))
    for event, element in steps:
        tag = element.tag
        if element is body:
            continue
        if event == "start" and tag in UNREAD:
            steps.skip_subtree()
        elif event == "start":
            walk.enter(element, tag)
        elif event == "end" and tag not in UNREAD:
            walk.leave(element, tag)
        else:  # a comment, or the end of what is not read
            walk.say(element, "tail", element.tail)
    walk.flush()
    walk.boxes[0].end = len(walk.runs)
    return Outline(walk.boxes, walk.runs)
