"""The scores on hand-made answers."""

from typing import Any

import pytest

from stages.evaluate.scores import exact_match, field_right, fields_right, mean, token_f1

FIELDS = ["name", "price"]


@pytest.mark.parametrize(
    ("wanted", "found", "right"),
    [
        ("X200", "x200 ", True),
        ("12 €", "12\u00a0€", True),
        ("STRASSE", "straße", True),
        ("12 €", "12.00 €", False),
        ("12", 12, True),
        (None, None, True),
        (None, "x", False),
        ("x", None, False),
        ("x", "", False),
        ("x", ["x"], False),
    ],
)
def test_field_right(wanted: Any, found: Any, right: bool) -> None:
    assert field_right(wanted, found) is right


@pytest.mark.parametrize(
    ("wanted", "found", "shares", "exact"),
    [
        ({"name": "X", "price": "1"}, {"name": "x", "price": "1"}, [1, 1], 1),
        ({"name": "X", "price": "1"}, {"price": "1", "name": "X"}, [1, 1], 1),
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


def test_mean() -> None:
    assert mean([0.0, 1.0, 0.5, 0.5]) == 0.5
