"""HTML as Markdown by markdownify: headings, lists, tables with a head, code with its language.

<pre><code class="language-python">x = 1</code></pre>  ->  ```python\nx = 1\n```
"""

import re

import lxml.html
from bs4.element import NavigableString
from lxml import etree
from markdownify import MarkdownConverter

from stages.sanitize.soup import Node, soup
from stages.sanitize.tree import PLAIN

LANGUAGE = re.compile(
    r"(?:^|\s)(?:(?:language|lang|highlight-source|highlight-text|highlight|code)-|brush:\s*|sourceCode\s+)([a-z][\w+#]{0,20})",
    re.I,
)
OTHER_BLOCKS = tuple(  # which markdownify takes for parts of a line
    "address aside center details dialog fieldset figure footer form header hgroup legend main nav option summary".split()
)
NUMBERS = (("ol", "start"), ("td", "colspan"), ("th", "colspan"))  # markdownify fails at "½", and at 5,000 digits
NO_LANGUAGE = ("none", "plaintext", "text", "default", "highlight", "block", "notranslate")


class _Converter(MarkdownConverter):
    """markdownify, but an empty block still parts the texts beside it, of which white space is gone by then."""

    def convert_div(self, el: Node, text: str, parent_tags: set[str]) -> str:
        return str(super().convert_div(el, text, parent_tags)) or _parting(el, parent_tags)  # type: ignore[misc]

    def convert_p(self, el: Node, text: str, parent_tags: set[str]) -> str:
        return str(super().convert_p(el, text, parent_tags)) or _parting(el, parent_tags)  # type: ignore[misc]

    convert_article = convert_section = convert_div


def render(content: lxml.html.HtmlElement) -> str:
    """An element as Markdown; where it nests too deeply for the renderer, its bare text."""
    etree.strip_tags(content, *PLAIN)
    _open_layout(content)
    for block in list(content.iter(*OTHER_BLOCKS)):
        block.tag = "div"
    for cell in content.iter("td", "th"):
        _escape_bars(cell)
    for tag, number in NUMBERS:
        for element in content.iter(tag):
            if not re.fullmatch(r"\d{1,9}", element.get(number, "1")):
                del element.attrib[number]
    converter = _Converter(
        heading_style="ATX", bullets="-", escape_asterisks=False, escape_underscores=False, table_infer_header=True,
        code_language_callback=_language, wrap=True, wrap_width=None,
    )  # with `wrap` a line end in the source is a space  # fmt: skip
    try:
        document = soup(content)
        text = str(converter.convert_soup(document))
    except RecursionError:
        return "\n".join(content.itertext())
    document.decompose()  # its parts hold each other: looking for such garbage took a tenth of the sanitizer's time
    return text


def _parting(block: Node, around: set[str]) -> str:
    beside = (block.previous_sibling, block.next_sibling)
    is_between = any(isinstance(part, NavigableString) and part.strip() for part in beside)
    return "\n" if is_between and "pre" not in around else ""


def _open_layout(content: lxml.html.HtmlElement) -> None:
    """Tables around tables become blocks: Markdown has no table in a cell."""
    for outer in content.xpath("descendant-or-self::table[.//table]"):
        for part in list(outer.iter("tr", "td", "th", "tbody", "thead", "tfoot")):
            if next(part.iterancestors("table")) is outer:
                part.tag = "div"
        outer.tag = "div"


def _escape_bars(cell: lxml.html.HtmlElement) -> None:
    """A bar inside a cell would begin the next one."""
    for part in cell.iter():
        if part.text and "|" in part.text:
            part.text = part.text.replace("|", "\\|")
        if part is not cell and part.tail and "|" in part.tail:
            part.tail = part.tail.replace("|", "\\|")


def _language(pre: Node) -> str:
    """The language that a block of code, what it holds or what holds it names in its classes."""
    inner = pre.find("code")
    around = [parent for parent in (pre.parent, pre.parent.parent if pre.parent else None) if parent is not None]
    for tag in filter(None, (inner, pre, *around)):
        named = LANGUAGE.search(str(tag.get("class") or ""))
        declared = str(tag.get("data-lang") or tag.get("data-language") or "")
        found = declared or (named.group(1) if named else "")
        if found and re.fullmatch(r"[A-Za-z][\w+#-]{0,20}", found) and found.lower() not in NO_LANGUAGE:
            return found.lower()
    return ""
