r"""The type of a document that declares none, with the score of the rule that decided. docs/documents.md has the rule.

decide(Outline(headings=["How do I pay?", "Can I return it?", "Where?"], …), is_page=True, min_score=0.5) -> ("faq", 1.0)
"""

import re
from dataclasses import dataclass, field

from stages.documents import fold_space

FAQ_TYPES = {"faqpage", "qapage"}
PRODUCT_TYPES = {"product", "productgroup", "individualproduct", "offer", "og:product", "og:product.item"}
ARTICLE_TYPES = {"article", "newsarticle", "blogposting"}  # what such a page says of questions and products is a part of it
TECHNICAL_TYPES = {"techarticle", "apireference", "howto", "softwaresourcecode"}
QUESTION = re.compile(r"\?\s*$|^(?:Q(?:uestion)?\s*\d*\s*[.:)])", re.IGNORECASE)
QUESTION_LINE = re.compile(r"^\W{0,4}(?:Q(?:uestion)?\s*\d*\s*[.:)])\W{0,3}\s*\S", re.IGNORECASE)
PRICE = re.compile(r"(?:[$€£]\s?\d|\b\d[\d\s.,]{0,12}\s?(?:€|\$|£|EUR|USD|GBP|CHF)(?!\w))")
SHOP = re.compile(
    r"\b(?:add to (?:cart|basket|bag)|buy now|in stock|out of stock|free shipping|SKU|EAN|MPN|ajouter au panier|en stock|"
    r"rupture de stock|livraison gratuite|in den warenkorb|auf lager|añadir al carrito)\b",
    re.IGNORECASE,
)
TECHNICAL = re.compile(
    r"\b\d+(?:[.,]\d+)?\s?(?:mm|cm|km|m²|m2|kg|mg|ml|kW|kWh|MHz|GHz|Hz|kHz|rpm|dB|Nm|N·m|bar|psi|kPa|MPa|mA|Ah|°C|°F|"
    r"KB|MB|GB|TB|KiB|MiB|GiB|ms|µs|px|lbs?|oz|V|W|A)\b"
    r"|\b[a-z]+_[a-z_]+\b|\b[a-z]+[A-Z][A-Za-z]+\b|\b\w+\(\)|(?:^|\s)--?[a-z][a-z-]+\b|`[^`\n]+`|\b\d+\.\d+\.\d+\b"
    r"|(?:^|\s)(?:/[\w.-]+){2,}|\b(?:API|CLI|HTTP|JSON|YAML|SQL|CPU|GPU|URL|XML|SDK|regex)\b"
)
WORD = re.compile(r"[^\W\d_]+")
PEOPLE = frozenset(
    "i me my he him his she her hers we us our said asked replied "
    "je me mon ma mes moi il lui elle nous notre dit répondit demanda ich mir mich er ihm ihn sagte yo él ella dijo".split()
)
SAMPLE = 20_000  # characters that are looked at, of prose and of code each
PRODUCT_LENGTH = 4000  # characters; a page about one product has hardly more
HEADING = re.compile(r"^(?:#{1,6}\s+\S|\d+(?:\.\d+)*\.?\s+[A-Z]\S)")
UNDERLINE = re.compile(r"^([=\-~^\"'`#*+.:_])\1{2,}\s*$")


@dataclass(frozen=True)
class Outline:
    """The parts of a document that tell its type."""

    headings: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # paragraphs and list items
    marked: list[str] = field(default_factory=list)  # code and cells of tables
    types: set[str] = field(default_factory=set)  # schema.org and Open Graph, lower case


def outline_of_text(text: str) -> Outline:
    """The outline of Markdown, reStructuredText or plain text."""
    outline = Outline()
    fenced = False
    for block in re.split(r"\n\s*\n", text[:SAMPLE]):
        lines = block.strip("\n").split("\n")
        if lines[0].lstrip().startswith(("```", "~~~")) or fenced:
            fenced ^= sum(line.lstrip().startswith(("```", "~~~")) for line in lines) % 2 == 1
            outline.marked.append(block)
        elif len(lines) > 1 and UNDERLINE.match(lines[1]):
            outline.headings.append(lines[0].strip())
            outline.lines.append(fold_space(" ".join(lines[2:])))
        elif all(line.startswith(("    ", "\t")) or line.lstrip().startswith("|") for line in lines):
            outline.marked.append(block)
        else:
            _add_lines(outline, lines)
    return outline


def _add_lines(outline: Outline, lines: list[str]) -> None:
    prose = []
    for line in lines:
        if HEADING.match(line) or QUESTION_LINE.match(line) or (len(lines) == 1 and QUESTION.search(line)):
            outline.headings.append(line.strip("# *_"))
        else:
            prose.append(line)
    outline.lines.append(fold_space(" ".join(prose)))


def decide(outline: Outline, is_page: bool, min_score: float) -> tuple[str, float]:
    """The first type that reaches `min_score`, else web for a page and other for the rest.

    Questions are looked for first: they may be about products, code and people.

    Returns:
        The type and its score; for web and other, one minus the highest score of the types that they are not.
    """
    text, marked = "\n".join(outline.lines)[:SAMPLE], "\n".join(outline.marked)[:SAMPLE]
    technical = _technical(outline, text, marked)
    scores = {
        "faq": _faq(outline),
        "product": _product(outline, f"{text}\n{marked}") if is_page else 0.0,
        "technical": technical,
        "narrative": _narrative(text) * (1 - technical),
    }
    for name, score in scores.items():
        if score >= min_score:
            return name, round(score, 2)
    return "web" if is_page else "other", round(1 - max(scores.values()), 2)


def _faq(outline: Outline) -> float:
    """The share of questions among the headings, where there are three."""
    if outline.types & FAQ_TYPES and not outline.types & (ARTICLE_TYPES | PRODUCT_TYPES):
        return 1.0
    questions = sum(bool(QUESTION.search(heading)) for heading in outline.headings)
    return questions / len(outline.headings) if questions >= 3 else 0.0


def _product(outline: Outline, text: str) -> float:
    """A price and words of a shop, and little else."""
    if outline.types & PRODUCT_TYPES and not outline.types & ARTICLE_TYPES:
        return 1.0
    if not PRICE.search(text):
        return 0.0
    return (1.0 if SHOP.search(text) else 0.4) * min(1.0, PRODUCT_LENGTH / len(text))


def _technical(outline: Outline, text: str, marked: str) -> float:
    """The share of text in code, tables, and lines with units, names of code or options; half of it is a full score."""
    if outline.types & TECHNICAL_TYPES:
        return 1.0
    lines = sum(len(line) for line in text.split("\n") if TECHNICAL.search(line))
    total = len(marked) + len(text)
    return min(1.0, 2 * (len(marked) + lines) / total) if total else 0.0


def _narrative(text: str) -> float:
    """Words about people in prose: fiction has 8 to 14 in a hundred, manuals fewer than 3."""
    words = WORD.findall(text.lower())
    people = sum(word in PEOPLE for word in words)
    return min(1.0, people / len(words) / 0.08) if len(words) >= 50 else 0.0
