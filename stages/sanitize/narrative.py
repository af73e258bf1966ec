r"""Narrative text: a paragraph on one line, whatever wrapped it; verse, dialogue and scene breaks as they are.

He had waited a long time for the tram that never came to the vil-\nlage on that day ... and he left.
->  He had waited a long time for the tram that never came to the village on that day… and he left.

A line was wrapped by a machine where the first word of the next one had no room on it. Verse ends its lines earlier.
"""

import math
import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from stages.sanitize.blocks import runs
from stages.sanitize.folios import OPENS_LOWER, SENTENCE_END, Block, without_folios
from stages.sanitize.hyphens import WORD, is_compound, words_of
from stages.sanitize.notes import Notes
from stages.sanitize.typography import typeset

NARROWEST = 38  # characters of the narrowest column of prose
WIDE = 60  # characters: verse is hardly ever so wide
SLACK = 0.1  # of the width: lines set in a proportional type differ so much in characters
SHARE = 0.6  # of the line ends of a paragraph must be those of a machine
NARROW_SHARE = 0.8  # of the line ends of a whole text that is set in a narrow column
CAPITALS = 0.8  # of the lines begin with a capital: verse, unless nearly every line is full
STRICT_SHARE = 0.9
LONG = 50  # characters of every line but the last: a wide column, wrapped by hand
FENCED = re.compile(r"[ >]*(?:```|~~~)|\s*<pre", re.I)
STRUCTURE = re.compile(r"\s*(?:[-*+•]\s|\d{1,3}[.)]\s|[|>#<]|!\[|[-=*~_#\s⁂]+$)|.*\|.*\|")
SPEECH = re.compile(r"\s*(?:[—–―«]|--(?!-))")
HYPHEN = re.compile(r"(?:^|[^\w-])([^\W\d_]{2,})-$")


class Column(NamedTuple):
    """How a text is set."""

    width: int  # in characters
    verse: bool  # its lines begin with capitals
    narrow_prose: bool


def narrative(text: str) -> tuple[str, list[str]]:
    """A narrative text in its one form, and notes on what was changed."""
    notes = Notes()
    words = words_of(text)
    out = [run if code and FENCED.match(run) else _flowing(run, words, notes) for code, run in _merged(text)]
    return typeset("".join(out), notes), notes.listed()


def _merged(text: str) -> list[tuple[bool, str]]:
    """Runs of fenced code and of all else; what is merely indented may be verse."""
    found: list[tuple[bool, str]] = []
    for code, run in runs(text):
        fenced = code and bool(FENCED.match(run))
        if found and not fenced and not found[-1][0]:
            found[-1] = (False, found[-1][1] + run)
        else:
            found.append((fenced, run))
    return found


def _flowing(run: str, words: Counter[str], notes: Notes) -> str:
    """Prose with every paragraph on one line."""
    blocks = [block.split("\n") for block in re.split(r"\n(?:[ \t]*\n)+", run.strip("\n"))]
    whole = sum(map(len, blocks))
    blocks = without_folios(blocks, notes)
    has_folios = sum(map(len, blocks)) < whole
    blocks = [block for block in blocks if block]
    column = _column(blocks)
    out: list[str] = []
    previous, was_wrapped = Block(), False
    for block in blocks:
        wrapped = _is_wrapped(block, column)
        text = _unwrapped(block, column.width, words, notes) if wrapped else "\n".join(block)
        if out and _goes_on(previous, block, was_wrapped or (has_folios and len(previous[-1].strip()) > 0.7 * column.width)):
            out[-1] = _joined(out[-1], text.lstrip(), words, notes)
        else:
            out.append(text)
        previous, was_wrapped = block, wrapped
    before = run[: len(run) - len(run.lstrip("\n"))]
    after = run[len(run.rstrip("\n")) :] if run.strip("\n") else ""
    return before + "\n\n".join(out) + after


def _column(blocks: list[Block]) -> Column:
    """How the whole text is set; its width is nearly that of the longest line, since a few stick out."""
    lengths = sorted(len(line.strip()) for block in blocks for line in block if not STRUCTURE.match(line))
    width = lengths[math.ceil(0.98 * (len(lengths) - 1))] if lengths else 0
    ends = [end for block in blocks for end in _ends([line.strip() for line in block], width, SLACK)]
    full = sum(ends) / len(ends) if ends else 0.0
    return Column(width, verse=_capitals(blocks) >= CAPITALS, narrow_prose=NARROWEST <= width < WIDE and full >= NARROW_SHARE)


def _capitals(blocks: list[Block]) -> float:
    """The share of lines inside blocks that begin with a capital."""
    lines = [line.lstrip("\"“«‘’' \t") for block in blocks for line in block[1:]]
    return sum(line[:1].isupper() for line in lines) / len(lines) if lines else 0.0


def _is_wrapped(block: Block, column: Column) -> bool:
    """Whether a machine ended the lines of a block."""
    lines = [line.strip() for line in block]
    if (
        len(lines) < 2
        or sum(bool(STRUCTURE.match(line)) for line in block) > len(block) / 3
        or block[0][:1] + block[-1][:1] == "  "
    ):
        return False
    own = len(lines) > 3
    width = max(map(len, lines)) if own else column.width
    verse = _capitals([block]) >= CAPITALS if own else column.verse
    if width < WIDE and not column.narrow_prose:
        return False
    share, strict = (sum(_ends(lines, width, slack)) / (len(lines) - 1) for slack in (SLACK, 0.03))
    if verse:
        return width >= WIDE and strict >= STRICT_SHARE
    return share >= SHARE or (width >= WIDE and all(len(line) >= LONG for line in lines[:-1]))


def _ends(lines: list[str], width: int, slack: float) -> list[bool]:
    return [_is_full(line, after, width, slack) for line, after in pairwise(lines)]


def _is_full(line: str, following: str, width: int, slack: float) -> bool:
    """Whether the next line's first word had no room on this line."""
    word = following.split(maxsplit=1)[0] if following else ""
    return len(line) + 1 + len(word) > width * (1 - slack) or bool(HYPHEN.search(line))


def _unwrapped(block: Block, width: int, words: Counter[str], notes: Notes) -> str:
    width = max(len(line.strip()) for line in block) if len(block) > 3 else width
    out = block[0].strip()
    last = block[0]
    for line in block[1:]:
        if STRUCTURE.match(line) or STRUCTURE.match(last):
            out += "\n" + line
        elif _opens_paragraph(last, line, width):
            out += ("\n" if SPEECH.match(line) else "\n\n") + line.strip()
        else:
            out = _joined(out, line.strip(), words, notes)
        last = line
    return out


def _opens_paragraph(last: str, line: str, width: int) -> bool:
    """Whether a line begins something new: it is indented, it is said by somebody else, or the last one ended early."""
    ended = bool(SENTENCE_END.search(last))
    if (re.match(r" {2,}|\t", line) and not re.match(r" {2,}|\t", last)) or (SPEECH.match(line) and ended):
        return True
    return not _is_full(last.strip(), line.strip(), width, SLACK) and (ended or not OPENS_LOWER.match(line))


def _goes_on(block: Block, following: Block, is_prose: bool) -> bool:
    """Whether a sentence of prose goes on in the next block, over the end of a page."""
    plain = not STRUCTURE.match(block[-1]) and not STRUCTURE.match(following[0]) and not following[0][:2].isspace()
    return is_prose and plain and not SENTENCE_END.search(block[-1]) and bool(OPENS_LOWER.match(following[0]))


def _joined(text: str, line: str, words: Counter[str], notes: Notes) -> str:
    """Two lines as one; a word that was hyphenated between them becomes whole, a compound keeps its hyphen."""
    first, second = HYPHEN.search(text[-60:]), WORD.match(line)
    if not first or not second:
        return f"{text}{'' if text.endswith(('—', '-')) else ' '}{line}"
    one, two = first[1], second[0]
    if is_compound(one, two, words):
        return text + line
    notes.changed(f"{one}-⏎{two}", one + two)
    return text[:-1] + line
