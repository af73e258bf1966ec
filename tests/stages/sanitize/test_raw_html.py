"""HTML in Markdown: blocks as Markdown, inline tags and scripts gone, code and what is no tag as it was."""

import time

import pytest
from hypothesis import given

from stages.sanitize.raw_html import without_html
from tests.stages.sanitize.odd import REPEATED, TEXTS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<p align="center">\n  <img src="logo.png" alt="Logo">\n</p>\n\n# Drill\n', "\n# Drill\n"),
        ('<h1 align="center">Drill</h1>\n\nIt drills.\n', "# Drill\n\nIt drills.\n"),
        ("<details>\n<summary>More</summary>\n\nIt *drills*.\n\n</details>\n\nEnd.\n", "More\n\nIt *drills*.\n\n\nEnd.\n"),
        ("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>\n\nx\n", "| a |\n| --- |\n| 1 |\n\nx\n"),
        ("<div>\n<b>Fast</b> and\nsmall.\n</div>\n", "**Fast** and small.\n"),
        ('CO<sub>2</sub> and <a name="x"></a>H<sub >2</sub >O, <B>bold</B>.\n', "CO2 and H2O, bold.\n"),
        ("one<br>two<br/>three\n", "one\ntwo\nthree\n"),
        ("| a<br>b | c |\n", "| a b | c |\n"),
        ("<script>\nlet x = 1;\n\n    if (x < 2) { y(); }\n</script>\n\nEnd.\n", "\nEnd.\n"),
        ("Begin.\n<style>a { color: red }</style>\nEnd.\n", "Begin.\n\nEnd.\n"),
        ("<script>\nis a tag, and this is never closed.\n", "<script>\nis a tag, and this is never closed.\n"),
    ],
)
def test_html_as_its_reader_sees_it(text: str, found: str) -> None:
    assert without_html(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "`<b>` and ``<br>`` are tags.\n",
        "```html\n<div>\n<script>x</script>\n</div>\n```\n",
        "    <div>indented</div>\n",
        "List<Text> and Map<String, List<T>>, 5 < 6 > 4, <https://example.org>\n",
        "The <div> element holds others.\n",
        "<pre>\n<b>x</b>\n</pre>\n",
        "No tag at all.\n",
    ],
)
def test_code_and_what_is_no_tag_stay(text: str) -> None:
    assert without_html(text) == text


@given(TEXTS)
def test_any_text(text: str) -> None:
    found = without_html(text)
    assert found == text or "<" in text


def test_time_grows_with_the_text_and_not_with_its_square() -> None:
    for unit in [*REPEATED, "<p>", "<br", "<a ", "<script>\n", "<div>\n\n", "<img "]:
        start = time.process_time()
        without_html((unit * (100_000 // len(unit) + 1))[:100_000])
        assert time.process_time() - start < 5, repr(unit)
