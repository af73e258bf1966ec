"""What a web page says of itself: metadata, the captions of its images, its outline.

<html lang="fr"><meta property="og:title" content="Perceuse">   ->   {"title": "Perceuse", "language": "fr"}

Of several places that name the same thing the first in the lists below wins: JSON-LD (schema.org), then `<meta>`
(citation_*, Dublin Core, Open Graph), then HTML's own elements.
"""

import html
import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import lxml.html
from lxml import etree

from stages.documents import fold_space
from stages.ingest.doctype import Outline
from stages.ingest.metadata import Metadata

Tree: TypeAlias = lxml.html.HtmlElement | None

META = {
    "title": ("citation_title", "dc.title", "dcterms.title", "og:title", "twitter:title"),
    "author": ("citation_author", "author", "dc.creator", "dcterms.creator", "article:author"),
    "date": ("article:published_time", "citation_publication_date", "citation_date", "dc.date", "dcterms.created",
             "dcterms.date", "date", "pubdate", "datepublished"),
    "licence": ("dcterms.license", "dc.rights.license", "license", "licence"),
    "language": ("content-language", "dc.language", "dcterms.language", "og:locale"),
}  # fmt: skip
JSON_LD = {"title": "headline", "author": "author", "date": "datePublished", "licence": "license", "language": "inLanguage"}
ELEMENTS = {
    "title": ("//head/title",),
    "author": ("//*[@rel='author']", "//*[@itemprop='author']//*[@itemprop='name']", "//*[@itemprop='author']"),
    "date": ("//*[@itemprop='datePublished']/@*[name()='content' or name()='datetime']", "//time[@pubdate]/@datetime"),
    "licence": ("//link[@rel='license']/@href", "//a[@rel='license']/@href"),
    "language": ("/html/@lang", "/html/@*[name()='xml:lang']"),
}
LONGEST = 500  # characters of a value; longer ones are text that landed in the wrong place
NODES = 10_000  # JSON-LD objects looked at
BLOCKS = "p li dd td th blockquote figcaption pre"
IMAGE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|bmp|tiff?)(?:[?#].*)?$", re.IGNORECASE)


def parse(text: str) -> Tree:
    """The tree of a page, or None where there is no element in it."""
    try:
        return lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, etree.XMLSyntaxError):
        return None


def metadata_of(tree: Tree) -> Metadata:
    """Title, author, date, licence and language, where the page names them."""
    if tree is None:
        return {}
    items = list(json_ld(tree))
    metas = _metas(tree)
    found = {}
    for key in META:
        candidates = [
            *(_named(item.get(JSON_LD[key])) for item in items),
            *(", ".join(metas[name]) for name in META[key] if name in metas),
            *(_text(value) for path in ELEMENTS[key] for value in tree.xpath(path)),
        ]
        found[key] = next((value for value in candidates if _fits(key, value)), "")
    if found["language"]:
        found["language"] = re.split("[-_,; ]", found["language"])[0].lower()
    return {key: value for key, value in found.items() if value}


def _fits(key: str, value: str) -> bool:
    """An author is no address, and a language is a code."""
    if not value or len(value) > LONGEST or (key == "author" and value.startswith(("http", "#", "/"))):
        return False
    return key != "language" or re.fullmatch(r"[A-Za-z]{2,3}(?:[-_,; ].*)?", value) is not None


def _metas(tree: lxml.html.HtmlElement) -> dict[str, list[str]]:
    """The `<meta>` elements by name; the same name twice has two values."""
    found: dict[str, list[str]] = {}
    for meta in tree.iterfind(".//meta"):
        name = meta.get("name") or meta.get("property") or meta.get("http-equiv") or ""
        content = fold_space(meta.get("content") or "")
        if name and content and content not in (values := found.setdefault(name.lower(), [])):
            values.append(content)
    return found


def json_ld(tree: lxml.html.HtmlElement) -> Iterator[dict[str, Any]]:
    """Every object in the JSON-LD of a page, the outermost first."""
    waiting: list[Any] = []
    for script in tree.xpath("//script[@type='application/ld+json']"):
        try:
            waiting.append(json.loads(script.text or ""))
        except (ValueError, RecursionError):
            continue
    for _ in range(NODES):
        if not waiting:
            return
        item = waiting.pop(0)
        if isinstance(item, dict):
            yield item
            waiting.extend(value for value in item.values() if isinstance(value, dict | list))
        elif isinstance(item, list):
            waiting.extend(item)


def _named(value: Any) -> str:
    """A JSON-LD value as text: itself, its name or address, or those of a list."""
    if isinstance(value, list):
        return ", ".join(name for name in (_named(item) for item in value[:20] if not isinstance(item, list)) if name)
    if isinstance(value, dict):
        value = value.get("name") or value.get("url") or value.get("@id")
    return fold_space(html.unescape(value)) if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return fold_space(value if isinstance(value, str) else "".join(value.itertext()))


def captions_of(tree: Tree) -> dict[str, str]:
    """What the page calls its images: the caption of their figure, else their alternative text."""
    found: dict[str, str] = {}
    images: Iterator[Any] = tree.iter("img") if tree is not None else iter(())
    for image in images:
        address: str = (image.get("src") or "").strip()
        figure = next(image.iterancestors("figure"), None)
        caption = figure.find(".//figcaption") if figure is not None else None
        text = _text(caption) if caption is not None else ""
        text = text or fold_space(image.get("alt") or "")
        if text and IMAGE.search(address) and len(address) < LONGEST:
            found.setdefault(address, text[:LONGEST])
    return found


def outline_of(tree: Tree) -> Outline:
    """The parts of a page by which its type is decided."""
    if tree is None:
        return Outline()
    types = {str(name).rsplit("/", 1)[-1].lower() for item in json_ld(tree) for name in _listed(item.get("@type"))}
    types |= {name.rsplit("/", 1)[-1].lower() for name in tree.xpath("//@itemtype")}
    types |= {f"og:{value.lower()}" for value in _metas(tree).get("og:type", [])}
    headings = [_text(item) for item in tree.iter("h2", "h3", "h4", "h5", "h6", "dt", "summary")]
    lines: list[str] = []
    marked: list[str] = []
    for block in tree.iter(*BLOCKS.split()):
        inside = {ancestor.tag for ancestor in block.iterancestors()}
        if inside & {"nav", "header", "footer", "aside", "form", "pre"}:
            continue
        text = _text(block)
        (marked if block.tag in ("pre", "td", "th") else lines).append(text)
    return Outline(headings, [line for line in lines if line], [text for text in marked if text], types)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []
