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


@dataclass
class Box:
    """A block element: its place in the tree, and which runs it holds."""

    element: lxml.html.HtmlElement
    parent: int
    first: int  # its first run
    end: int = 0  # behind its last run


@dataclass
class Run:
    """A piece of text that no block element interrupts."""

    box: int
    slots: list[Slot] = field(default_factory=list)
    text: str = ""
    words: int = 0
    linked: int = 0  # of the words


@dataclass
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
        self.parts: list[tuple[Slot, str, bool]] = []

    def say(self, element: lxml.html.HtmlElement, which: str) -> None:
        text = getattr(element, which)
        if text:
            self.parts.append(((element, which), text, self.links > 0))

    def flush(self) -> None:
        """Close the present run; white space alone is none."""
        text = "".join(part for _, part, _ in self.parts)
        words = len(WORD.findall(text))
        if words:
            linked = len(WORD.findall(" ".join(part for _, part, in_link in self.parts if in_link)))
            slots = [slot for slot, _, _ in self.parts]
            self.runs.append(Run(self.open[-1], slots, " ".join(text.split()), words, min(linked, words)))
        self.parts = []

    def enter(self, element: lxml.html.HtmlElement) -> None:
        if element.tag in BLOCKS:
            self.flush()
            self.boxes.append(Box(element, self.open[-1], len(self.runs)))
            self.open.append(len(self.boxes) - 1)
        self.links += element.tag == "a"
        self.say(element, "text")

    def leave(self, element: lxml.html.HtmlElement) -> None:
        if element.tag in BLOCKS:
            self.flush()
            self.boxes[self.open.pop()].end = len(self.runs)
        self.links -= element.tag == "a"
        self.say(element, "tail")


def outline(body: lxml.html.HtmlElement) -> Outline:
    """The outline of a body; what is never read, such as scripts, is left out."""
    walk = _Walk(body)
    walk.say(body, "text")
    steps = etree.iterwalk(body, events=("start", "end", "comment", "pi"))
    skipped = None
    for event, element in steps:
        if element is body:
            continue
        if event in ("comment", "pi"):
            walk.say(element, "tail")
        elif event == "start" and element.tag in UNREAD:
            steps.skip_subtree()
            skipped = element
        elif event == "start":
            walk.enter(element)
        elif element is skipped:
            walk.say(element, "tail")
        else:
            walk.leave(element)
    walk.flush()
    walk.boxes[0].end = len(walk.runs)
    return Outline(walk.boxes, walk.runs)
