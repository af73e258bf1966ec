"""Narrative text: what is mended, and what must stay as it is."""

import io
import re
from collections import Counter

import pypdfium2
import pytest
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from stages.sanitize.html import to_markdown
from stages.sanitize.narrative import narrative
from stages.sanitize.text import repair_unicode
from tests.conftest import ROOT

VERSE = "The key is small,\nthe door is tall,\nI turn it once\nand hear it fall."
PENTAMETER = (
    "When first I turned the key in that old door\nThe hinges sang of rust and of the rain,\n"
    "And what I had not thought to see before\nLay quiet on the counter, cut in twain."
)
STANZA = (
    "The drill goes out at half past eight,\nthe slip says when, the slip says who:\n"
    "not by a name, not by a face,\nbut by a number, black on blue."
)
DASHES = (
    "— Is the shop open on Sunday, or does it close at noon as it did?\n"
    "— It is closed on Sunday, and has been for the whole of this year."
)
WRAPPED = (
    "He had waited a long time in the cold for the tram that never came to the vil-\n"
    "lage on that day, and he had thought of the key in his pocket,\nand of the door."
)
UNWRAPPED = (
    "He had waited a long time in the cold for the tram that never came to the village"
    " on that day, and he had thought of the key in his pocket, and of the door."
)
LINES = [
    "It was an old cupboard door, three centimetres thick, and it had hung",
    "by one screw since the summer. They measured it together",
    "twice.",
]


MENDED = {
    "wrapped": (WRAPPED, UNWRAPPED),
    "verse behind prose": (f"{WRAPPED}\n\n{VERSE}", f"{UNWRAPPED}\n\n{VERSE}"),
    "a last line that is short": ("\n".join(LINES), " ".join(LINES)),
    "paragraphs told by indentation alone": (
        f"   {LINES[0]}\n{LINES[1]}\n   {LINES[0]}\n{LINES[1]}",
        f"{LINES[0]} {LINES[1]}\n\n{LINES[0]} {LINES[1]}",
    ),
    "paragraphs told by short last lines": (
        f"{LINES[0]}\nby two hinges.\n{LINES[0]}\nby one screw.",
        f"{LINES[0]} by two hinges.\n\n{LINES[0]} by one screw.",
    ),
    "emphasis": ("It was _his_ key, _not\nhers!_ (_so_)", "It was *his* key, *not\nhers!* (*so*)"),
    "ellipses": ("Wait... then. . . and so on....", "Wait… then… and so on...."),
    "dashes": ("He left -- quickly--for home - and back.", "He left — quickly — for home – and back."),
    "dashes at the ends of lines": ("--Who is there?\n\n--I am--", "— Who is there?\n\n— I am—"),
    "spaces": ("a  double   space", "a double space"),
    "quotes": ('The man said that he had "it" and "her" keys.', "The man said that he had “it” and “her” keys."),
    "inner quotes": ("The man said to her: “Write 'patience, his'.”", "The man said to her: “Write ‘patience, his’.”"),
    "apostrophes": ("The man didn't say that it was the boys' key.", "The man didn’t say that it was the boys’ key."),
    "French quotes": ('Il a dit "non" et la clé est dans la main.', "Il a dit «\u00a0non\u00a0» et la clé est dans la main."),
    "French spacing": (
        "Elle est là : « Viens! » et il est 12:30, sur http://a.fr/?b, &eacute; !!",
        "Elle est là\u00a0: «\u00a0Viens\u00a0!\u00a0» et il est 12:30, sur http://a.fr/?b, &eacute;\u00a0!!",
    ),
}


@pytest.mark.parametrize(("text", "mended"), MENDED.values(), ids=MENDED.keys())
def test_what_is_mended(text: str, mended: str) -> None:
    assert narrative(text)[0] == mended
    assert narrative(mended)[0] == mended


KEPT = {
    "verse": VERSE,
    "a stanza of nearly equal lines": f"{LINES[0]} and {LINES[1]}\n\n{STANZA}",
    "long lines of verse": PENTAMETER,
    "stanzas": f"{PENTAMETER}\n\n{PENTAMETER}",
    "dialogue": DASHES,
    "dialogue in guillemets": DASHES.replace("— ", "« "),
    "a list": DASHES.replace("— ", "- "),
    "indented verse": "    indented verse\n  another line",
    "scene breaks": "---\n\nAfter the rule.\n\n* * *\n\nAfter the stars.\n\n***\n\n⁂\n",
    "a table": "| a | b |\n|---|---|\n| 1 | 2 |",
    "headings and lists": "# Title\n\n- one\n- two\n",
    "underscores that are no emphasis": "a_b_c and __init__ stay, and so do `_z_`, ____, https://a.fr/_b_/ and y_.",
    "code": "```\nx = 1 -- 2...\n```",
    "no French spacing in English": "She said: is it open? It is not!",
    "numbers of chapters": "I\n\nIt began.\n\nII\n\nIt went on.\n\nIII\n\nIt ended.",
    "a refrain": "\n\n".join(
        f"{line},\nthe door is tall." for line in ("The key is small", "I turn it once", "It falls at last")
    ),
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_stays(text: str) -> None:
    assert narrative(text)[0] == text


@pytest.mark.parametrize(
    ("evidence", "mended"),
    [
        ("A well-known key.", "well-known"),
        ("A wellknown key.", "wellknown"),
        ("He knew it well, and was known.", "well-known"),
        ("", "well-known"),
    ],
)
def test_the_text_itself_says_whether_a_hyphen_stays(evidence: str, mended: str) -> None:
    text = f"{evidence}\n\nIt was on that long and wet day that he came to the shop for a well-\nknown key of brass."
    assert f"for a {mended} key of brass" in narrative(text)[0]


@pytest.mark.parametrize("number", ["{}", "- {} -", "Page {}", "[{}]", "{} of 40", "THE KEY {}"])
def test_page_numbers_and_running_heads_go(number: str) -> None:
    half = "And so he turned to the {} door, that was never shut, and he saw the key that\nlay on the {}"
    colours = ("red", "blue", "green", "black")
    pages = (f"{half.format(c, c)}\n\n{number.format(n)}\n\ntable of {c} wood." for n, c in enumerate(colours, start=9))
    mended, notes = narrative("\n\n".join(pages))
    assert re.findall(r"\d", mended) == []
    assert all(f"that lay on the {c} table of {c} wood." in mended for c in colours)
    assert len(notes) == 4


def test_notes_say_what_changed() -> None:
    assert narrative(WRAPPED + "..")[1] == ["vil-⏎lage -> village", "... -> …"]


# --- one book, three ways


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def _f1(one: str, two: str) -> float:
    first, second = _words(one), _words(two)
    return 2 * sum((first & second).values()) / (sum(first.values()) + sum(second.values()))


def _book() -> list[str]:
    """The paragraphs of the sample stories in both languages, as one book; the English poem is left out."""
    names = ("first-adapter-report.md", "journal-d-une-fusion.md")
    folder = ROOT / "data" / "raw" / "assistant" / "narrative"
    text = "\n\n".join((folder / name).read_text(encoding="utf-8").split("---\n")[-1] for name in names)
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if not part.startswith("#")] * 3


def _hyphenated(words: list[str], width: int) -> str:
    """Lines of at most `width` characters, with long words cut in the middle where they do not fit."""
    lines = [""]
    for word in words:
        room = width - len(lines[-1]) - 1
        if len(word) <= room or not lines[-1]:
            lines[-1] = f"{lines[-1]} {word}".strip()
        elif word.isalpha() and len(word) > 7 and room > len(word) // 2 + 1:
            lines[-1] += f" {word[: len(word) // 2]}-"
            lines.append(word[len(word) // 2 :])
        else:
            lines.append(word)
    return "\n".join(lines)


def _as_html(book: list[str]) -> str:
    content = "".join(f"<p>{part}</p>" for part in book)
    page = f"<body><nav><a>Menu</a></nav><article><h1>Book</h1>{content}</article><footer>Imprint</footer></body>"
    return to_markdown(page, "narrative")


def _as_text(book: list[str]) -> str:
    """A plain-text book: 66 columns, hyphenated, with a running head and a page number every 30 lines."""
    lines = "\n\n".join(_hyphenated(part.split(), 66) for part in book).split("\n")
    pages = [lines[n : n + 30] for n in range(0, len(lines), 30)]
    return "\n\n".join("\n".join([f"THE BOOK OF THE SHOP {n + 1}", "", *page]) for n, page in enumerate(pages))


def _as_pdf(book: list[str]) -> bytes:
    """A typeset PDF, justified and indented, with the page's number at its foot."""

    def foot(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.drawCentredString(300, 30, str(canvas.getPageNumber()))

    style = ParagraphStyle("book", fontName="Times-Roman", fontSize=11, leading=14, alignment=4, firstLineIndent=12)
    out = io.BytesIO()
    SimpleDocTemplate(out).build([Paragraph(part, style) for part in book], onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _read(pdf: bytes) -> str:
    return "\n\n".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(pdf))


def test_html_text_and_pdf_of_one_book_agree() -> None:
    book = _book()
    html, text, pdf = (narrative(repair_unicode(each))[0] for each in (_as_html(book), _as_text(book), _read(_as_pdf(book))))
    assert _f1(html, text) > 0.99
    assert _f1(html, pdf) > 0.99
    assert _f1(text, pdf) > 0.99
