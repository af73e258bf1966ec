"""What is of no use inside blocks of code: licence headers, and code that was commented out.

Comments that explain stay: a line goes only where what follows its comment sign is a statement in full.

    # Copyright 2024 Morel. All rights reserved.     goes, with the comment lines around it
    # loss = old_loss(x)                             goes
    loss = new_loss(x)  # half the memory            stays
    # rank = inner size of the two matrices          stays
"""

import re
from collections.abc import Iterator

from stages.sanitize.notes import Notes

SIGN = re.compile(r"^(\s*)(#(?!!)|//+|--(?= )|;+(?= )|%(?= ))[ \t]?(.*?)\s*$")
LICENCE = re.compile(
    r"copyright\b.*\d{4}|\(c\) ?\d{4}|©|spdx-license-identifier|licen[sc]ed under|all rights reserved"
    r"|permission is hereby granted"
    r"|redistribution and use in source|this program is free software|without warrant(?:y|ies)", re.I)  # fmt: skip
WORD = r"[A-Za-z_$][\w$]*+"
NAME = rf"{WORD}(?:(?:\.|->|::){WORD}|\[[^\]\n]{{0,60}}\])*+"
CALL = rf"{NAME}\([^()]*+(?:\([^()]*+(?:\([^()]*+\)[^()]*+)*+\)[^()]*+)*+\)(?:\.{WORD}\([^()]*+\))*+"
VALUE = rf"""(?:-?\d[\w.]*+|[rbfu]?"[^"]*+"|[rbfu]?'[^']*+'|[\[{{(].*|(?:await |new |not |!|-|&|\*)*+{CALL}|[\w.]+\[.+\]
|None|True|False|null|true|false|{WORD}\.{WORD}|lambda .+)""".replace("\n", "")
STRONG = (
    rf"(?:const |let |var |auto |int |float |double |bool |char |static |final |String )*+{NAME}(?:: ?{NAME})? ?"
    rf"(?:[-+*/%|&^:]|\*\*|//|<<|>>)?= ?{VALUE};?",
    r"(?:const|let|var|auto|int|float|double|bool|char|String|return|throw|raise|delete|yield) .*;",
    rf"(?:await |del |raise |throw |yield |assert |return )*+{CALL}(?:[;,:]| \{{)?",
    r"(?:from [\w.]++ )?import [\w.{}*]++(?:,? ?[\w.{}*]++){0,9};?(?: from .+)?",
    rf"(?:async )?(?:def|function|fn|func) {WORD}\(.*|class {WORD}(?:\(.*\))?(?::| \{{)",
    r"(?:public |private |protected |static |export |async )++[\w<>\[\]]++(?: [\w<>\[\]]++)*+\([^()]*+\) ?[{;]?",
    r"(?:if|while|for|else if|switch|catch) ?\(.*\) ?\{",
    rf"(?:if|elif|while) (?:not )?(?:{NAME} (?:==|!=|<=?|>=?|is not|not in|in) \S+|{CALL}):",
    r"</?[a-zA-Z][\w-]*+(?: [^<>]*+)?>(?:.*>)?",
    r"#include [<\"].+|using [\w.:]++;|package [\w.]++;",
    r"(?:SELECT .+ FROM|INSERT INTO|UPDATE .+ SET|DELETE FROM|CREATE TABLE|DROP TABLE|ALTER TABLE) .*",
)
WEAK = (  # goes only beside another statement: alone it may be prose
    r"[\])}]++[;,)]*+(?: else \{)?|\{",
    rf"for {WORD}(?:, {WORD})*+ in .+:|with .+:|except.*:|(?:else|try|finally)(?::| \{{)",
    rf"(?:pass|break|continue);?|return {VALUE}|return {WORD}",
    rf"{NAME} ?(?:[-+*/%])?= ?{WORD}(?: [-+*/%] {WORD})*+",
)
STATEMENT, PERHAPS = (re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) for patterns in (STRONG, (*STRONG, *WEAK)))
SETTINGS = (
    "yaml",
    "yml",
    "toml",
    "ini",
    "conf",
    "cfg",
    "properties",
    "env",
    "dotenv",
)  # a commented option there is documentation
HASH_IS_CODE = ("js", "javascript", "ts", "typescript", "jsx", "tsx", "css", "scss", "c", "cpp", "c++", "rust", "rs", "php")
Told = tuple[str, str]  # a kind of what is removed, and the text
LONGEST = 500  # characters of a line that are looked at: longer ones are data


def without_dead_code(block: str, notes: Notes) -> str:
    """A block of code without its licence header and without statements that are commented out.

    A block in which nothing else would be left stays as it is, and so does a file of settings but for its licence.
    """
    language = (re.match(r"[ >]*(?:```|~~~)[ {.]*([\w+]*)", block) or ["", ""])[1].lower()
    told: list[Told] = []
    lines = _without_block_comments(block, told).splitlines(True)
    lines = _without_licence(lines, told)
    if language not in SETTINGS:
        lines = list(_without_statements(lines, language, told))
    if not any(line.strip() and not line.lstrip(" >").startswith(("```", "~~~")) for line in lines):
        return block
    for kind, what in told:
        notes.removed(kind, what)
    return "".join(lines)


def _without_block_comments(block: str, told: list[Told]) -> str:
    """Drop /* … */ and <!-- … --> where they hold a licence or nothing but code."""
    out, end = [], 0
    for opening, closing in _comments(block):
        inside = block[opening + 2 : closing - 2].strip("*!- \n")
        lines = [line.strip(" *\t") for line in inside.splitlines() if line.strip(" *\t")]
        is_code = (
            bool(lines) and all(PERHAPS.fullmatch(line[:LONGEST]) for line in lines) and any(map(STATEMENT.fullmatch, lines))
        )
        is_documentation = block[opening:].startswith("/**") and not LICENCE.search(inside)
        starts_a_line = not block[block.rfind("\n", 0, opening) + 1 : opening].strip()
        if starts_a_line and (LICENCE.search(inside) or (is_code and not is_documentation)):
            told.append(("licence header" if LICENCE.search(inside) else "commented-out code", inside))
            out.append(block[end : block.rfind("\n", 0, opening) + 1])
            end = closing + 1 if block[closing : closing + 1] == "\n" else closing
    return "".join([*out, block[end:]])


def _comments(block: str) -> Iterator[tuple[int, int]]:
    """Where the block comments begin and end."""
    end = 0
    for found in re.finditer(r"/\*|<!--", block):
        if found.start() < end:
            continue
        sign = "*/" if found.group() == "/*" else "-->"
        end = block.find(sign, found.end())
        if end < 0:
            return
        end += len(sign)
        yield found.start(), end


def _without_licence(lines: list[str], told: list[Told]) -> list[str]:
    """Drop a run of comment lines that speaks of a licence, if it stands before the first statement."""
    start = next((n for n, line in enumerate(lines) if SIGN.match(line[:LONGEST]) or not _opens(line)), len(lines))
    stop = start
    while stop < len(lines) and SIGN.match(lines[stop][:LONGEST]):
        stop += 1
    if not any(LICENCE.search(line) for line in lines[start:stop]):
        return lines
    told.append(("licence header", lines[start]))
    while stop < len(lines) and not lines[stop].strip():
        stop += 1
    return lines[:start] + lines[stop:]


def _opens(line: str) -> bool:
    """Whether a line may stand before a licence header: the fence, an empty line, #!."""
    return not line.strip() or line.lstrip(" >").startswith(("```", "~~~", "#!", "<?", "<pre"))


def _without_statements(lines: list[str], language: str, told: list[Told]) -> Iterator[str]:
    dead = [_commented(line, language) for line in lines]
    for index, line in enumerate(lines):
        beside = any(STATEMENT.fullmatch(text) for text in _run(dead, index))
        if dead[index] and (beside or STATEMENT.fullmatch(dead[index])):
            told.append(("commented-out code", line))
        else:
            yield line


def _run(dead: list[str], index: int) -> list[str]:
    """The commented statements right above and below, three lines each way."""
    return [text for text in dead[max(0, index - 3) : index + 4] if text]


def _commented(line: str, language: str) -> str:
    """What a line comments out, if that may be a statement; else empty."""
    found = SIGN.match(line[:LONGEST])
    if not found or (found.group(2) == "#" and language in HASH_IS_CODE):
        return ""
    statement = found.group(3).strip()
    return statement if PERHAPS.fullmatch(statement) else ""
