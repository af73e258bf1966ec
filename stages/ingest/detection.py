"""What a file is (MIME type) and how its text is encoded, from its bytes and its name.

mime_of("manual.txt", b"%PDF-1.4 …", 0.7)    Mime(decided="application/pdf", declared="text/plain", …, score=0.99)
charset_of(b"\\xef\\xbb\\xbfhi")               Charset("utf-8-sig", "bom")
"""

import codecs
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

import charset_normalizer
from magika import Magika

UNKNOWN = "application/octet-stream"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EPUB = "application/epub+zip"
RST = "text/x-rst"
RTF = "text/rtf"  # commands of a word processor, and text between them
HTML = ("text/html", "application/xhtml+xml")
CONTAINERS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # ZIP, and the compound file that Office wraps around what it encrypts
TEXT_APPLICATIONS = (
    "application/json", "application/jsonl", "application/xhtml+xml", "application/xml", "application/yaml",
    "application/x-yaml", "application/toml", "application/javascript", "application/typescript", "application/x-ruby",
    "application/x-rust", "application/x-scala", "application/x-sql", "application/x-tcl", "application/x-powershell",
)  # fmt: skip

# The machine's own mime.types is never read: hashes must not depend on it. Python's table lacks these.
TYPES = mimetypes.MimeTypes(filenames=())
for _type, _suffixes in {
    "text/html": ".shtml .htm .html",
    "application/xhtml+xml": ".xhtml .xht",
    "text/markdown": ".md .markdown .mdown .mkd",
    RST: ".rst .rest",
    "text/plain": ".txt .text .log .asc",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/jsonl": ".jsonl .ndjson",
    "application/yaml": ".yaml .yml",
    "application/xml": ".xml",
    PDF: ".pdf",
    DOCX: ".docx",
    EPUB: ".epub",
    "image/jpeg": ".jpg .jpeg",
    "image/webp": ".webp",
    "image/avif": ".avif",
}.items():
    for _suffix in _suffixes.split():
        TYPES.add_type(_type, _suffix)

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
META_CHARSET = re.compile(rb"""<meta[^>]{1,500}charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
XML_CHARSET = re.compile(rb"""^\s*<\?xml[^>]{1,200}encoding\s*=\s*["']([\w.:-]+)""", re.IGNORECASE)
HEAD = 4096  # bytes in which a page declares its encoding; browsers look at 1024
PAGE_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)

# What people write and what they mean (WHATWG, Encoding, section 4.2), where Python takes the label to the letter.
MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
# A label that could be read is not true of the first four; the others are codecs, but no encodings of documents.
UNTRUE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "punycode", "idna", "unicode_escape", "raw_unicode_escape")
SAMPLE = 200_000  # bytes from which an encoding is guessed
WESTERN = ["cp1252", "cp1250", "cp1251", "utf_16"]
OTHER = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "gb18030", "big5", "cp932", "euc_jp", "cp949"]
FEW = 10  # characters that are no ASCII say little: "café 12 €" has two
MANY = 0.3  # of the letters are no ASCII: French has 0.05, Polish 0.1, Greek, Russian and Chinese 0.8
SCRIPTS = 6  # different upper bytes of UTF-16: NUL for ASCII, 4 for Cyrillic, 32 for signs
LETTERS = bytes(range(65, 91)) + bytes(range(97, 123))
HIGH = bytes(range(128, 256))


@dataclass(frozen=True)
class Mime:
    """The type that was decided on, and the two opinions it comes from."""

    decided: str
    declared: str
    detected: str
    score: float


@dataclass(frozen=True)
class Charset:
    """A codec of Python, and why: bom, declared, utf-8 (it decodes) or guessed."""

    name: str
    evidence: str


@cache
def _magika() -> Magika:
    return Magika()


def declared_type(name: str) -> str:
    """The MIME type that a file name promises."""
    return TYPES.types_map[True].get(PurePosixPath(name).suffix.lower(), UNKNOWN)


def mime_of(name: str, content: bytes, min_score: float) -> Mime:
    """Decide the MIME type of a file.

    Text types are told apart by the file name, because their bytes look alike (Markdown is text), but a page that begins
    like one is a page where the name only says "text". Everything else, and a name that says nothing or lies, by the
    bytes, where Magika is at least `min_score` sure.
    """
    declared = declared_type(name)
    result = _magika().identify_bytes(content)
    detected, score = result.output.mime_type, round(float(result.score), 2)
    if declared in ("text/plain", UNKNOWN) and PAGE_START.match(content[:HEAD]):
        decided = "text/html"
    elif declared in (DOCX, EPUB) and content.startswith(CONTAINERS):
        decided = declared  # cut or encrypted, it looks like its container
    elif detected == declared or (result.output.is_text and is_text(declared)):
        decided = declared
    elif detected == UNKNOWN and is_text(declared) and (b"\0" not in content[:HEAD] or _without_mark(content)):
        decided = declared  # Magika does not know Shift JIS, KOI8-R and their like as text
    elif score >= min_score:
        decided = detected
    else:
        decided = "text/plain" if declared == UNKNOWN and result.output.is_text else declared
    return Mime(decided, declared, detected, score)


def is_text(mime: str) -> bool:
    """Whether documents of this type are characters, so that a charset matters."""
    return (mime.startswith("text/") and mime != RTF) or mime in TEXT_APPLICATIONS


def charset_of(content: bytes) -> Charset:
    """The encoding of a text: its byte order mark, what it declares, UTF-8, else the likeliest one-byte encoding.

    UTF-8 comes before another one that is declared: bytes that happen to be well-formed UTF-8 are next to never anything
    else, servers and editors label every page as Latin, and the page that a table cites declares its own encoding. An
    encoding that writes in ASCII (ISO-2022-JP) is UTF-8 too: there the label counts.
    """
    for bom, name in BOMS:
        if content.startswith(bom):
            return Charset(name, "bom")
    if wide := _without_mark(content):
        return Charset(wide, "guessed")
    declared = _declared(content)
    is_utf8 = _decodes(content, "utf-8")
    if declared and (declared == "utf-8" or not is_utf8 or content.isascii()) and _decodes(content, declared):
        return Charset(declared, "declared")
    return Charset("utf-8", "utf-8") if is_utf8 else Charset(_guessed(content), "guessed")


def _declared(content: bytes) -> str | None:
    """The codec that a page or an XML file names in its head."""
    found = XML_CHARSET.search(content[:HEAD]) or META_CHARSET.search(content[:HEAD])
    try:
        name = codecs.lookup(found.group(1).decode("ascii")).name if found else ""
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if name in UNTRUE else MEANT.get(name, name) or None


def _without_mark(content: bytes) -> str:
    """UTF-16 without its mark: every other byte is one of few, among them NUL for ASCII; empty where it is not that."""
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        high, low = content[start:HEAD:2], content[1 - start : HEAD : 2]
        if 0 in high and len(content) >= 8 and len(set(high)) <= SCRIPTS and low.count(0) < 0.01 * len(low):
            return name
    return ""


def _guessed(content: bytes) -> str:
    """UTF-8 with a few broken characters, else the likeliest of a few encodings, by how much of the text is ASCII."""
    sample = content[:SAMPLE]
    text, in_ascii = sample.decode("utf-8", "replace"), sample.translate(None, HIGH)
    if (lost := text.count("\ufffd")) * 10 < len(text) - len(in_ascii) - lost:
        return "utf-8"
    high, letters = len(sample) - len(in_ascii), len(sample) - len(sample.translate(None, LETTERS))
    wide = high > max(FEW, MANY * (high + letters))
    matches = charset_normalizer.from_bytes(sample, cp_isolation=OTHER if wide else WESTERN)
    best = matches.best()
    if wide and best:
        return MEANT.get(best.encoding, best.encoding)
    tied = [match.encoding for match in matches if best and match.chaos <= best.chaos]  # French scores the same in cp1250
    return best.encoding if best and "cp1252" not in tied else "cp1252"


def _decodes(content: bytes, charset: str) -> bool:
    try:
        content.decode(charset)
    except (UnicodeError, LookupError, ValueError):
        return False
    return True
