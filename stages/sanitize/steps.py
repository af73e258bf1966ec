"""The steps that one document goes through, in their order.

parse        bytes to text: decode | pdf | docx | epub | rst | caption
markup       its content as Markdown: html | product | pairs | front_matter
unicode      mojibake, invisible and control characters
DOC_TYPE     what technical, FAQ and narrative texts ask for
lines        white space at line ends, blank lines
length, quality, language            filters
pii          personal data and secrets
"""

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from datatrove.data import Document

from stages import front_matter
from stages.params import PersonalData, Policy, Sanitize
from stages.sanitize import parsers, pdf, pii, quality, rst
from stages.sanitize.blocks import runs, without_comments
from stages.sanitize.content import load as load_weights
from stages.sanitize.html import to_markdown, whole_markdown
from stages.sanitize.language import UNKNOWN, language_of
from stages.sanitize.language import load as load_profiles
from stages.sanitize.pairs import TABLES, clean_pairs, clean_rows
from stages.sanitize.product import product_text
from stages.sanitize.raw_html import without_html
from stages.sanitize.records import Change, Drop, Filter, Step, Transform, Unreadable, drop, mask_notes, record_step
from stages.sanitize.text import BY_DOC_TYPE, repair_unicode, tidy_lines
from stages.sanitize.tree import title_of

HTML = ("text/html", "application/xhtml+xml")
PAIRS = ("application/json", "application/jsonl")
PDF = "application/pdf"
CONVERTED = (parsers.DOCX, parsers.EPUB, rst.RST)  # their parsers make HTML that is all content


def steps(section: Sanitize) -> list[Step]:
    """The steps of one document."""
    return [
        Transform("parse", partial(parse, max_bytes=section.limits.unpacked_mb << 20)),
        Transform("markup", markup),
        Transform("unicode", unicode),
        Transform("doc_type", doc_type),
        Transform("lines", lines),
        Filter("length", partial(quality.long_enough, minimum=section.min_characters)),
        Filter("quality", partial(quality.good_enough, section=section.quality)),
        Transform("language", partial(language, min_characters=section.min_language_characters)),
        Filter("languages", partial(quality.wanted, languages=section.languages)),
        Pii(section.pii),
    ]


def load() -> None:
    """Read what the steps need when they are first used (0.5 s, once): processes that are forked afterwards have it."""
    load_profiles()
    load_weights()


def is_pairs(document: Document) -> bool:
    """Whether a record is a list of pairs, whose text is JSON."""
    return document.metadata["mime"] in PAIRS


def is_table(document: Document) -> bool:
    """Whether a record is a list of pairs or another table: its cells are data, whose quotes and lines must stay."""
    return is_pairs(document) or document.metadata["mime"] in TABLES


def parse(document: Document, max_bytes: int) -> Change:
    """The bytes of a document as text, or as HTML; `chars_in` of this step counts bytes."""
    row = document.metadata
    mime, content, charset = row["mime"], row.pop("content"), row["charset"]
    if mime.startswith("image/"):
        return Change("caption", row["caption"] or "")
    if mime == PDF:
        return Change("pdf", pdf.pdf_text(content))
    if mime == parsers.DOCX:
        return Change("docx", parsers.docx_html(content, max_bytes))
    if mime == parsers.EPUB:
        return Change("epub", parsers.epub_html(content, max_bytes))
    if not charset:
        raise Unreadable(f"no reader for {mime}")
    text = content.decode(charset, "replace").replace("\0", "")  # libxml2 ends a page at a NUL
    return Change("rst", rst.rst_html(text)) if mime == rst.RST else Change("decode", text)


def markup(document: Document) -> Change | None:
    """The content of a document as Markdown; gives the record its title."""
    row, text = document.metadata, document.text
    if is_pairs(document):
        return Change("pairs", clean_pairs(text, lines=row["mime"] == "application/jsonl"))
    if row["mime"] in TABLES and (pairs := clean_rows(text, TABLES[row["mime"]])) is not None:
        row["mime"] = PAIRS[0]
        return Change("pairs", pairs)
    if row["mime"] in (*HTML, parsers.DOCX, parsers.EPUB):
        row["title"] = row["title"] or title_of(text)
    if row["mime"] in HTML:
        return (
            Change("product", product_text(text))
            if row["doc_type"] == "product"
            else Change("html", to_markdown(text, row["doc_type"]))
        )
    if row["mime"] in CONVERTED:
        return Change("html", whole_markdown(text))
    if row["mime"] != "text/markdown":
        return None
    found = runs(front_matter.split(text)[1])
    text = "".join(run if code else without_comments(run) for code, run in found)
    return Change("front_matter", text if row["doc_type"] == "faq" else without_html(text))  # whose <details> are questions


def unicode(document: Document) -> Change | None:
    """Mend the characters of a text."""
    return None if is_pairs(document) else Change("unicode", repair_unicode(document.text))


def doc_type(document: Document) -> Change | None:
    """What the document type asks for."""
    name = document.metadata["doc_type"]
    return None if is_table(document) or name not in BY_DOC_TYPE else Change(name, *BY_DOC_TYPE[name](document.text))


def lines(document: Document) -> Change | None:
    """Tidy lines; the text is Markdown now, and its first heading a title where there is no other."""
    if is_table(document):
        return None
    text = tidy_lines(document.text)
    document.metadata["title"] = document.metadata["title"] or first_heading(text)
    return Change("lines", text)


def first_heading(text: str) -> str | None:
    """The text of the first Markdown heading."""
    found = re.search(r"^#+\s+(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else None


def language(document: Document, min_characters: int) -> None:
    """Give the record its language: as a person declared it, else as detected, else as the document itself declares it."""
    row = document.metadata
    said_by = dict(row.get("origin") or {}).get("language", "person")
    row["language_score"] = None
    if row["language"] and said_by != "document":
        return
    found, score = language_of(document.text, min_characters)
    if found == UNKNOWN and row["language"]:
        return
    row["language"], row["language_score"] = found, score


class Pii(Step):
    """Replaces personal data, drops documents for it, or keeps it, as the policy says for each type."""

    def __init__(self, policy: Mapping[PersonalData, Policy]) -> None:
        super().__init__("pii")
        self._fatal = {name for name, action in policy.items() if action == "drop"}
        self._sought = {str(name) for name, action in policy.items() if action != "keep"}

    def apply(self, document: Document) -> None:
        row, size = document.metadata, len(document.text)
        text = self._pairs(document) if is_pairs(document) else self._masked(document, document.text)
        row["title"] = row["title"] and self._masked(document, row["title"])
        counts = row["pii"]
        fatal = {name: count for name, count in counts.items() if name in self._fatal}
        if fatal:
            drop(document, Drop("pii", ", ".join(f"{count} {name}" for name, count in sorted(fatal.items()))))
        mask_notes(document)
        record_step(document, Change("pii", text, [f"{count} {name}" for name, count in sorted(counts.items())]), size)

    def _masked(self, document: Document, text: str) -> str:
        masked, counts = pii.masked(text, self._sought, document.metadata["language"])
        for name, count in counts.items():
            document.metadata["pii"][name] = document.metadata["pii"].get(name, 0) + count
        return masked

    def _pairs(self, document: Document) -> str:
        """Pairs are masked value by value: a number in JSON must stay one."""
        items = json.loads(document.text)
        cleaned = self._values(document, items)
        return document.text if cleaned == items else json.dumps(cleaned, ensure_ascii=False, indent=1) + "\n"

    def _values(self, document: Document, value: Any) -> Any:
        if isinstance(value, str):
            return self._masked(document, value)
        if isinstance(value, list):
            return [self._values(document, item) for item in value]
        return {key: self._values(document, item) for key, item in value.items()} if isinstance(value, dict) else value
