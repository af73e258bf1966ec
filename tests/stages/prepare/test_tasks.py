"""Documents to examples, and the reasons for which an item is none."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.documents import Row
from stages.examples import Example
from stages.params import Params, Prepare
from stages.prepare.tasks import TASKS, Rejected, pieces


@pytest.fixture
def section(loaded: Params) -> Prepare:
    return loaded.prepare


def _document(text: str, doc_type: str, mime: str) -> Row:
    return {
        "doc_id": "d0",
        "source_uri": "a/x",
        "language": "fr",
        "doc_type": doc_type,
        "mime": mime,
        "text": text,
        "split": None,
    }


def _made(document: Row, section: Prepare) -> list[Example | Rejected]:
    return [item for make in TASKS.values() for item in make(document, section)]


@pytest.mark.parametrize(
    ("item", "reason", "detail"),
    [
        ("text", "no_input", "a pair is"),
        (None, "no_input", "a pair is"),
        ({"output": {"name": "x"}}, "no_input", "a pair is"),
        ({"input": 5, "output": {"name": "x"}}, "no_input", "a pair is"),
        ({"input": "x"}, "no_output", "output is null"),
        ({"input": "x", "output": {}}, "no_output", "output is {}"),
        ({"input": "x", "output": ""}, "no_output", 'output is ""'),
        ({"input": "x", "output": "  "}, "no_output", 'output is "  "'),
        ({"input": "x", "output": [1]}, "no_output", "output is [1]"),
        ({"input": " ", "output": {"name": "x"}}, "empty_input", "nothing is left"),
        ({"input": "x", "output": {"colour": "red"}}, "unknown_field", "'colour' is not in prepare.fields (name, price,"),
        ({"input": "x", "output": {"price": 12}}, "bad_value", "price = 12;"),
        ({"input": "x", "output": {"price": None}}, "bad_value", "price = null;"),
        ({"input": "x", "output": {"name": " "}}, "bad_value", 'name = " ";'),
    ],
)
def test_an_item_that_is_no_pair_is_rejected_once_with_its_index(item: Any, reason: str, detail: str, section: Prepare) -> None:
    good = {"input": "x", "output": {"name": "x"}}
    found = _made(_document(json.dumps([good, item, good]), "product", "application/json"), section)
    rejected = [one for one in found if isinstance(one, Rejected)]
    assert [(one.source_uri, one.index, one.reason) for one in rejected] == [("a/x", 1, reason)]
    assert rejected[0].detail.startswith(detail)
    assert [one.example_id for one in found if isinstance(one, Example)] == ["d0-extract-0", "d0-extract-2"]


def test_an_extraction_example(section: Prepare) -> None:
    item = {"input": "# X", "output": {"price": "1 €", "name": "X"}, "layout": "card", "language": "de"}
    assert _made(_document(json.dumps([item]), "product", "application/jsonl"), section) == [
        Example(
            "d0-extract-0",
            "extract",
            ["d0"],
            "card",
            "de",
            "# X",
            {"name": "X", "price": "1 €", "category": None, "manufacturer": None},
        )
    ]


def test_a_pair_of_two_texts_is_a_question_and_its_answer(section: Prepare) -> None:
    items = [{"input": "Open?", "output": "No."}, {"input": "# X", "output": {"name": "X"}}]
    found = _made(_document(json.dumps(items), "faq", "application/json"), section)
    assert [one.example_id for one in found if isinstance(one, Example)] == ["d0-extract-1", "d0-faq-0"]
    assert found[1] == Example("d0-faq-0", "faq", ["d0"], "d0", "fr", "Open?", "No.")


def test_faq_sections(section: Prepare) -> None:
    text = "# Questions\n\nIntroduction.\n\n## Open?\n\nNo.\n\n### Ever?\n\nNever.\n\n## Empty?\n\n## Where?\n\nHere.\n"
    found = _made(_document(text, "faq", "text/html"), section)
    assert [(one.input, one.output) for one in found if isinstance(one, Example)] == [
        ("Open?", "No.\n\n### Ever?\n\nNever."),
        ("Where?", "Here."),
    ]


@pytest.mark.parametrize(("doc_type", "count"), [("technical", 2), ("narrative", 2), ("web", 0), ("other", 0), ("product", 0)])
def test_continued_text(doc_type: str, count: int, section: Prepare) -> None:
    text = "a" * 1000 + "\n\n" + "b" * 1000 + "\n"
    found = _made(_document(text, doc_type, "text/plain"), section)
    assert [one for one in found if isinstance(one, Example)] == [
        Example(f"d0-continue-{n}", "continue", ["d0"], "d0", "fr", "", letter * 1000) for n, letter in enumerate("ab"[:count])
    ]


PARAGRAPH = st.text(alphabet="ab é.", min_size=1, max_size=30).filter(str.strip).map(str.strip)


@given(st.lists(PARAGRAPH, min_size=1, max_size=10), st.integers(1, 80))
def test_pieces_join_back_and_respect_the_limit(paragraphs: list[str], limit: int) -> None:
    found = pieces("\n\n\n".join(paragraphs) + "\n", limit)
    assert "\n\n".join(found).split("\n\n") == paragraphs
    assert [piece for piece in found if len(piece) > limit and "\n\n" in piece] == []


@given(st.text(alphabet="a\n ", max_size=60), st.integers(1, 20))
def test_pieces_of_any_text_hold_its_paragraphs(text: str, limit: int) -> None:
    assert "\n\n".join(pieces(text, limit)) == re.sub(r"\n{2,}", "\n\n", text.strip())


def test_pieces_are_filled() -> None:
    assert pieces("aa\n\nbb\n\ncc", 6) == ["aa\n\nbb", "cc"]
