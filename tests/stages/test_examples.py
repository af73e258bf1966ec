"""Examples: their target, and their JSON lines."""

from dataclasses import replace
from pathlib import Path

import pytest

from stages import examples
from stages.command import Failure
from stages.examples import Example

PAIR = Example("d-extract-0", "extract", ["d"], "card", "fr", "# X200\u2028[price] 12 €", {"name": "X200", "price": "12 €"})
ANSWER = replace(PAIR, example_id="d-faq-0", task="faq", input="Open?", output="Non, fermé.\nDésolé.")


@pytest.mark.parametrize(
    ("example", "target"),
    [
        (PAIR, '{"name": "X200", "price": "12 €"}'),
        (replace(PAIR, output={"price": '1"', "name": "é"}), '{"price": "1\\"", "name": "é"}'),
        (ANSWER, "Non, fermé.\nDésolé."),
    ],
)
def test_target(example: Example, target: str) -> None:
    assert example.target == target


def test_examples_come_back_in_order_by_task(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    assert examples.write(path, [PAIR, ANSWER]) == 2
    assert list(examples.read(path, ["extract", "faq"])) == [PAIR, ANSWER]
    assert list(examples.read(path, ["faq"])) == [ANSWER]
    assert list(examples.read(path, ["continue"])) == []


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none.jsonl does not exist; run `dvc repro`"):
        list(examples.read(tmp_path / "none.jsonl", ["faq"]))
