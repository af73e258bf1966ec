"""Pairs of answers: what pairing sees, and what chance explains."""

import pandas as pd
import pytest
from scipy.stats import binomtest

from stages.paired import Pair, compare
from stages.params import Intervals

SECTION = Intervals(confidence=0.95, resamples=2000, min_groups=10, seed=3)


def _compare(before: list[float], after: list[float]) -> Pair:
    return compare(pd.Series(before), pd.Series(after), SECTION)


@pytest.mark.parametrize(("lost", "won"), [(3, 0), (6, 0), (10, 7), (0, 8), (0, 0)])
def test_right_and_wrong_by_mcnemar(lost: int, won: int) -> None:
    same = 100 - lost - won
    pair = _compare([1.0] * lost + [0.0] * won + [1.0] * same, [0.0] * lost + [1.0] * won + [1.0] * same)
    assert (pair.n, pair.lost, pair.won) == (100, lost, won)
    assert pair.difference == pytest.approx((won - lost) / 100)
    assert pair.p == pytest.approx(binomtest(lost, lost + won).pvalue if lost + won else 1.0)


def test_three_of_a_hundred_lost_could_be_chance_and_six_could_not() -> None:
    assert _compare([1.0] * 100, [0.0] * 3 + [1.0] * 97).p == pytest.approx(0.25)
    assert _compare([1.0] * 100, [0.0] * 6 + [1.0] * 94).p == pytest.approx(0.03125)


def test_a_single_value_that_moved_proves_nothing() -> None:
    assert _compare([0.5, 0.5], [0.5, 0.1]) == Pair(2, -0.2, 1, 0, 1.0)


def test_pairing_finds_what_two_wide_intervals_hide() -> None:
    before = [i / 50 for i in range(50)]
    assert _compare(before, [value + 0.01 for value in before]).p < 0.001


def test_values_that_move_both_ways_are_noise() -> None:
    before = [i / 50 for i in range(50)]
    assert _compare(before, [value + (-1) ** i * 0.01 for i, value in enumerate(before)]).p > 0.9
