"""A product page as the short text that the model reads, in training and in `predict` alike.

Scripts, navigation, forms and hidden parts go; what only markup says (JSON-LD, microdata, data attributes, telling
class names) is put into words, because there the brand or the price may stand alone:

    <title>X200 | Shop</title><div class="brand">Alpina</div><h1>X200</h1><b class="price">12&nbsp;€</b>
    ->  title: X200 | Shop
        [brand] Alpina
        # X200
        [price] 12 €
"""

import re
from collections.abc import Iterator
from typing import Any

import lxml.html
from markdownify import markdownify

from stages.documents import fold_space
from stages.sanitize.json_ld import listed, objects, things
from stages.sanitize.shapes import flatten, trail
from stages.sanitize.tree import HEADINGS, parse

DROPPED = ("script", "style", "noscript", "template", "svg", "iframe", "select", "input", "button", "textarea", "aside",
           "object", "canvas", "video", "audio")  # fmt: skip
INLINE_STYLE_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
BOILERPLATE = re.compile(
    r"(^|[-_ ])(cookies?|consent|newsletter|related|recommend\w*|similar|upsells?|cross-?sells?|carousel|reviews?|comments?"
    r"|also-(bought|like)|sidebar|social|share)([-_ ]|$)", re.I)  # fmt: skip
ROLE = re.compile(r"brand|manufacturer|vendor|maker|marque|marca|hersteller|category|breadcrumb|price|preis|prix", re.I)
OLD = re.compile(r"(^|[-_ ])(old|was|before|regular|list|rrp|uvp|strike|crossed|compare|original)([-_ ]|$)", re.I)
META = re.compile(r"(?:.*[:.])?(name|title|brand|manufacturer|category|amount|currency|price|lowprice|pricecurrency)", re.I)
NAMING = re.compile(r"title: |data name: ")  # said already where a heading shows the same
ITEMPROPS = ("name", "price", "lowPrice", "priceCurrency", "brand", "manufacturer", "category")
BLOCKS = ("div", "section", "article", "header", "footer", "main", "figure", "figcaption", "details", "summary", "center",
          "address", "fieldset", "legend", "form", "hgroup")  # fmt: skip


def product_text(page: str) -> str:
    """The text of a product page (or a fragment of one), one fact a line; empty where there is none."""
    tree = parse(page)
    if tree is None:
        return ""
    said = [*_head(tree), *_facts(tree), *_data_attributes(tree)]
    _drop_noise(tree)
    _speak_markup(tree)
    flatten(tree)
    shown = list(_lines(tree))
    plain = {re.sub(r"^[#\s]+", "", line) for line in shown}
    names = sorted((line.lstrip("# ") for line in shown if line.startswith("#")), key=len, reverse=True)
    shown = [trail(line, names) for line in shown]
    unseen = (line for line in said if line.split(": ", 1)[-1] not in plain or not NAMING.match(line))
    return "\n".join(dict.fromkeys([*unseen, *shown]))


def _head(tree: lxml.html.HtmlElement) -> Iterator[str]:
    """`<title>`, and the meta tags of microdata and social networks; amount and currency are one price."""
    title = fold_space(tree.findtext(".//title") or "")
    if title:
        yield f"title: {title}"
    said: dict[str, str] = {}
    for meta in tree.xpath("//meta[@content]"):
        key = meta.get("property") or meta.get("itemprop") or ""
        known = META.fullmatch(key)
        if known:
            said.setdefault(known.group(1).lower(), fold_space(meta.get("content")))
    currency = said.pop("currency", "") or said.pop("pricecurrency", "")
    for key, value in said.items():
        if key == "amount" or key.endswith("price"):
            yield f"data price: {value} {currency}".rstrip()
        elif value and value != title:
            yield f"data {'name' if key == 'title' else key}: {value}"


def _facts(tree: lxml.html.HtmlElement) -> Iterator[str]:
    for thing in things(tree, "Product", "BreadcrumbList"):
        yield from _spoken(thing)


def _spoken(thing: dict[str, Any]) -> Iterator[str]:
    if "BreadcrumbList" in str(thing.get("@type")):
        crumbs = [_name(crumb) or _name(crumb.get("item")) for crumb in objects(thing.get("itemListElement"))]
        yield "breadcrumb: " + " > ".join(crumb for crumb in crumbs if crumb)
        return
    for key in ("name", "brand", "manufacturer", "category"):
        value = " > ".join(name for item in listed(thing.get(key)) if (name := _name(item)))
        if value:
            yield f"data {key}: {re.sub(r' ?[>/] ?', ' > ', value) if key == 'category' else value}"
    for offer in objects(thing.get("offers"))[:2]:
        price = offer.get("price") or offer.get("lowPrice") or _specified(offer)
        if price not in (None, ""):
            yield f"data price: {price} {offer.get('priceCurrency', '')}".rstrip()


def _specified(offer: dict[str, Any]) -> Any:
    return next((part.get("price") for part in objects(offer.get("priceSpecification"))), None)


def _name(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("name")
    return fold_space(str(value)) if isinstance(value, str | int | float) else ""


def _data_attributes(tree: lxml.html.HtmlElement) -> Iterator[str]:
    """`data-brand="X"` and its like; a price is kept only if it is one, not a number of cents or an identifier."""
    for element in tree.xpath("//*[@*[starts-with(name(), 'data-')]]"):
        for key, value in element.attrib.items():
            if key.startswith("data-") and ROLE.search(key) and 0 < len(value) < 80:
                yield f"{key}: {fold_space(value)}"


def _drop_noise(tree: lxml.html.HtmlElement) -> None:
    for element in tree.xpath("//comment()|//processing-instruction()|//head|" + "|".join(f"//{t}" for t in DROPPED)):
        if element.getparent() is not None:
            element.drop_tree()
    for element in tree.xpath("//body//*"):
        if element.getparent() is not None and _is_noise(element):
            element.drop_tree()


def _is_noise(element: lxml.html.HtmlElement) -> bool:
    """Hidden, navigation other than breadcrumbs, the page's own header or footer, or named as boilerplate."""
    marks = f"{element.get('class', '')} {element.get('id', '')} {element.get('aria-label', '')}"
    if "breadcrumb" in marks.lower() or element.tag in ("html", "body", "main"):
        return False
    style = element.get("style") or ""
    if "hidden" in element.attrib or INLINE_STYLE_HIDDEN.search(style):
        return True  # aria-hidden is shown all the same: shops split prices so for screen readers
    if element.tag == "nav":
        return not re.search(r"[›»>/→]", element.text_content()) and not element.xpath(".//ol")
    if element.tag == "footer" or (element.tag == "header" and not element.xpath(".//h1|.//h2|.//h3")):
        return element.getparent().tag == "body" and bool(element.xpath("preceding-sibling::*|following-sibling::*"))
    return bool(BOILERPLATE.search(marks))


def _speak_markup(tree: lxml.html.HtmlElement) -> None:
    """Write what attributes say as text in front of the element that they belong to."""
    for element in list(tree.iter()):
        if not isinstance(element.tag, str):
            continue
        if element.tag == "img" and element.get("alt", "").strip():
            _insert(element, f"[image] {element.get('alt')} ", after=True)
        elif (role := _role(element)) and element.tag not in ("body", "html"):
            _insert(element, f"[{role}] ", after=False)
        if element.tag in BLOCKS:
            element.tag = "p"  # markdownify knows it as a block of its own


def _role(element: lxml.html.HtmlElement) -> str:
    """The telling part of an element's itemprop, rel, property or class; empty where an ancestor has said it."""
    itemprop = element.get("itemprop") or element.get("property") or ""
    content = element.get("content")
    if itemprop in ITEMPROPS and content and element.tag != "meta":
        return f"{itemprop}: {fold_space(content)}"
    if itemprop == "name" and element.tag not in HEADINGS:
        return "name"
    named = " ".join((itemprop, element.get("class") or "", element.get("id") or ""))
    found = ROLE.search(named)
    if not found or not element.text_content().strip():
        return ""
    role = found.group().lower()
    parent = element.getparent()
    if parent is not None and parent.get("data-role-said") == role:
        element.set("data-role-said", role)
        return "old" if OLD.search(named) else ""
    element.set("data-role-said", role)
    return f"old {role}" if OLD.search(named) else role


def _insert(element: lxml.html.HtmlElement, text: str, after: bool) -> None:
    if after:
        element.tail = f" {text}{element.tail or ''}"
    else:
        element.text = f"{text}{element.text or ''}"


def _lines(tree: lxml.html.HtmlElement) -> Iterator[str]:
    """Render the rest and fold it: no empty lines, no table rulers, no lone punctuation."""
    html = lxml.html.tostring(tree, encoding="unicode")
    try:
        text = markdownify(html, heading_style="ATX", bullets="-", escape_asterisks=False, escape_underscores=False,
                           escape_misc=False, strip=["a", "img", "b", "strong", "em", "i", "code"])  # fmt: skip
    except RecursionError:
        text = tree.text_content()
    for line in text.splitlines():
        folded = fold_space(re.sub(r"^\|[\s|:-]*\|$", "", line.strip()).strip("| ").replace(" | ", " | "))
        if re.search(r"\w", folded):
            yield folded
