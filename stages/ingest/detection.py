"""What a file is (MIME type) and how its text is encoded, from its bytes and its name."""

import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

import charset_normalizer
from magika import Magika

UNKNOWN = "application/octet-stream"
DECLARED = {".md": "text/markdown", ".markdown": "text/markdown", ".jsonl": "application/jsonl", ".rst": "text/x-rst"}
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
META_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?([\w-]+)""", re.IGNORECASE)


@dataclass(frozen=True)
class Mime:
    """The type that was decided on, and the two opinions it comes from."""

    decided: str
    declared: str
    detected: str
    score: float


@cache
def _magika() -> Magika:
    return Magika()


def mime_of(name: str, content: bytes, min_score: float) -> Mime:
    """Decide the MIME type of a file.

    Text types are told apart by the file name, because their bytes look alike (Markdown is text); everything else, and
    a name that says nothing or lies, by the bytes, where Magika is at least `min_score` sure.
    """
    suffix = PurePosixPath(name).suffix.lower()
    declared = DECLARED.get(suffix) or mimetypes.guess_type(name)[0] or UNKNOWN
    result = _magika().identify_bytes(content)
    detected, score = result.output.mime_type, round(float(result.score), 2)
    both_text = result.output.is_text and (declared.startswith("text/") or declared in TEXT_APPLICATIONS)
    if detected == declared or both_text or (score < min_score and declared != UNKNOWN):
        decided = declared
    else:
        decided = detected if score >= min_score else UNKNOWN
    return Mime(decided, declared, detected, score)


TEXT_APPLICATIONS = ("application/json", "application/jsonl", "application/xhtml+xml", "application/xml")


def is_text(mime: str) -> bool:
    """Whether documents of this type are characters, so that a charset matters."""
    return mime.startswith("text/") or mime in TEXT_APPLICATIONS


def charset_of(content: bytes) -> str:
    """The encoding of a text: its byte order mark, what it declares, UTF-8, else the likeliest one-byte encoding."""
    for bom, charset in BOMS:
        if content.startswith(bom):
            return charset
    declared = META_CHARSET.search(content[:2048])
    for charset in [declared.group(1).decode("ascii").lower()] if declared else []:
        if _decodes(content, charset):
            return charset
    if _decodes(content, "utf-8"):
        return "utf-8"
    matches = charset_normalizer.from_bytes(content, cp_isolation=["cp1252", "cp1250", "cp1251", "utf_16"])
    best = matches.best()
    tied = [match.encoding for match in matches if best and match.chaos <= best.chaos]  # French scores the same in cp1250
    return best.encoding if best and "cp1252" not in tied else "cp1252"


def _decodes(content: bytes, charset: str) -> bool:
    try:
        content.decode(charset)
    except (UnicodeError, LookupError):
        return False
    return True
