"""Continued text, in pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.examples import Example
from stages.params import Params
from stages.prepare.continued import examples, pieces
from tests.stages.prepare.documents import document, table


@pytest.mark.parametrize(("doc_type", "count"), [("technical", 2), ("narrative", 2), ("web", 0), ("other", 0), ("product", 0)])
def test_continued_text(doc_type: str, count: int, loaded: Params) -> None:
    doc = document("x", "a" * 1000 + "\n\n" + "b" * 1000 + "\n", doc_type, "text/plain")
    assert list(examples(doc, loaded.prepare)) == [
        Example(f"{doc['doc_id']}-continue-{n}", "continue", [doc["doc_id"]], doc["doc_id"], "fr", "", letter * 1000)
        for n, letter in enumerate("ab"[:count])
    ]


def test_a_table_is_no_text(loaded: Params) -> None:
    assert list(examples(table([{"input": "x", "output": "y"}], doc_type="technical"), loaded.prepare)) == []


PARAGRAPH = st.text(alphabet="ab é.", min_size=1, max_size=30).filter(str.strip).map(str.strip)


@given(st.lists(PARAGRAPH, min_size=1, max_size=10), st.integers(1, 80))
def test_pieces_join_back_and_respect_the_limit(paragraphs: list[str], limit: int) -> None:
    found = pieces("\n\n\n".join(paragraphs) + "\n", limit)
    assert "\n\n".join(found).split("\n\n") == paragraphs
    assert [piece for piece in found if len(piece) > limit and "\n\n" in piece] == []


@given(st.text(alphabet="a\n ", max_size=60), st.integers(1, 20))
def test_pieces_of_any_text_hold_its_paragraphs(text: str, limit: int) -> None:
    assert "\n\n".join(pieces(text, limit)) == re.sub(r"\n{2,}", "\n\n", text.strip())


@pytest.mark.parametrize("text", ["", " \n\n "])
def test_nothing_has_no_pieces(text: str) -> None:
    assert pieces(text, 6) == []


def test_pieces_are_filled() -> None:
    assert pieces("aa\n\nbb\n\ncc", 6) == ["aa\n\nbb", "cc"]
