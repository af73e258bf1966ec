r"""An HTML page to Markdown: `content` finds the main content, `markdown` renders it.

<html><nav>…</nav><article><h1>LoRA</h1><p>A low-rank…</p></article></html>  ->  # LoRA\n\nA low-rank…
"""

import re

from stages.sanitize.content import main_content
from stages.sanitize.faq_page import mark_questions
from stages.sanitize.markdown import render
from stages.sanitize.tree import HEADINGS, Element, body_of, drop, parse

NOISE = ("script", "style", "noscript", "template", "svg", "iframe", "form", "nav", "footer", "aside", "button")
UNREAD = ("script", "style", "noscript", "template", "svg", "iframe", "nav")
FURNITURE = ("aside", "footer", "header", "form")  # of a page; in a book or a manual a note, a source, a title
CONSENT = re.compile(  # "cookies" alone may be what a question is about
    r"(?:^|[-_ ])(?:cookies?[-_]?(?:banner|bar|box|consent|law|modal|notice|notification|overlay|popup|warning)|gdpr|onetrust"
    r"|consent[-_]?(?:banner|bar|box|manager|modal|popup)|cookiebot|cmp[-_]?(?:banner|box|container|ui))", re.I)  # fmt: skip


def to_markdown(page: str, doc_type: str) -> str:
    """The main content of a page as Markdown; empty where the page has no text.

    FAQ pages are all content, in lists that an extractor takes for navigation: there only boilerplate elements go.
    """
    tree = parse(page)
    if tree is None:
        return ""
    _open_headings(tree)
    if doc_type == "faq":
        mark_questions(tree)
        return render(without_noise(tree))
    found = main_content(tree, doc_type)
    return "" if found is None else render(found)


def _open_headings(tree: Element) -> None:
    """Keep the text of a heading that is a button, which opens what is below it: other buttons go, as controls."""
    texts: dict[Element, str] = {}  # of headings: one may hold 100,000 buttons
    for button in list(tree.iter("button")):
        heading = button.getparent()
        if heading is None or heading.tag not in HEADINGS:
            continue
        if heading not in texts:
            texts[heading] = heading.text_content().strip()
        if texts[heading] and button.text_content().strip() == texts[heading]:
            button.drop_tag()


def whole_markdown(page: str) -> str:
    """A page that a converter made, of which all but lists of contents is content, as Markdown."""
    tree = parse(page)
    if tree is None:
        return ""
    body = body_of(tree)
    drop(body, body.iter(*UNREAD))
    for element in list(body.iter(*FURNITURE)):
        element.tag = "div"
    return render(body)


def without_noise(tree: Element) -> Element:
    """The body of a page without scripts, navigation, forms and requests for consent."""
    body = body_of(tree)
    half = len(body.text_content()) / 2
    noise = []
    for element in body.xpath("|".join(f".//{tag}" for tag in NOISE)):
        if element.tag == "form" and len(element.text_content()) > half:
            element.tag = "div"  # some frameworks wrap the whole page in one
        else:
            noise.append(element)
    drop(body, noise)
    consent = []
    for element in body.xpath(".//*[@class or @id]"):
        named = f"{element.get('class', '')} {element.get('id', '')}"
        if CONSENT.search(named) and len(element.text_content()) < half:
            consent.append(element)
    drop(body, consent)
    return body
