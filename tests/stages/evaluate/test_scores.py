"""The scores on hand-made answers."""

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluate import scores
from stages.evaluate.scores import exact_match, field_right, fields_right, invention, price_of, quotes, rouge_l, token_f1
from stages.params import Intervals

FIELDS = ["name", "price"]
SECTION = Intervals(confidence=0.95, resamples=200, min_groups=2, seed=1)


@pytest.mark.parametrize(
    ("wanted", "found", "right"),
    [
        ("X200", "x200 ", True),
        ("12 €", "12\u00a0€", True),
        ("STRASSE", "straße", True),
        ("12 €", "12.00 €", False),  # numbers are compared in prices only
        ("12", 12, True),
        (None, None, True),
        (None, "x", False),
        ("x", None, False),
        ("x", "", False),
        ("x", ["x"], False),
    ],
)
def test_a_field_is_compared_as_text(wanted: Any, found: Any, right: bool) -> None:
    assert field_right("name", wanted, found) is right


@pytest.mark.parametrize(
    ("wanted", "found", "right"),
    [
        ("US$ 1,299", "$1299.00", True),
        ("€ 219", "219.00 €", True),
        ("12,50 €", "12.50 EUR", True),
        ("12 €", "12.01 €", False),
        ("12 €", "12 $", False),
        ("CA$12", "$12", False),
        ("12 €", "12", False),  # the currency is part of the price
        ("12", "12.00", True),
        ("12 €", "12 € statt 20 €", False),
        ("12 €", "from 12.00 €", False),
        ("1.299 €", "1299 €", True),
        ("on request", "On  request", True),
        ("on request", "12 €", False),
        ("12 €", ["12 €"], False),
    ],
)
def test_prices_are_compared_by_amount_and_currency(wanted: str, found: Any, right: bool) -> None:
    assert field_right("price", wanted, found) is right


@given(st.text(max_size=20))
def test_any_text_is_a_price_or_none(text: str) -> None:
    found = price_of(text)
    assert found is None or found[0] >= 0


@pytest.mark.parametrize(
    ("wanted", "found", "shares", "exact"),
    [
        ({"name": "X", "price": "1"}, {"name": "x", "price": "1"}, [1, 1], 1),
        ({"name": "X", "price": "1"}, {"price": "1.0", "name": "X"}, [1, 1], 1),
        ({"name": "X"}, {"name": "X"}, [1, 1], 1),
        ({"name": "X"}, {"name": "X", "price": None}, [1, 1], 1),
        ({"name": "X"}, {"name": "X", "price": "1"}, [1, 0], 0),
        ({"name": "X", "price": "1"}, {"name": "X"}, [1, 0], 0),
        ({"name": "X", "price": "1"}, {"name": "X", "price": "1", "colour": "red"}, [1, 1], 0),
        ({"name": "X"}, {}, [0, 1], 0),
        ({"name": "X"}, None, [0, 0], 0),
        ({"name": "X"}, "X", [0, 0], 0),
    ],
)
def test_objects(wanted: dict[str, str], found: Any, shares: list[float], exact: float) -> None:
    assert fields_right(wanted, found, FIELDS) == dict(zip(FIELDS, shares, strict=True))
    assert exact_match(wanted, found, FIELDS) == exact


@pytest.mark.parametrize(
    ("wanted", "found", "counts"),
    [
        ({"name": "X", "price": None}, {"name": "Y", "price": "1"}, (1, 1, 1, 0)),
        ({"name": "X", "price": "1"}, {"name": "X"}, (0, 0, 2, 1)),
        ({"name": "X"}, None, (1, 0, 1, 1)),
        ({"name": "X"}, {"name": "X", "colour": "red"}, (1, 0, 1, 0)),
    ],
)
def test_invented_and_missed_fields(wanted: dict[str, str | None], found: Any, counts: tuple[int, ...]) -> None:
    names = ("absent", "hallucinated", "stated", "missed")
    assert invention(wanted, found, FIELDS) == dict(zip(names, counts, strict=True))


@pytest.mark.parametrize(("wanted", "found", "exact"), [("No.", " no. ", 1), ("No.", "No", 0), ("No.", None, 0)])
def test_texts(wanted: str, found: str | None, exact: float) -> None:
    assert exact_match(wanted, found, FIELDS) == exact


@pytest.mark.parametrize(
    ("wanted", "found", "f1"),
    [
        ("the shop is open", "The shop is open!", 1),
        ("the shop is open", "the shop", 2 * 1 * 0.5 / 1.5),
        ("a b", "a a a b", 2 * 0.5 * 1 / 1.5),
        ("a a b", "a b b", 2 / 3),
        ("déjà vu", "DÉJÀ", 2 / 3),
        ("a", "b", 0),
        ("a", "", 0),
        ("", "", 0),
    ],
)
def test_token_f1(wanted: str, found: str, f1: float) -> None:
    assert token_f1(wanted, found) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("wanted", "found", "score"),
    [
        ("a b c d", "A b c d", 1),
        ("a b c d", "d c b a", 2 * 0.25 * 0.25 / 0.5),  # order counts, unlike in token F1
        ("a b c d", "a x c", 2 * (2 / 3) * 0.5 / (2 / 3 + 0.5)),
        ("été déjà", "ÉTÉ", 2 / 3),  # words of any script
        ("дом", "дом", 1),
        ("a", "", 0),
    ],
)
def test_rouge_l(wanted: str, found: str, score: float) -> None:
    assert rouge_l(wanted, found) == pytest.approx(score)


def test_quotes_are_searched_word_for_word() -> None:
    shown = "The shop opens\nat nine. It closes at six."
    answer = (
        "##begin_quote##opens at nine.##end_quote## and ##begin_quote##opens at ten##end_quote##"
        " ##begin_quote## ##end_quote## so: nine"
    )
    assert quotes(shown, answer) == {"quotes": 3, "verbatim": 1}
    assert "verbatim" in scores.of_answer("raft", shown, "nine", answer, answer, FIELDS)
    assert "verbatim" not in scores.of_answer("faq", shown, "nine", answer, answer, FIELDS)


def test_perplexity() -> None:
    assert scores.perplexity(math.log(7)) == pytest.approx(7)


def test_a_record_divides_by_what_each_score_is_about() -> None:
    rows = [
        scores.of_answer("extract", "", {"name": "X", "price": None}, {"name": "X", "price": "1"}, "", FIELDS),
        scores.of_answer("extract", "", {"name": "X", "price": "1"}, {"name": "X", "price": "1"}, "", FIELDS),
        {"nats": 3.0, "loss_tokens": 2},
        {"nats": 1.0, "loss_tokens": 6},
    ]
    record = scores.record(pd.DataFrame(rows), pd.Series(["a", "b", "a", "b"]), SECTION)
    assert record["exact_match"] == 0.5
    assert record["field_accuracy"] == {"name": 1.0, "price": 0.5}
    assert record["hallucinated_rate"] == 1.0  # of one absent field
    assert record["missed_rate"] == 0.0
    assert record["loss"] == 0.5  # of eight tokens, not of two rows
    assert record["intervals"]["field_accuracy"].keys() == {"name", "price"}
    assert not {"nats", "absent", "loss_tokens"} & record.keys()
