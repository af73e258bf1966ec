"""Quotes, dashes, ellipses and spaces of narrative text as its language sets them, and emphasis in one form.

"Wait..." -- he _left_.      ->  “Wait…” — he *left*.
"Attends..." dit-il; puis ?  ->  « Attends… » dit-il ; puis ?   with no-break spaces at French signs

The language is told by its most frequent words; where it is not clear, quotes stay and French spacing is not applied.
"""

import re
from collections import Counter

from stages.sanitize.blocks import outside_code
from stages.sanitize.notes import Notes

NO_BREAK = "\u00a0"
FREQUENT = {
    "en": "the and of to was he that his with had her it for she said you not but they at".split(),
    "fr": "le la les des et une est dans qui que il elle pas pour avait était ne sur son au".split(),
    "de": "der die das und nicht ist ein eine mit sich auf den dem er sie ich es war zu".split(),
    "es": "el los las de y que en una con por para su se no era había lo del al como".split(),
    "it": "il di che e la per non una con era gli del si della le da aveva lo un nel".split(),
}
CLEAR = 1.5  # times as many of its words as of the next language's
QUOTES = {"en": ("“", "”"), "fr": (f"«{NO_BREAK}", f"{NO_BREAK}»"), "de": ("„", "“"), "es": ("«", "»"), "it": ("«", "»")}
STRAIGHT = re.compile(r'"')
EMPHASIS = re.compile(r"(?<![\w*_\\])_(?=[^\s_])((?:[^_*\n]|\n(?!\s*\n)){1,400}?)(?<=[^\s\\])_(?![\w*_])")
ELLIPSIS = re.compile(r"(?<!\.)\.{3}(?!\.)|(?<!\.)(?<!\. ) ?\. \. \.(?! ?\.)")
DASH = re.compile(r"(?<=[^\s|-])[ ]*(?<!-)--(?!-)[ ]*(?=[^\s|>-])")
LAST_DASH = re.compile(r"(?<=[\w,.;!?”»])--$", re.MULTILINE)  # a verse or a speech that breaks off
FIRST_DASH = re.compile(r"^--[ ]?(?=[\w«“\"¿¡])", re.MULTILINE)  # somebody speaks
SPACES = re.compile(r"(?<=\S) {2,}(?=\S)")
SPACED_HYPHEN = re.compile(r"(?<=[^\W\d_]) - (?=[^\W\d_])")
FRENCH = re.compile(
    r"(?P<keep>&#?\w{1,31};|\w+://\S+|(?<=\d)[:;](?=\d))"
    r"|(?<=[^\s«])[ \u00a0\u202f]?(?P<sign>[;:!?]+|»)(?=[\s\u00a0)\]»”*_.,…]|$)|(?P<open>«)[ \u00a0\u202f]?(?=\S)",
    re.MULTILINE,
)
APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])|(?<=\s)'(?=(?:tis|twas|em|til|cause)\b|\d\ds\b)|(?<=s)'(?=\s)", re.I)


INNER = re.compile(r"(?<=[\s“(—])'(?=\w)([^'\"\n]{1,200}?(?<=[\w.,!?…]))'(?=[\s.,;:!?”)—]|$)", re.MULTILINE)


def typeset(text: str, notes: Notes) -> str:
    """The text with the quotes, dashes and spaces of its language; code in it stays."""
    language = language_of_prose(text)

    def starred(found: re.Match[str]) -> str:
        notes.changed("_…_", "*…*")
        return f"*{found[1]}*"

    def mend(prose: str) -> str:
        prose = EMPHASIS.sub(starred, prose)
        for name, pattern, new in (
            ("...", ELLIPSIS, "…"),
            ("--", DASH, " — "),
            ("--", LAST_DASH, "—"),
            ("--", FIRST_DASH, "— "),
            (" - ", SPACED_HYPHEN, " – "),
            ("two spaces", SPACES, " "),
        ):
            prose = _counted(prose, name, pattern, new, notes)
        if language:
            prose = "\n\n".join(_quoted(paragraph, language, notes) for paragraph in prose.split("\n\n"))
            prose = _counted(prose, "'…'", INNER, r"‘\1’", notes) if language == "en" else prose
            prose = _counted(prose, "'", APOSTROPHE, "’", notes)
        return FRENCH.sub(_french, prose) if language == "fr" else prose

    return outside_code(text, mend)


def language_of_prose(text: str) -> str:
    """The language whose frequent words are most frequent here, or "" where none is by far."""
    counts = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    scores = sorted(((sum(counts[word] for word in words), language) for language, words in FREQUENT.items()), reverse=True)
    (best, language), (second, _) = scores[:2]
    return language if best >= 3 and best >= CLEAR * second else ""


def _counted(prose: str, name: str, pattern: re.Pattern[str], new: str, notes: Notes) -> str:
    mended, n = pattern.subn(new, prose)
    for _ in range(n):
        notes.changed(name, new)
    return mended


def _quoted(paragraph: str, language: str, notes: Notes) -> str:
    """A paragraph with typographic quotes where its straight ones come in pairs."""
    places = [found.start() for found in STRAIGHT.finditer(paragraph)]
    opening = [_opens(paragraph, place) for place in places]
    if not places or opening != [n % 2 == 0 for n in range(len(places))] or len(places) % 2:
        return paragraph
    pieces = paragraph.split('"')
    notes.changed('"…"', "…".join(QUOTES[language]))
    out = pieces[0]
    for n, piece in enumerate(pieces[1:]):
        sign = QUOTES[language][n % 2]
        out += sign + (piece if n % 2 else piece.strip() if language == "fr" else piece)
    return out


def _opens(paragraph: str, place: int) -> bool:
    """Whether a straight quote opens: white space or an opening sign before it, and no white space behind."""
    before, behind = paragraph[place - 1 : place] if place else "", paragraph[place + 1 : place + 2]
    return (not before or before.isspace() or before in "([{—–-*_‘“«") and bool(behind) and not behind.isspace()


def _french(found: re.Match[str]) -> str:
    if found["keep"]:
        return found["keep"]
    return f"«{NO_BREAK}" if found["open"] else f"{NO_BREAK}{found['sign']}"
