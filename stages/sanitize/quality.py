"""What is no text: too short, garbled, or the same again and again.

The filters of web corpora (C4, Gopher, FineWeb) ask for sentences that end in a full stop and few short or repeated lines.
Documentation is lists, tables, code and headings: they drop most of it (`python -m benchmarks.sanitize filters FOLDER`
counts). So these ask less, and of every document the same: visible characters that are letters or digits, few undecodable
ones, no endless repetition.
"""

import zlib
from typing import Literal

from datatrove.data import Document

from stages.params import Quality
from stages.sanitize.records import Drop

Judgement = Literal[True] | Drop
SAMPLE = 100_000  # characters that are looked at
MIN_COMPRESSED = 2_000  # characters from which compression says something


def long_enough(document: Document, minimum: int) -> Judgement:
    """Whether a text has at least so many characters."""
    size = len(document.text.strip())
    return True if size >= minimum else Drop("too_short", f"{size} < {minimum} characters")


def good_enough(document: Document, section: Quality) -> Judgement:
    """Whether a text is text."""
    text = document.text[:SAMPLE]
    readable = sum(map(str.isalnum, text)) / max(len("".join(text.split())), 1)
    if readable < section.min_alphanumeric:
        return Drop("garbled", f"{readable:.2f} of the characters are letters or digits, less than {section.min_alphanumeric}")
    lost = text.count("\ufffd") / max(len(text), 1)
    if lost > section.max_undecodable:
        return Drop("garbled", f"{lost:.3f} of the characters cannot be decoded, more than {section.max_undecodable}")
    times = compression(text)
    if times > section.max_repetition:
        return Drop("repetitive", f"compresses {times:.1f} times, more than {section.max_repetition}")
    return True


def compression(text: str) -> float:
    """How many times smaller zlib makes a text; 1 where it is too short to tell. Prose: 2 to 3, tables and logs: up to 15."""
    if len(text) < MIN_COMPRESSED:
        return 1.0
    raw = text.encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw, 1))


def wanted(document: Document, languages: list[str] | Literal["all"]) -> Judgement:
    """Whether a text is in a language that is kept."""
    language = document.metadata["language"]
    return (
        True
        if languages == "all" or language in languages
        else Drop("language", f"{language} is not in {', '.join(languages)}")
    )
