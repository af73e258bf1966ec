"""Planted leaks are found by input and by output; what is left is counted by a method of its own."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.documents import document_id
from stages.examples import Example
from stages.params import Prepare
from stages.prepare.__main__ import prepare
from stages.prepare.leaks import jaccard, shingles, watches, without_leaks
from tests.conftest import ROOT
from tests.stages.prepare.documents import document, table

SECTION: Prepare = params.load(ROOT / "params.yaml").prepare
WORDS = [f"word{n}" for n in range(100)]
LAMP = {"name": "Iris lamp 25 m", "price": "59,00 €", "category": "Garden lamps", "manufacturer": "Kesvand"}


def _text(*changed: int) -> str:
    return " ".join("other" if n in changed else word for n, word in enumerate(WORDS))


def _prepared(test: list[Any], train: list[Any]) -> Any:
    """Pairs (input, output, other columns) of a test and of a training document."""
    documents = [
        table([{"input": text, "output": output, **more} for text, output, more in rows], f"{split}.json", "other", split)
        for split, rows in (("test", test), ("train", train))
    ]
    return prepare(documents, SECTION)


def test_what_nearly_repeats_a_test_input_is_moved_out_with_its_twin() -> None:
    test: list[Any] = [(_text(), "A long answer that stands nowhere else in all of this.", {})]
    train: list[Any] = [
        (text, f"Answer {n}.", {}) for n, text in enumerate([_text(), _text(5), _text(*range(0, 100, 4)), "a short page"])
    ]
    found = _prepared(test, train)
    assert [item.input for item in found.splits["train"]] == [_text(*range(0, 100, 4)), "a short page"]
    twin = f"of {document_id('test.json')}-faq-0, similarity "
    assert [(leak.index, leak.reason, leak.detail) for leak in found.rejected] == [
        (0, "leak", f"{twin}1.00"), (1, "leak", f"{twin}0.94"),
    ]  # fmt: skip
    assert found.counts["leaks"] == {"found": 2, "left": 0, "answers_known_on_purpose": 0}


def test_a_test_input_that_repeats_another_is_guarded_too() -> None:
    found = _prepared([(_text(), "1", {}), (_text(10, 30), "2", {})], [(_text(10, 30, 50, 70), "3", {})])
    assert (found.splits["train"], found.counts["leaks"]["found"]) == ([], 1)


def test_the_same_object_behind_another_page_is_a_leak_and_a_shared_price_is_none() -> None:
    other = {**LAMP, "name": "Tempo SSD", "category": "Drives", "manufacturer": "Draequist"}
    found = _prepared(
        [("a test page of a lamp", LAMP, {"layout": "a"}), ("another test page", {"price": "59,00 €"}, {"layout": "a"})],
        [("the lamp, shown quite differently", LAMP, {"layout": "b"}), ("a drive", other, {"layout": "b"}),
         ("something at that price", {"price": "59,00 €"}, {"layout": "b"})],
    )  # fmt: skip
    assert [item.input for item in found.splits["train"]] == ["a drive", "something at that price"]
    assert [leak.detail for leak in found.rejected] == [
        f"of {document_id('test.json')}-extract-0 by its output, similarity 1.00"
    ]


ANSWER = "You have thirty days to bring back an unused item in its packaging."


@pytest.mark.parametrize(("column", "kept"), [({}, 0), ({"of": "How long can I return an item?"}, 1)])
def test_an_answer_that_training_knows_is_a_leak_unless_the_row_says_that_it_rewords_a_question(
    column: dict[str, str], kept: int
) -> None:
    found = _prepared([("May I bring it back next week?", ANSWER, column)], [("How long can I return an item?", ANSWER, {})])
    assert len(found.splits["train"]) == kept
    assert found.counts["leaks"] == {"found": 1 - kept, "left": 0, "answers_known_on_purpose": kept}


def test_a_reworded_row_is_still_watched_by_its_input() -> None:
    row = ("How long can I return an item?", ANSWER, {"of": "x"})
    assert _prepared([row], [row]).counts["leaks"]["found"] == 1


def test_continued_text_is_compared_by_its_text() -> None:
    one = Example("a-continue-0", "continue", ["a"], "a", "en", "", _text())
    clean, leaks = without_leaks([one], watches([one], set(), SECTION))
    assert (clean, [leak.similarity for leak in leaks]) == ([], [1.0])


def test_continued_text_that_is_the_answer_of_a_test_question_is_a_leak() -> None:
    documents = [
        table([{"input": "May I bring it back?", "output": ANSWER}], "test.json", "other", "test"),
        document("train.md", ANSWER, "technical", "text/markdown", "train"),
    ]
    found = prepare(documents, SECTION)
    assert [(item.source_uri, item.detail) for item in found.rejected] == [
        ("train.md", f"of {document_id('test.json')}-faq-0 by its output, similarity 1.00")
    ]
    assert found.splits["train"] == []


def test_many_examples_show_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("stages.prepare.leaks.MANY", 2)
    found = [_example(n, f"{_text(n)} {n}") for n in range(3)]
    guard = watches(found[:1], set(), SECTION)[0]
    guard.leaks(found)
    guard.count(found)
    shown = capsys.readouterr().err
    assert "leaks by input: 100%" in shown
    assert "leaks left by input: 100%" in shown


def test_shingles_are_small_and_equal_for_equal_runs_of_words() -> None:
    found = shingles("The key, the KEY; the key is small", 2)
    assert (str(found.dtype), len(found)) == ("uint64", 4)  # the key, key the, key is, is small
    assert jaccard(found, shingles("key is small", 2)) == 2 / 4
    assert jaccard(shingles("", 2), shingles("...", 2)) == 1.0


def _example(number: int, text: str) -> Example:
    return Example(f"d-faq-{number}", "faq", ["d"], "d", "en", text, "No.")


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=30), max_size=8), st.sampled_from([0.3, 0.5, 0.85, 1.0]))
def test_the_count_is_exact(others: list[list[int]], threshold: float) -> None:
    section = SECTION.model_copy(
        update={"near_duplicates": SECTION.near_duplicates.model_copy(update={"threshold": threshold})}
    )
    test = [_example(n, " ".join(WORDS[n : n + 25])) for n in range(3)]
    found = [_example(n, " ".join(WORDS[i] for i in places)) for n, places in enumerate(others)]
    size = section.near_duplicates.shingle_words
    near = [
        any(jaccard(shingles(one.input, size), shingles(other.input, size)) >= threshold for other in test) for one in found
    ]
    assert watches(test, set(), section)[0].count(found) == sum(near)


def test_the_search_leaves_nothing_of_many_planted_leaks_and_the_count_sees_them_before() -> None:
    draw = random.Random(5)
    test = [_example(n, " ".join(draw.choices(WORDS, k=120))) for n in range(60)]
    planted = []
    for example in test:
        words = example.input.split()
        for place in draw.sample(range(len(words)), 2):
            words[place] = "changed"
        planted.append(replace(example, example_id=f"{example.example_id}9", input=" ".join(words)))
    guard = watches(test, set(), SECTION)
    clean, leaks = without_leaks(planted, guard)
    assert guard[0].count(planted) == len(leaks) > 50
    assert guard[0].count(clean) == 0
