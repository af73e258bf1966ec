"""A tree of lxml as the tree of BeautifulSoup that markdownify reads: no second parser, nothing kept that only writing needs.

<div>a <b>c</b></div>   ->   Node "[document]" > Node "div" > "a ", Node "b" > "c"
"""

from typing import Any

import lxml.html
from bs4.builder import HTMLTreeBuilder
from bs4.element import NavigableString, PageElement, Tag

VOID = HTMLTreeBuilder.DEFAULT_EMPTY_ELEMENT_TAGS or set()  # libxml2 knows fewer, and lets <wbr> hold what follows it


class Node(Tag):
    """A tag that is read only."""

    prefix = None

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.contents = name, []
        self.attrs = attributes  # type: ignore[assignment]

    def find_parent(self, name: str) -> Tag | None:  # type: ignore[override]
        """The nearest element of that name around this one; markdownify asks it of every element."""
        above = self.parent
        while above is not None and above.name != name:
            above = above.parent
        return above


def soup(content: lxml.html.HtmlElement) -> Node:
    """A document of BeautifulSoup with one element and all that it holds.

    Raises:
        RecursionError: elements are nested too deeply.
    """
    document = Node("[document]", {})
    document.setup()
    _Copy(document).take(content, document)
    return document


class _Copy:
    def __init__(self, document: Node) -> None:
        self._last: PageElement = document
        self._text: list[str] = []

    def take(self, element: Any, parent: Node) -> None:
        """Put an element below a node, its tail not included."""
        self._write(parent)
        node = Node(element.tag, dict(element.items()))
        self._put(node, parent)
        inside = parent if element.tag in VOID else node
        if element.text:
            self._text.append(element.text)
        for child in element:
            if isinstance(child.tag, str):
                self.take(child, inside)
            if child.tail:
                self._text.append(child.tail)
        if inside is node:
            self._write(node)

    def _write(self, parent: Node) -> None:
        if self._text:
            self._put(NavigableString("".join(self._text)), parent)
            self._text = []

    def _put(self, part: PageElement, parent: Node) -> None:
        part.setup(parent, self._last)
        parent.contents.append(part)
        self._last = part
