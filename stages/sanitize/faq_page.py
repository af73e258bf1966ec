"""The questions of an FAQ page as headings, whatever hides or shows them; `faq` gives the text its uniform form.

<details><summary>Open?</summary>No.</details>      <dl><dt>Open?</dt><dd>No.</dd></dl>
<button aria-controls="a1">Open?</button><div id="a1" hidden>No.</div>      FAQPage JSON-LD, where the page lacks the answer
->  <h3>Open?</h3><div>No.</div>
"""

import re
from collections.abc import Iterator

import lxml.html
from lxml import etree

from stages.documents import fold_space
from stages.sanitize.json_ld import objects, things

LONGEST = 300  # characters of a question
ASKED = re.compile(r"(^|[-_ ])(questions?|faq-?_*(?:q|question|title|heading|header|toggle)|q-title)([-_ ]|$)", re.I)
PANEL = re.compile(
    r"(accordion|collaps\w+|toggle|expand\w*|faqs?|panel)(?:[-_]+\w+)*[-_]*"
    r"(title|header|heading|head|button|btn|trigger|toggle|label|question|summary)|elementor-tab-title|wp-block-\w+-question",
    re.I,
)
CONTROL = "//*[@aria-controls or @data-target or @data-bs-target or @data-toggle='collapse' or @data-bs-toggle='collapse']"
TITLES = ("button", "a", "div", "span", "p", "label", "strong", "li")
MARKED = f"//*[{' or '.join(f'self::{tag}' for tag in TITLES)}][@class or @id]"


def mark_questions(tree: lxml.html.HtmlElement) -> None:
    """Make every question of the page a heading, and add those that only its JSON-LD answers."""
    _open_details(tree)
    _open_lists(tree)
    _open_tables(tree)
    for element in tree.xpath("//*[contains(@itemtype, 'schema.org/Question')]//*[@itemprop='name']"):
        _head(element)
    for element in tree.xpath(f"{CONTROL}|{MARKED}"):
        if _is_title_of_panel(element):
            _head(element)
    _add_unseen(tree)


def _open_details(tree: lxml.html.HtmlElement) -> None:
    for details in tree.xpath("//details"):
        details.tag = "div"
    for summary in tree.xpath("//summary"):
        _head(summary)


def _open_lists(tree: lxml.html.HtmlElement) -> None:
    """Definition lists that ask, or that say they are questions; a glossary stays a list."""
    for found in tree.xpath("//dl"):
        terms = found.xpath(".//dt")
        asking = sum(_text(term).endswith("?") for term in terms)
        if terms and (2 * asking >= len(terms) or ASKED.search(_marks(found))):
            found.tag = "div"
            for part in found.xpath(".//dd"):
                part.tag = "div"
            for term in terms:
                _head(term)


def _open_tables(tree: lxml.html.HtmlElement) -> None:
    """Tables of two columns whose first asks; a row of column heads goes."""
    for table in tree.xpath("//table[not(.//table)]"):
        rows = [row.xpath("./td|./th") for row in table.iter("tr")]
        asking = sum(len(row) == 2 and _text(row[0]).endswith("?") for row in rows)
        if asking < 2 or any(len(row) != 2 for row in rows) or len(rows) - asking > 1:
            continue
        for part in table.iter("table", "thead", "tbody", "tr", "td", "th"):
            part.tag = "div"
        for question, answer in rows:
            if _text(question).endswith("?"):
                _head(question)
            elif question is rows[0][0]:
                question.drop_tree()
                answer.drop_tree()


def _is_title_of_panel(element: lxml.html.HtmlElement) -> bool:
    """Whether an element opens a panel with an answer: it asks, or its class names say so; menus and tabs do not."""
    text = _text(element)
    if not 3 <= len(text) <= LONGEST or element.xpath("ancestor-or-self::nav|ancestor-or-self::*[@role='navigation']"):
        return False
    keys = ("aria-controls", "data-target", "data-bs-target", "data-toggle", "data-bs-toggle")
    is_control = any(element.get(key) for key in keys)
    if not (PANEL.search(_marks(element)) or ASKED.search(_marks(element)) or (is_control and text.endswith("?"))):
        return False
    return not any(  # else the inner one is the title
        PANEL.search(_marks(part)) or ASKED.search(_marks(part))
        for part in element.iterdescendants()
        if isinstance(part.tag, str)
    )


def _head(element: lxml.html.HtmlElement) -> None:
    """Make an element a heading of plain text, unless it is in one or holds one already."""
    for button in element.xpath("descendant-or-self::button"):
        button.tag = "span"
    if element.xpath("ancestor-or-self::*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6]"):
        return
    inner = element.xpath(".//h1|.//h2|.//h3|.//h4|.//h5|.//h6")
    if inner:
        return
    text, tail = _text(element), element.tail
    if not text:
        return
    element.clear()
    element.tag, element.text, element.tail = "h3", text, tail


def _add_unseen(tree: lxml.html.HtmlElement) -> None:
    """Append the questions of JSON-LD whose answers the page does not show."""
    body = tree.find("body")
    place = body if body is not None else tree
    shown = _key("".join(_shown(place)))
    for question, answer in _of_json_ld(tree):
        said = _key(_text(answer))
        if said and (said[:80] not in shown or _key(question) not in shown):
            etree.SubElement(place, "h3").text = question
            place.append(answer)


def _of_json_ld(tree: lxml.html.HtmlElement) -> Iterator[tuple[str, lxml.html.HtmlElement]]:
    for thing in things(tree, "Question"):
        question = thing.get("name") or thing.get("text")
        answers = objects(thing.get("acceptedAnswer")) or objects(thing.get("suggestedAnswer"))
        answer = answers[0].get("text") if answers else None
        if isinstance(question, str) and isinstance(answer, str) and question.strip() and answer.strip():
            yield fold_space(_text(_fragment(question))), _fragment(answer)


def _fragment(html: str) -> lxml.html.HtmlElement:
    try:
        return lxml.html.fragment_fromstring(html.replace("\x00", ""), create_parent="div")
    except (etree.ParserError, ValueError):
        element = lxml.html.Element("div")
        element.text = re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd]", "", html)
        return element


def _shown(element: lxml.html.HtmlElement) -> Iterator[str]:
    for part in element.iter():
        if part.tag not in ("script", "style", "template", "noscript") and isinstance(part.tag, str):
            yield part.text or ""
        yield part.tail or ""


def _text(element: lxml.html.HtmlElement) -> str:
    return fold_space(element.text_content())


def _marks(element: lxml.html.HtmlElement) -> str:
    return f"{element.get('class', '')} {element.get('id', '')}"


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
