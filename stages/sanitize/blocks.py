"""Markdown text as runs of code and runs of prose, so that repairs of the one never touch the other.

Run `pip`:                        prose
                                  (`pip` itself is code, and so are addresses)
    pip install x                 code: fenced, indented below a blank line, <pre>, <script>, <style>
"""

import re
from collections.abc import Callable, Iterator

FENCE = re.compile(r"[ >]*(?:[-*+]\s+|\d{1,9}[.)]\s+)?(`{3,}|~{3,})([^`\n]*)")
INDENTED = re.compile(r" {4}|\t")
ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
RAW = re.compile(r"\s*<(pre|script|style)[\s>]", re.I)
SPAN = re.compile(
    r"(?<!`)(`++)(?:[^`\n]|\n(?![ \t]*\n))++\1(?!`)|(?<!`)``(?!`)(?:[^`\n]|`(?!`)){1,400}``(?!`)"
    r"|<(?:code|kbd|samp|tt|var)\b[^<>\n]{0,200}>[^<]*</"
    r"|\b(?:https?|ftp|file|s3|git|ssh)://[^\s<>]+|\bwww\.[^\s<>]+|\b[\w.+-]{1,64}@[\w-]+\.[\w.-]+",
    re.I,
)

COMMENT = re.compile(rf"{SPAN.pattern}|(?P<comment><!--)", re.I)


def runs(text: str) -> Iterator[tuple[bool, str]]:
    """The text in runs of whole lines, each with True where it is code; joined they are the text."""
    kept: list[str] = []
    is_code = False
    for code, line in _lines(text):
        if code != is_code and kept:
            yield is_code, "".join(kept)
            kept = []
        is_code = code
        kept.append(line)
    if kept:
        yield is_code, "".join(kept)


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    """Every line, its end included, with True where it belongs to a block of code."""
    closing: re.Pattern[str] | None = None
    blank, code, in_list = True, False, False
    for line in text.splitlines(keepends=True):
        if closing:
            code = True
            closing = None if closing.search(line) else closing
        elif (fence := FENCE.match(line)) and fence.group(1):
            code, closing = True, re.compile(rf"^[ >]*{fence.group(1)[0]}{{{len(fence.group(1))},}}\s*$")
        elif raw := RAW.match(line):
            code, closing = True, re.compile(f"</{raw.group(1)}>", re.I)
            closing = None if closing.search(line) else closing
        elif not line.strip():
            blank = True
            yield code and not in_list, line
            continue
        else:
            code = bool(INDENTED.match(line)) and (blank or code) and not in_list
            in_list = bool(ITEM.match(line)) or (in_list and line[0].isspace())
        blank = False
        yield code, line


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` applied to what is neither code nor an address."""
    return "".join(run if code else outside_spans(run, change) for code, run in runs(text))


def outside_spans(run: str, change: Callable[[str], str]) -> str:
    """Prose with `change` applied to what is neither a span of code nor an address."""
    out, end = [], 0
    for span in SPAN.finditer(run):
        out += [change(run[end : span.start()]), span.group()]
        end = span.end()
    return "".join([*out, change(run[end:])])


def without_comments(prose: str, told: Callable[[str], object] = lambda comment: None) -> str:
    """Prose without its HTML comments, each of which is told; `<!--` in a span of code opens none."""
    out, end = [], 0
    for found in COMMENT.finditer(prose) if "<!--" in prose else ():
        if found["comment"] and found.start() >= end and (stop := prose.find("-->", found.end())) >= 0:
            told(prose[found.end() : stop])
            out.append(prose[end : found.start()])
            end = stop + 3
    return "".join([*out, prose[end:]])
