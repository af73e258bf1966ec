"""Clean every document of the store, by MIME type and document type; drop what is useless, each with a reason.

In: `documents-*.parquet` and the ledger beside it. Out: `kept-*.parquet` with Markdown and the steps it went through,
and `dropped-*.parquet`; every file of the raw tree stands in one of the two, once.

    python -m stages.sanitize --store data/documents --clean data/clean
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

import frontmatter
from langdetect import DetectorFactory, LangDetectException, detect_langs

from stages import command, params
from stages.documents import KEPT, LEDGER, Row, read_shards, write_shards
from stages.duplicates import Twins
from stages.params import Sanitize
from stages.sanitize import parsers
from stages.sanitize.html import title_of, to_markdown
from stages.sanitize.pairs import clean_pairs
from stages.sanitize.parsers import Unreadable
from stages.sanitize.product import product_text
from stages.sanitize.text import BY_DOC_TYPE, repair_unicode, tidy_lines

HTML = ("text/html", "application/xhtml+xml")
PAIRS = ("application/json", "application/jsonl")
PLAIN = ("text/plain", "text/markdown", "text/x-rst", "text/csv")
PII = {
    "email": re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"),
    "ip": re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
}


class Cleaning:
    """The text of one document on its way through the steps, with the record of them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[Row] = []

    def step(self, name: str, text: str) -> None:
        """Record that step `name` turned the present text into `text`."""
        self.steps.append({"step": name, "chars_in": len(self.text), "chars_out": len(text)})
        self.text = text


def clean(row: Row, section: Sanitize) -> Row:
    """One document of the store as a row of `kept`; duplicates are found later, over all of them.

    Raises:
        Unreadable: its content cannot be turned into text.
    """
    title = row["title"]
    if row["mime"].startswith("image/"):
        cleaning = Cleaning(row["caption"] or "")
    elif row["mime"] in (parsers.PDF, parsers.DOCX):
        cleaning = Cleaning(parsers.parse(row["mime"], row["content"], section.parser_timeout_s))
    elif row["charset"]:
        cleaning = Cleaning(row["content"].decode(row["charset"], "replace"))
    else:
        raise Unreadable(f"no reader for {row['mime']}")
    if row["mime"] in PAIRS:
        cleaning.step("pairs", clean_pairs(cleaning.text, lines=row["mime"] == "application/jsonl"))
    else:
        title = title or (title_of(cleaning.text) if row["mime"] in HTML else None)
        _clean_text(cleaning, row["mime"], row["doc_type"])
    language, score = language_of(cleaning.text, section.min_language_characters)
    pii = mask_pii(cleaning) if row["mime"] not in PAIRS else {}
    return {
        **{key: row[key] for key in ("doc_id", "source_uri", "split", "doc_type", "mime")},
        "title": title or first_heading(cleaning.text),
        "language": row["language"] or language,
        "language_score": None if row["language"] else score,
        "text": cleaning.text,
        "steps": cleaning.steps,
        "pii": pii,
    }


def _clean_text(cleaning: Cleaning, mime: str, doc_type: str) -> None:
    if mime in HTML and doc_type == "product":
        cleaning.step("product", product_text(cleaning.text))
    elif mime in (*HTML, parsers.DOCX):
        cleaning.step("html", to_markdown(cleaning.text, doc_type if mime in HTML else "faq"))
    elif mime == "text/markdown":
        cleaning.step("front_matter", without_front_matter(cleaning.text))
    cleaning.step("unicode", repair_unicode(cleaning.text))
    if doc_type in BY_DOC_TYPE:
        cleaning.step(doc_type, BY_DOC_TYPE[doc_type](cleaning.text))
    cleaning.step("lines", tidy_lines(cleaning.text))


def without_front_matter(text: str) -> str:
    """A Markdown text without its YAML head; as it is where that head is no YAML."""
    try:
        return str(frontmatter.loads(text).content)
    except Exception:  # noqa: BLE001  the YAML is the document author's: a broken head is text like the rest
        return text


def first_heading(text: str) -> str | None:
    """The text of the first Markdown heading."""
    found = re.search(r"^#+\s+(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else None


def language_of(text: str, min_characters: int) -> tuple[str, float | None]:
    """ISO 639-1 code and probability; `und` where the text is too short to tell (langdetect guesses below)."""
    DetectorFactory.seed = 0
    if len(text) < min_characters:
        return "und", None
    try:
        best = detect_langs(text)[0]
    except LangDetectException:
        return "und", None
    return str(best.lang), round(float(best.prob), 2)


def mask_pii(cleaning: Cleaning) -> dict[str, int]:
    """Replace e-mail and IP addresses by a placeholder; returns how many of each."""
    counts: dict[str, int] = {}
    text = cleaning.text
    for kind, pattern in PII.items():
        text, n = pattern.subn(f"[{kind}]", text)
        if n:
            counts[kind] = n
    cleaning.step("pii", text)
    return counts


def sanitize(store: Path, out: Path, section: Sanitize) -> tuple[int, int]:
    """Write the clean corpus and its ledger.

    Returns:
        How many documents are kept and how many files are not.
    """
    cleaned: list[Row] = []
    dropped: list[Row] = list(read_shards(store, "ledger"))
    for row in command.progress(iterable=list(read_shards(store, "documents")), desc="sanitize", unit="doc"):
        try:
            result = clean(row, section)
        except Unreadable as error:
            dropped.append(_drop(row, "unreadable", str(error)))
            print(f"warning: sanitize: {row['source_uri']}: {error}; left out", file=sys.stderr)
            continue
        if len(result["text"].strip()) < section.min_characters:
            dropped.append(_drop(row, "too_short", f"{len(result['text'].strip())} < {section.min_characters} characters"))
        else:
            cleaned.append(result)
    twins, kept = Twins(section.near_duplicates), []
    for row in sorted(cleaned, key=lambda row: str(row["source_uri"])):
        duplicate = twins.add(row["source_uri"], row["text"])
        if duplicate:
            dropped.append(_drop(row, *duplicate))
        else:
            kept.append(row)
    write_shards(dropped, out, "dropped", LEDGER, 1, key="doc_id")
    return write_shards(kept, out, "kept", KEPT, section.shards, key="doc_id"), len(dropped)


def _drop(row: Row, reason: str, detail: str) -> Row:
    return {"doc_id": row["doc_id"], "source_uri": row["source_uri"], "drop_reason": reason, "detail": detail}


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.sanitize", description="Document store to clean corpus.")
    parser.add_argument("--store", type=Path, required=True, help="the document store, e.g. data/documents")
    parser.add_argument("--clean", type=Path, required=True, help="folder to write, e.g. data/clean")
    arguments = parser.parse_args()
    section = params.load().sanitize
    shutil.rmtree(arguments.clean, ignore_errors=True)
    n_kept, n_dropped = sanitize(arguments.store, arguments.clean, section)
    print(f"sanitize: {n_kept} documents kept in {arguments.clean}, {n_dropped} files in its ledger")


if __name__ == "__main__":
    command.run(main)
