r"""Page numbers and running heads that stand between the lines of a book read from paper or PDF.

… and then he turned to\n\n12\n\nTHE LOST KEY\n\nthe door …   ->   … and then he turned to\n\nthe door …

A number is one of a page only where it counts up with others and where they cut sentences in two: chapters are
numbered as well, but begin after a full stop. A line that comes again is a running head by the same sign: a refrain ends
its stanza.
"""

import re
from collections import defaultdict
from collections.abc import Iterator

from stages.sanitize.notes import Notes

FEWEST = 3  # numbers that count up, and times that a running head stands
NUMBER = re.compile(
    r"[\s\-–—\[(|]*(page|seite|pagina|página|p\.)?\s*(\d{1,4}|[ivxl]{1,7})(?:\s*(?:/|of|sur|von|de|di)\s*\d{1,4})?[\s\-–—\])|]*",
    re.I,
)
SENTENCE_END = re.compile(r"[.!?…:][\"”’»)\]*_]*\s*$|[\"”»]\s*$|^\s*$")
OPENS_LOWER = re.compile(r"\s*[\"“«(‘’']?\s?[a-zà-öø-ÿœß]")
HEAD = re.compile(r"\s*[^\s#*>|-].{1,78}[^\s.,;:!?]\s*")
ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50}
Block = list[str]


def without_folios(blocks: list[Block], notes: Notes) -> list[Block]:
    """Blocks of lines without the numbers and heads of pages; a block of nothing else is left empty."""
    while found := set(_page_numbers(blocks)) | set(_running_heads(blocks)):
        for index, line in sorted(found, reverse=True):
            notes.removed("page number or running head", blocks[index].pop(line))
    return blocks


def _edges(blocks: list[Block]) -> Iterator[tuple[int, int]]:
    """The first and the last line of every block, as index of the block and index of the line."""
    for index, block in enumerate(blocks):
        yield from ((index, line) for line in sorted({0, len(block) - 1}) if block)


def _page_numbers(blocks: list[Block]) -> Iterator[tuple[int, int]]:
    found = [(place, number) for place in _edges(blocks) if (number := NUMBER.fullmatch(blocks[place[0]][place[1]]))]
    run: list[tuple[tuple[int, int], re.Match[str]]] = []
    for place, number in found:
        if run and _value(number[2]) != _value(run[-1][1][2]) + 1:
            yield from _counted(blocks, run)
            run = []
        run.append((place, number))
    yield from _counted(blocks, run)


def _counted(blocks: list[Block], run: list[tuple[tuple[int, int], re.Match[str]]]) -> Iterator[tuple[int, int]]:
    if len(run) >= FEWEST and (all(number[1] for _, number in run) or _cut(blocks, [place for place, _ in run])):
        yield from (place for place, _ in run)


def _value(text: str) -> int:
    if text.isdecimal():
        return int(text)
    values = [ROMAN[sign] for sign in text.lower()]
    return sum(-one if one < behind else one for one, behind in zip(values, [*values[1:], 0], strict=True))


def _running_heads(blocks: list[Block]) -> Iterator[tuple[int, int]]:
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, line in _edges(blocks):
        text = blocks[index][line]
        key = re.sub(r"[\W\d_]+", "", text).casefold()
        if len(key) >= 3 and HEAD.fullmatch(text) and not OPENS_LOWER.match(text):
            places[key].append((index, line))
    for found in places.values():
        if len(found) >= FEWEST and _cut(blocks, found):
            yield from found


def _cut(blocks: list[Block], places: list[tuple[int, int]]) -> bool:
    """Whether half of these lines stand inside of a sentence."""
    inside = sum(_stands_in_a_sentence(blocks, *place) for place in places)
    return 2 * inside >= len(places)


def _stands_in_a_sentence(blocks: list[Block], index: int, line: int) -> bool:
    before = next((text for text in _before(blocks, index, line) if _is_text(text)), "")
    behind = next((text for text in _behind(blocks, index, line) if _is_text(text)), "")
    return not SENTENCE_END.search(before) and bool(OPENS_LOWER.match(behind))


def _before(blocks: list[Block], index: int, line: int) -> Iterator[str]:
    yield from reversed(blocks[index][max(0, line - 2) : line])
    for block in reversed(blocks[max(0, index - 3) : index]):
        yield from reversed(block[-2:])


def _behind(blocks: list[Block], index: int, line: int) -> Iterator[str]:
    yield from blocks[index][line + 1 : line + 3]
    for block in blocks[index + 1 : index + 4]:
        yield from block[:2]


def _is_text(line: str) -> bool:
    """Whether a line may belong to a sentence: no number of a page and no head in capitals or with a number."""
    return (
        bool(line.strip())
        and not NUMBER.fullmatch(line)
        and not line.isupper()
        and not re.fullmatch(r"\D{3,60}\s\d{1,4}\s*|\s*\d{1,4}\s\D{3,60}", line)
    )
