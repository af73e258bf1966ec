r"""Questions and answers in one form, whatever marks them: a level-2 heading that asks, then the answer.

Q1: Open on Sunday?\nA: No.        **2. Open?** No.        ### ❓ Open?        <summary>Open?</summary>No.
->  ## Open on Sunday?\n\nNo.      ## Open?\n\nNo.         ## Open?           ## Open?\n\nNo.

The title and what stands before the first question stay; headings that only group questions and lists of contents go.
"""

import re
from collections.abc import Iterator

from stages.sanitize.blocks import runs
from stages.sanitize.notes import Notes
from stages.sanitize.questions import (
    ANSWERED,
    ASKS,
    BACK,
    LISTED,
    SUMMARY,
    UNMARKED_LEVEL,
    WRAPPING,
    Section,
    bare_title,
    opened,
    without_label,
)  # fmt: skip

UNDERLINE = re.compile(r"\s{0,3}(=+|-{2,})\s*")
CHOICE = re.compile(r"\s*[bB][.)]\s")
FOLDED = re.compile(
    r"(?:<details[^<>]{0,200}>)?\s*<(summary|dt)\b[^<>]{0,200}>\s*([^<>]{0,300}(?:<[^<>]{1,80}>[^<>]{0,300}){0,4}?)\s*</\1>",
    re.I,
)


def faq(text: str) -> tuple[str, list[str]]:
    """Questions and answers in the uniform form, and notes on what was changed; other texts as they are."""
    notes = Notes()
    sections = _without_twins(_sections(text, notes), notes)
    if not any(section.asks for section in sections):
        return text, []
    return "\n\n".join(part for part in _written(sections, notes) if part.strip()) + "\n", notes.listed()


def _sections(text: str, notes: Notes) -> list[Section]:
    found = [Section()]
    lines = list(_lines(text))
    openings = _openings(lines)
    choices = any(CHOICE.match(line) for _, line in lines)
    for index, (code, line) in enumerate(lines):
        if index in openings:
            section, rest = openings[index]
            if section.asks:
                notes.changed(line.strip(), f"## {section.title}")
            found.append(section)
            line = rest
        if not code and line.strip() and BACK.fullmatch(line):
            notes.removed("decoration", line)
        elif not code and found[-1].asks and not found[-1].body:
            found[-1].lines.append(without_label(line, found[-1].labelled and not choices))
        else:
            found[-1].lines.append(line)
    return found


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    """Every line with whether it is code; HTML around answers goes, underlined headings become `#` ones."""
    lines = [(code, line) for code, run in runs(text) for line in (run if code else _unfolded(run)).splitlines()]
    headed = False
    for (code, line), (_, following) in zip(lines, [*lines[1:], (False, "")], strict=False):
        under = UNDERLINE.fullmatch(following)
        if headed and not code:
            headed = False
        elif not code and under and line.strip() and not re.match(r"\s*(?:[-#>*|]|\d+[.)] )", line):
            headed = True
            yield code, f"{'#' if under.group(1)[0] == '=' else '##'} {line.strip()}"
        else:
            yield code, line if code or SUMMARY.fullmatch(line) else WRAPPING.sub("", line)


def _unfolded(prose: str) -> str:
    """Prose in which every `<summary>` and `<dt>` has a line of its own."""
    return FOLDED.sub(lambda found: f"\n<summary>{' '.join(found[2].split())}</summary>\n", prose) if "<" in prose else prose


def _openings(lines: list[tuple[bool, str]]) -> dict[int, tuple[Section, str]]:
    """The lines that open a section: its index -> the section, and what is left of the line."""
    prose = [(index, line) for index, (code, line) in enumerate(lines) if not code and line.strip()]
    has_answers = any(ANSWERED.fullmatch(line) for _, line in prose)
    found = {}
    for (index, line), (_, following) in zip(prose, [*prose[1:], (0, "")], strict=False):
        opening = opened(line, following, has_answers)
        if opening and opening[0].title and not BACK.fullmatch(opening[0].title):
            found[index] = opening
    if not any(section.asks for section, _ in found.values()):
        alone = [index for index, line in prose if ASKS.fullmatch(line) and len(line) < 200 and _is_alone(lines, index)]
        if len(alone) > 1:
            found |= {index: (Section(bare_title(lines[index][1]), UNMARKED_LEVEL, asks=True), "") for index in alone}
    return found


def _is_alone(lines: list[tuple[bool, str]], index: int) -> bool:
    """Whether a line is a paragraph by itself, with something below it."""
    around = [lines[n][1].strip() for n in (index - 1, index + 1) if 0 <= n < len(lines)]
    return not any(around) and index + 2 < len(lines)


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _without_twins(sections: list[Section], notes: Notes) -> list[Section]:
    """Drop what a list of contents says before its question comes, and questions that come twice."""
    bodies = {_key(section.title): section.body for section in reversed(sections) if section.asks and section.body}
    kept, seen = [], set()
    for section in sections:
        key = _key(section.title)
        if section.asks and key in bodies and (not section.body or (key, section.body) in seen):
            notes.removed("repeated question", section.title)
            continue
        seen.add((key, section.body))
        lines = [line for line in section.lines if not ((item := LISTED.fullmatch(line)) and _key(item[1]) in bodies)]
        if len(lines) < len(section.lines):
            notes.removed("contents", f"{len(section.lines) - len(lines)} lines")
        section.lines = lines
        kept.append(section)
    return kept


def _written(sections: list[Section], notes: Notes) -> Iterator[str]:
    """The sections in the uniform form: questions are level 2, what lies below them deeper."""
    base, asked = 0, False
    for section in sections:
        body, title = section.body, section.title
        if not section.level:
            yield body
            continue
        if section.asks and (body or ASKS.fullmatch(title)):
            base, asked = section.level, True
            yield f"## {title}"
        elif (asked or section.level > 1) and not body:
            notes.removed("heading of a group", title)
        elif not asked:
            yield f"{'#' * section.level} {title}"
        elif section.level > base:
            yield f"{'#' * min(6, section.level - base + 2)} {title}"
        else:
            base = section.level
            yield f"## {title}"
        yield body
