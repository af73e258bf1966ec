"""The tree of an HTML page, of whatever bytes.

"<title> LoRA\\n notes</title><p>a&#1;<!-- x -->b"   ->   html > head > title, body > p "ab"
"""

import re
from collections.abc import Iterable
from typing import TypeAlias

import lxml.html
from lxml import etree

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# huge_tree: else libxml2 stops at 256 nested tags
PARSER = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
# lxml.html asks a function of Python for the class of every element that is touched, 6,000 times a page
PARSER.set_element_class_lookup(etree.ElementDefaultClassLookup(element=lxml.html.HtmlElement))
CONTROL_REFERENCE = re.compile(
    "&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|6553[45])(?![0-9])|[xX]0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]|[fF]{3}[eEfF])(?![0-9a-fA-F]))"
)
GARBLED_SPACE = re.compile("Â(\xa0|&nbsp;|&#160;)")  # mended here: at the end of a paragraph its second half would go with it
Element: TypeAlias = lxml.html.HtmlElement
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
PLAIN = tuple("a abbr acronym bdi bdo big cite font img ins label mark nobr small span time u".split())  # no sign in Markdown
GONE = "GONE"  # in capitals, which the parser leaves to no tag of a page


def parse(page: str) -> Element | None:
    """The tree of a page without comments, or None where there is no element in it."""
    page = GARBLED_SPACE.sub(r"\1", page)
    try:
        tree = lxml.html.document_fromstring(page.encode("utf-8", "replace"), parser=PARSER)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    if CONTROL_REFERENCE.search(page) or CONTROL.search(page):
        for part in (tree, *tree.itersiblings()):
            _scrub(part)
    _join_bodies(tree)
    return tree


def body_of(tree: Element) -> Element:
    """The body of a page; the page itself where it has none."""
    body = tree.find("body")
    return tree if body is None else body


def drop(tree: Element, elements: Iterable[Element]) -> None:
    """Drop elements of a tree and all that they hold; the text behind each stays.

    `drop_tree` writes the text before and behind anew for each of them: a line with 40,000 images took 17 s and 4.7 GB.
    """
    for element in list(elements):
        element.tag = GONE
    etree.strip_elements(tree, GONE, with_tail=False)


def title_of(page: str) -> str | None:
    """The text of `<title>`, if there is one."""
    tree = parse(page)
    title = tree.findtext(".//title") if tree is not None else None
    return " ".join(title.split()) if title and title.strip() else None


def _join_bodies(tree: Element) -> None:
    """Move what follows `</body>` or `</html>`, which libxml2 leaves outside of both, to where a browser shows it."""
    body = tree.find("body")
    if body is None:
        return
    if body.tail and body.tail.strip():
        last, which = (body[-1], "tail") if len(body) else (body, "text")
        setattr(last, which, (getattr(last, which) or "") + body.tail)
    body.tail = None
    for part in [*body.itersiblings(), *tree.itersiblings()]:
        body.append(part)
        for other in [*part.findall("head"), *part.findall("body"), part]:
            if other.tag == "head":
                other.drop_tree()
            elif other.tag in ("html", "body"):
                other.tag = "div"


def _scrub(tree: Element) -> None:
    """Drop control characters, which a page can hold as `&#1;`, but which lxml refuses when they are moved."""
    for element in tree.iter():
        element.text, element.tail = _scrubbed(element.text), _scrubbed(element.tail)
        for key, value in element.attrib.items():
            if CONTROL.search(value):
                element.set(key, _scrubbed(value))


def _scrubbed(text: str | None) -> str | None:
    return CONTROL.sub("", text) if text and CONTROL.search(text) else text
