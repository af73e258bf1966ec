"""What is code in a Markdown text, and what is prose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.sanitize.blocks import outside_code, runs, without_comments
from tests.stages.sanitize.odd import TEXTS


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\n```\nb\n```\nc\n", ["```\nb\n```\n"]),
        ("~~~py\nb\n```\n~~~\nc", ["~~~py\nb\n```\n~~~\n"]),
        ("````\n```\nb\n````\nc", ["````\n```\nb\n````\n"]),
        ("- a\n\n  ```\n  b\n  ```\n", ["  ```\n  b\n  ```\n"]),
        ("a\n\n    b\n\n    c\n\nd", ["    b\n\n    c\n\n"]),
        ("a\n    b", []),
        ("- a\n\n    b", []),
        ("<pre>\nb\n</pre>\nc", ["<pre>\nb\n</pre>\n"]),
        ("a\n```\nb", ["```\nb"]),
    ],
)
def test_blocks_of_code(text: str, code: list[str]) -> None:
    assert [run for is_code, run in runs(text) if is_code] == code


@pytest.mark.parametrize(
    ("text", "shouted"),
    [
        ("a `b` c", "A `b` C"),
        ("a ``b ` c`` d", "A ``b ` c`` D"),
        ("a `b\nc` d", "A `b\nc` D"),
        ("a ` b\n\nc ` d", "A ` B\n\nC ` D"),
        ("a <code>b</code> c", "A <code>b</CODE> C"),
        ("see https://example.org/b or me@example.org", "SEE https://example.org/b OR me@example.org"),
    ],
)
def test_code_in_lines_and_addresses_are_kept_from_a_change(text: str, shouted: str) -> None:
    assert outside_code(text, str.upper) == shouted


@given(st.one_of(st.text(), TEXTS))
def test_the_runs_are_the_text(text: str) -> None:
    assert "".join(run for _, run in runs(text)) == text
    assert outside_code(text, str) == text


def test_comments_go_but_not_what_speaks_of_them() -> None:
    told: list[str] = []
    assert without_comments("a <!-- b --> c <!-- `d` --> e", told.append) == "a  c  e"
    assert told == [" b ", " `d` "]
    assert without_comments("Write `<!--` first and `-->` last.", told.append) == "Write `<!--` first and `-->` last."
    assert without_comments("a <!-- b", told.append) == "a <!-- b"
