"""Bootstrap intervals: their width, what is drawn, and equal answers."""

import numpy as np
import pandas as pd
import pytest

from stages.evaluate.intervals import by_group, interval
from stages.params import Intervals

SECTION = Intervals(confidence=0.95, resamples=2000, min_groups=10, seed=3)


def _interval(right: list[float], groups: list[int], section: Intervals = SECTION) -> tuple[float, float]:
    values = pd.Series(right)
    return interval(values, pd.Series(1.0, values.index), pd.Series(groups), section)


def test_independent_answers_have_the_width_of_a_binomial() -> None:
    low, high = _interval([1.0] * 80 + [0.0] * 20, list(range(100)))
    assert low == pytest.approx(0.72, abs=0.015)
    assert high == pytest.approx(0.88, abs=0.015)


def test_answers_that_stand_and_fall_by_group_have_a_wider_one() -> None:
    right, groups = [1.0] * 80 + [0.0] * 20, list(np.repeat(range(20), 5))
    alone, together = _interval(right, list(range(100))), _interval(right, groups)
    assert together[1] - together[0] > 1.7 * (alone[1] - alone[0])


def test_a_handful_of_groups_is_not_drawn() -> None:
    right = [1.0] * 40 + [0.0] * 10
    assert not by_group(pd.Series([1, 2]), SECTION)
    assert _interval(right, [1] * 25 + [2] * 25) == _interval(right, list(range(50)))


def test_the_seed_decides() -> None:
    right, groups = [1.0, 0.0] * 20, list(range(40))
    assert _interval(right, groups) == _interval(right, groups)
    assert _interval(right, groups) != _interval(right, groups, SECTION.model_copy(update={"seed": 4, "resamples": 50}))


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.9638, 1.0), (0.0, 0.0, 0.0362)])
def test_equal_answers_are_not_certainty(value: float, low: float, high: float) -> None:
    assert _interval([value] * 100, list(range(100))) == pytest.approx((low, high), abs=1e-4)


def test_groups_that_are_all_half_right_are_no_certainty() -> None:
    right, groups = [1.0, 0.0] * 50, list(np.repeat(range(50), 2))
    assert _interval(right, groups) == pytest.approx((0.398, 0.602), abs=1e-3)


def test_equal_losses_of_a_token_have_no_width() -> None:
    nats, tokens = pd.Series([0.25] * 20), pd.Series([2] * 20)
    assert interval(nats, tokens, pd.Series(range(20)), SECTION) == (0.125, 0.125)


def test_a_rate_divides_by_its_own_denominator() -> None:
    above, below = pd.Series([3.0, 1.0, 0.0]), pd.Series([2.0, 6.0, 0.0])
    assert interval(above, below, pd.Series(["a", "b", "c"]), SECTION) == pytest.approx((1 / 6, 1.5))


def test_nothing_to_draw() -> None:
    assert np.isnan(interval(pd.Series([0.0]), pd.Series([0.0]), pd.Series(["a"]), SECTION)).all()
