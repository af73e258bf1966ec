r"""An HTML page to Markdown: trafilatura finds the main content, markdownify renders it.

<html><nav>…</nav><article><h1>LoRA</h1><p>A low-rank…</p></article></html>  ->  # LoRA\n\nA low-rank…
"""

import re

import lxml.html
import trafilatura
from lxml import etree
from markdownify import markdownify

from stages.sanitize.faq_page import mark_questions

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
PARSER = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)  # else libxml2 stops at 256 nested tags
NOISE = ("script", "style", "noscript", "template", "svg", "iframe", "form", "nav", "footer", "aside", "button")


def to_markdown(page: str, doc_type: str) -> str:
    """The main content of a page as Markdown.

    FAQ pages are all content, in lists that an extractor takes for navigation: there only boilerplate elements go.
    A page in which trafilatura finds nothing is treated the same way.
    """
    found = None if doc_type == "faq" else _main_content(page)
    return render(found or without_noise(page, doc_type == "faq"))


def title_of(page: str) -> str | None:
    """The text of `<title>`, if there is one."""
    tree = parse(page)
    title = tree.findtext(".//title") if tree is not None else None
    return " ".join(title.split()) if title and title.strip() else None


def _main_content(page: str) -> str | None:
    return trafilatura.extract(page, output_format="html", include_comments=False, include_tables=True,
                               include_formatting=True, include_links=False, deduplicate=False)  # fmt: skip


def parse(page: str) -> lxml.html.HtmlElement | None:
    """The tree of a page, or None where there is no element in it."""
    try:
        tree = lxml.html.document_fromstring(page.encode("utf-8", "replace"), parser=PARSER)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    for element in tree.iter():
        element.text, element.tail = _scrubbed(element.text), _scrubbed(element.tail)
        for key, value in element.attrib.items():
            if CONTROL.search(value):
                element.set(key, _scrubbed(value))
    return tree


def _scrubbed(text: str | None) -> str | None:
    """Text without the control characters that a page can hold as `&#1;`, but that lxml refuses when it is moved."""
    return CONTROL.sub("", text) if text and CONTROL.search(text) else text


def without_noise(page: str, asks: bool = False) -> str:
    """The page without scripts, navigation, forms and comments, as HTML."""
    tree = parse(page)
    if tree is None:
        return ""
    if asks:
        mark_questions(tree)
    for element in tree.xpath("//comment()|//processing-instruction()|" + "|".join(f"//{tag}" for tag in NOISE)):
        element.drop_tree()
    body = tree.find("body")
    return lxml.html.tostring(body if body is not None else tree, encoding="unicode")


def render(html: str) -> str:
    """HTML as Markdown; where it nests too deeply for the renderer, its bare text."""
    try:
        return markdownify(html, heading_style="ATX", bullets="-", escape_asterisks=False, escape_underscores=False,
                           strip=["a", "img"])  # fmt: skip
    except RecursionError:
        tree = parse(html)
        return "\n".join(tree.itertext()) if tree is not None else ""
