r"""Repairs of text that do not depend on its markup, and what its document type asks for.

caf\u00c3\u00a9 -> café      a\u00adb\u200bc -> abc      &eacute; -> é, but &lt;b&gt; stays: it would become a tag
"""

import html
import re
import unicodedata
from collections.abc import Callable

import ftfy
from ftfy.badness import is_bad

from stages.sanitize.blocks import outside_code
from stages.sanitize.faq import faq
from stages.sanitize.hyphens import mend_marked
from stages.sanitize.narrative import narrative
from stages.sanitize.technical import technical

FTFY = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False,
                            fix_character_width=False, normalization="NFC")  # fmt: skip
MOST_PASSES = 4  # text that was garbled several times is mended layer by layer

# Scripts in which joiners shape words: Arabic and its neighbours, those of India, South-East Asia, Tibet, Mongolia.
JOINING = (
    "\u0600-\u08ff\u0900-\u0dff\u0e00-\u109f\u1780-\u18af\ua840-\ua8ff\ua980-\ua9df"
    "\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U00011fff"
)
PICTURE = "\u00a9\u00ae\u203c-\u3299\ufe0f\u20e3\U0001f000-\U0001faff"
JOINERS = re.compile(
    rf"((?<=[{JOINING}])\u200c(?=[{JOINING}])|(?<=[{JOINING}])\u200d|(?<=[{PICTURE}])\u200d(?=[{PICTURE}]))|[\u200c\u200d]"
)

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
MARKS = re.compile("[\u200e\u200f\u061c]")  # which way a neutral character runs: of use only where two ways meet
TAGS = re.compile("(\U0001f3f4[\U000e0020-\U000e007f]+)|[\U000e0000-\U000e007f]+")  # flags of regions; else a hiding place
INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u2060-\u206f\u202a-\u202e\ufeff\ufff9-\ufffc\ufdd0-\ufdef\ufffe\uffff\U000e0100-\U000e01ef]"
    "|[" + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000)) + "]"
)
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
SOFT_HYPHEN = re.compile("\u00ad\r?\n")
SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
LINE_END = re.compile("\r\n|[\r\x0b\x85\u2028\u2029]")
PAGE_END = re.compile("\n?\x0c\n?")
ENTITY = re.compile(r"&(?:[A-Za-z]\w{1,30}|#\d{2,7}|#[xX][0-9a-fA-F]{2,6});")
SURROGATE = re.compile("[\ud800-\udfff]")
SUSPECT = re.compile("[^\x00-\x7f]{2}|[\x80-\x9fŒœÂÃ]")  # what every line has that ftfy calls bad
Rules = tuple[tuple[re.Pattern[str], str], ...]
BEFORE: Rules = ((SURROGATE, "\ufffd"), (LINE_END, "\n"), (PAGE_END, "\n\n"))
AFTER: Rules = ((SPACE, " "), (INVISIBLE, ""), (CONTROL, ""), (TAGS, r"\1"), (JOINERS, r"\1"))


def repair_unicode(text: str) -> str:
    """Mend mojibake and entities, compose to NFC, drop invisible and control characters, end lines with a line feed."""
    for _ in range(MOST_PASSES):
        mended = _repair_once(text)
        if mended == text:
            break
        text = mended
    return text


def _repair_once(text: str) -> str:
    text = _replaced(SOFT_HYPHEN.sub("", mend_marked(text)), BEFORE)
    text = "\n".join(map(_unscrambled, text.split("\n")))
    text = _replaced(outside_code(text, _without_entities) if ENTITY.search(text) else text, AFTER)
    one_way = MARKS.search(text) and not RIGHT_TO_LEFT.search(text)
    return unicodedata.normalize("NFC", MARKS.sub("", text) if one_way else text)


def _replaced(text: str, rules: Rules) -> str:
    """The text after rules on single characters; those that it has tell at once which rules it needs, mostly none."""
    used = " ".join(set(text))
    for pattern, new in rules:
        if pattern.search(used):
            text = pattern.sub(new, text)
    return text


def _unscrambled(line: str) -> str:
    """A line without mojibake; most are ASCII, where there is none, and most others have nothing that ftfy could ask about."""
    clean = "\x1b" not in line if line.isascii() else not (CONTROL.search(line) or (SUSPECT.search(line) and is_bad(line)))
    return line if clean else ftfy.fix_text(line, FTFY)


def _without_entities(prose: str) -> str:
    """Entities that are no ASCII character as that character: `&lt;` and `&amp;` may be what the text speaks of."""
    return ENTITY.sub(_character, prose)


def _character(found: re.Match[str]) -> str:
    character = html.unescape(found.group())
    return character if len(character) == 1 and ord(character) > 0x9F else found.group()


def tidy_lines(text: str) -> str:
    """Cut trailing white space and fold runs of blank lines to one."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


BY_DOC_TYPE: dict[str, Callable[[str], tuple[str, list[str]]]] = {"technical": technical, "narrative": narrative, "faq": faq}
