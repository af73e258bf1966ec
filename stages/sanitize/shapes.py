"""Tables, definition lists and trails of links, in one form each, however a page marks them up.

<tr><td>Brand</td><td>Alpina</td></tr>, <dt>Brand:</dt><dd>Alpina</dd>   ->  Brand: Alpina
<ol class="breadcrumb"><li>Home<li>Shoes</ol>, "Home › Shoes › X200"     ->  breadcrumb: Home > Shoes
"""

import re
from collections.abc import Iterator

import lxml.html
from lxml import etree

from stages.documents import fold_space

TRAIL = re.compile(r"\s*[›»→]\s*|\s+[>/]\s+")
TRAIL_MARK = re.compile(r"\[breadcrumb\] *|breadcrumb: |data breadcrumb: ")
BLOCK_INSIDE = "./p|./div|./ul|./ol|./table|./h1|./h2|./h3|./h4"  # what makes a cell more than a line


def flatten(tree: lxml.html.HtmlElement) -> None:
    """Give tables and definition lists one form, a line `label: value` each, and trails of links another, `a > b`."""
    for trail in tree.xpath("//ol[ancestor-or-self::*[contains(@class, 'crumb')]]|//nav//ol"):
        _replace(trail, [" > ".join(filter(None, (fold_space(item.text_content()) for item in trail.iter("li"))))])
    for found in reversed(tree.xpath("//dl|//table")):  # the inner ones of nested tables first
        lines = _of_list(found) if found.tag == "dl" else _of_table(found)
        _replace(found, list(lines))


def _replace(element: lxml.html.HtmlElement, content: list[str | lxml.html.HtmlElement]) -> None:
    """Put paragraphs, from lines of text or from cells that hold blocks, in the place of an element's content."""
    for child in list(element):
        element.remove(child)
    element.tag, element.text = "p", None
    for item in content:
        if isinstance(item, str):
            etree.SubElement(element, "p").text = item
        else:
            item.tag, item.tail = "p", None
            element.append(item)


def _of_list(found: lxml.html.HtmlElement) -> Iterator[str | lxml.html.HtmlElement]:
    label = ""
    for child in found.xpath(".//dt|.//dd"):
        if child.tag == "dt":
            label = _cell(child).rstrip(" :")
        elif child.xpath(BLOCK_INSIDE):
            yield from (label, child)
        else:
            yield f"{label}: {_cell(child)}"


def _of_table(found: lxml.html.HtmlElement) -> Iterator[str | lxml.html.HtmlElement]:
    """Two cells are label and value; below a row of headings, so is every column; other rows stay rows."""
    rows = [row.xpath("./td|./th") for row in found.iter("tr")]
    plain = [[_cell(cell) for cell in row if not cell.xpath(BLOCK_INSIDE)] for row in rows]
    if len(rows) == 2 and len(plain[0]) > 2 and all(cell.tag == "th" for cell in rows[0]):
        yield from (f"{label.rstrip(' :')}: {value}" for label, value in zip(*plain, strict=False))
        return
    for row, cells in zip(rows, plain, strict=True):
        yield from (cell for cell in row if cell.xpath(BLOCK_INSIDE))
        if len(cells) == 2 and cells[0]:
            yield f"{cells[0].rstrip(' :')}: {cells[1]}"
        elif any(cells):
            yield " | ".join(filter(None, cells))


def _cell(element: lxml.html.HtmlElement) -> str:
    """A cell's text, struck-through parts marked as Markdown does, its paragraphs separated by a space."""
    for struck in element.xpath(".//del|.//s|.//strike"):
        struck.text, struck.tail = f"~~{struck.text or ''}", f"~~{struck.tail or ''}" if not len(struck) else struck.tail
    for block in element.xpath(".//p|.//br|.//li"):
        block.tail = f" {block.tail or ''}"
    return fold_space(element.text_content())


def trail(line: str, names: list[str]) -> str:
    """A trail of links as `breadcrumb: a > b`, without the page itself at its end; other lines as they are."""
    marked = TRAIL_MARK.match(line)
    rest = line[marked.end() :] if marked else line
    page = next((name for name in names if rest.endswith(name) and rest != name), "")
    parts = [part.strip() for part in TRAIL.split(rest.removesuffix(page).rstrip(" >›»→/"))]
    long_enough = len(parts) > (0 if marked else 1 if page else 2)
    if line.startswith("#") or not long_enough or not all(0 < len(part) <= 60 and ": " not in part for part in parts):
        return line
    return "breadcrumb: " + " > ".join(parts)
