"""Scores of hand-made replies, and which examples are drawn."""

from pathlib import Path

import pytest

from stages import examples
from stages.answers import Reply
from stages.command import Failure
from stages.evaluate.__main__ import chosen, score
from stages.examples import Example

FIELDS = ["name", "price"]


def _example(task: str, output: dict[str, str] | str, number: int = 0) -> Example:
    return Example(f"d-{task}-{number}", task, ["d"], "g", "en", "input", output)


def test_objects_right_broken_invented_and_incomplete() -> None:
    wanted = {"name": "X", "price": "1"}
    asked = [_example("extract", output) for output in (wanted, wanted, wanted, wanted, {"name": "X"})]
    replies = [
        Reply(wanted, "", True, 0),
        Reply(None, "no object", False, 0),
        Reply({**wanted, "colour": "red"}, "", True, 0),
        Reply({"name": "x"}, "", True, 0),
        Reply({"name": "X"}, "", True, 0),
    ]
    assert score(asked, replies, FIELDS) == {
        "n": 5,
        "exact_match": 2 / 5,
        "stop_rate": 4 / 5,
        "field_accuracy": {"name": 4 / 5, "price": 3 / 5},
        "mean_field_accuracy": pytest.approx(7 / 10),
        "json_parse_rate": 4 / 5,
    }


def test_texts_have_no_scores_of_objects() -> None:
    asked = [_example("faq", "It is open."), _example("faq", "No.")]
    replies = [Reply("it is open.", " It is open.", True, 0), Reply("Yes", "Yes", True, 0)]
    assert score(asked, replies, FIELDS) == {"n": 2, "exact_match": 0.5, "stop_rate": 1.0, "token_f1": 0.5}


def test_a_mixture_counts_each_kind_by_itself() -> None:
    asked = [_example("extract", {"name": "X"}), _example("faq", "No.")]
    record = score(asked, [Reply(None, "", True, 0), Reply("No.", "No.", True, 0)], FIELDS)
    assert (record["n"], record["exact_match"], record["json_parse_rate"], record["token_f1"]) == (2, 0.5, 0.0, 1.0)


def test_as_many_replies_as_examples() -> None:
    with pytest.raises(ValueError, match="zip"):
        score([_example("faq", "No.")], [], FIELDS)


def test_more_examples_change_few_of_those_drawn(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    items = [_example(task, "x", number) for number in range(60) for task in ("faq", "continue")]
    examples.write(path, items[:100])
    before = chosen(path, ["faq", "continue"], 10)
    examples.write(path, items[::-1])
    after = chosen(path, ["faq", "continue"], 10)
    assert [item.task for item in before].count("faq") == [item.task for item in after].count("faq") == 10
    assert len({item.example_id for item in before} & {item.example_id for item in after}) >= 14
    assert {item.task for item in chosen(path, ["faq"], 100)} == {"faq"}


def test_no_test_example_names_the_remedy(tmp_path: Path) -> None:
    examples.write(tmp_path / "test.jsonl", [_example("faq", "x")])
    with pytest.raises(Failure, match=r"has no example of extract; add documents, or raise prepare\.test_share"):
        chosen(tmp_path / "test.jsonl", ["extract"], 5)
