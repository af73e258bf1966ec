r"""A PDF as plain text: running heads gone, wrapped lines joined to paragraphs, hyphenated words made whole.

"The well-\nknown exam-\nple\nof page 3\n12"  ->  "The well-known example of page 3"
"""

import re
from collections import Counter

import pypdfium2
from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY

from stages.sanitize.records import Encrypted, Unreadable

LINE_END_HYPHEN = re.compile("[-\u00ad\u2010]$")
PDFIUM_HYPHEN = re.compile("[\u0002\ufffe](?:\r?\n)?")  # what pdfium makes of a hyphen and the line end after it
LIGATURES = {0xFB00 + n: letters for n, letters in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))}  # of fonts
SENTENCE_END = (".", "!", "?", ":", "…", "”", "»", "。")
NUMBERS_END = re.compile(r"\d-$")  # 1998- | 1999
MARKER = re.compile(r"[•●▪◦*·–—-]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s")
FULL = 0.75  # of the usual line: a shorter line ends a paragraph
USUAL = 0.9  # quantile of the line lengths that counts as the width of the column
RUNNING_SHARE = 0.25  # of the pages; heads of left and right pages differ, so each is on half of them
RUNNING_PAGES = 3


def pdf_text(content: bytes) -> str:
    """The text of a PDF, paragraphs separated by blank lines.

    Raises:
        Encrypted: it asks for a password.
        Unreadable: pdfium cannot read it.
    """
    pages = [[line.strip() for line in page.translate(LIGATURES).splitlines() if line.strip()] for page in _pages(content)]
    running = _running(pages)
    lines = [line for page in pages for line in _without(page, running)]
    return "".join(_paragraphs(lines))


def _pages(content: bytes) -> list[str]:
    try:
        document = pypdfium2.PdfDocument(content)
        return [PDFIUM_HYPHEN.sub("-\n", page.get_textpage().get_text_bounded()) for page in document]
    except pypdfium2.PdfiumError as error:
        if error.err_code in (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY):
            raise Encrypted("the PDF asks for a password") from error
        raise Unreadable(f"pdfium: {error}") from error


def _shape(line: str) -> str:
    """A line without its numbers: page 7 and page 8 have the same head."""
    return re.sub(r"\d+", "#", line)


def _running(pages: list[list[str]]) -> set[str]:
    """The shapes of first and last lines that many pages share."""
    shapes = Counter(shape for page in pages if page for shape in {_shape(page[0]), _shape(page[-1])})
    return {shape for shape, count in shapes.items() if count >= max(RUNNING_PAGES, RUNNING_SHARE * len(pages))}


def _without(page: list[str], running: set[str]) -> list[str]:
    first = 1 if page and _shape(page[0]) in running else 0
    last = len(page) - 1 if len(page) > first and _shape(page[-1]) in running else len(page)
    return page[first:last]


def _paragraphs(lines: list[str]) -> list[str]:
    """The lines as pieces of text that end with what separates them from the next."""
    lengths = sorted(len(line) for line in lines)
    full = FULL * lengths[int(USUAL * len(lengths))] if lengths else 0
    words = Counter(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", "\n".join(lines).lower()))
    pieces = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        broken = LINE_END_HYPHEN.search(line) and following[:1].islower()
        if broken:
            pieces.append(_unbroken(line, following, words))
        elif NUMBERS_END.search(line) and following[:1].isdigit():
            pieces.append(line)
        elif following and _goes_on(line, following, full):
            pieces.append(f"{line} ")
        else:
            ends = len(line) >= full or line.endswith(SENTENCE_END)
            pieces.append(f"{line}\n\n" if ends else f"{line}\n")
    return pieces


def _goes_on(line: str, following: str, full: float) -> bool:
    """Whether a paragraph goes on in the next line: this one is full, and that one is no list item and no heading."""
    if MARKER.match(following):
        return False
    if line.endswith(SENTENCE_END):
        return len(line) >= full and (len(following) >= full or following.endswith(SENTENCE_END))
    return len(line) >= full or (following[0].islower() and len(line) >= full / 2)


def _unbroken(line: str, following: str, words: Counter[str]) -> str:
    """A line without its hyphen, unless the document writes the word with one where no line ends."""
    start = line[:-1]
    left, right = re.search(r"[^\W\d_]*$", start.lower()), re.match(r"[^\W\d_]*", following.lower())
    assert left and right
    hyphenated, whole = f"{left.group()}-{right.group()}", left.group() + right.group()
    return f"{start}-" if words[hyphenated] > words[whole] else start
