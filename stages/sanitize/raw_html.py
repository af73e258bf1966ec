r"""HTML in a Markdown text, as a reader of the rendered text sees it: blocks as Markdown, scripts and inline tags gone.

<p align="center"><img src="logo.png"></p>\n\n<b>Fast</b>: 5 CO<sub>2</sub>     ->     Fast: 5 CO2
`<b>` in code stays, and so does what is no tag, such as List<Text>.
"""

import re

from stages.sanitize.blocks import outside_spans, runs
from stages.sanitize.html import whole_markdown

# What begins a block of HTML that a blank line ends (CommonMark 0.31.2, 4.6, condition 6).
BLOCK = re.compile(
    r" {0,3}</?(?:address|article|aside|blockquote|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption"
    r"|figure|footer|form|h[1-6]|header|hr|iframe|legend|li|main|menu|nav|noframes|ol|p|section|summary|table|tbody|td|tfoot"
    r"|th|thead|tr|ul)(?:[\s/>]|$)",
    re.I,
)
SCRIPT = re.compile(r"\s*<(script|style)[\s>].*</\1\s*>\s*", re.I | re.DOTALL)  # one that is never closed stays
INLINE = re.compile(
    r"</?(?:a|abbr|b|big|cite|del|em|font|i|img|ins|mark|picture|q|s|small|source|span|strike|strong|sub|sup|u|video|wbr)"
    r"(?:\s[^<>]{0,2000})?/?>",
    re.I,
)
BREAK = re.compile(r"<br\s{0,9}/?>[ ]?", re.I)


def without_html(text: str) -> str:
    """A Markdown text without HTML; code is left as it is."""
    return "".join(_code(run) if code else _rendered(run) if "<" in run else run for code, run in runs(text))


def _code(run: str) -> str:
    return "\n" if SCRIPT.fullmatch(run) else run


def _rendered(prose: str) -> str:
    out: list[str] = []
    block: list[str] = []
    for line in [*prose.splitlines(keepends=True), ""]:
        if block and not line.strip():
            found = whole_markdown("".join(block)).strip()
            out.append(f"{found}\n" if found else "")
            block = []
        if block or BLOCK.match(line):
            block.append(line)
        else:
            out.append(outside_spans(line, _without_tags))
    return "".join(out)


def _without_tags(piece: str) -> str:
    return INLINE.sub("", BREAK.sub(" " if "|" in piece else "\n", piece))
