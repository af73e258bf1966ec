"""Two answers to the same question, compared pair by pair: between variants of one run, and between two commits.

Both sides answer the same examples, so what they share cancels out: 3 of 100 pages lost and none won is another finding
than 10 lost and 7 won, though both are 3 points.

compare(pd.Series([1.0, 1.0, 1.0]), pd.Series([1.0, 0.0, 1.0]), section)  ->  Pair(n=3, difference=-0.333, lost=1, won=0, p=1.0)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, permutation_test

from stages.params import Intervals


@dataclass(frozen=True)
class Pair:
    """`after` against `before` over n examples.

    lost and won count the examples that got worse and better in value; p is two-sided.
    """

    n: int
    difference: float
    lost: int
    won: int
    p: float


def compare(before: pd.Series, after: pd.Series, section: Intervals) -> Pair:
    """Compare values of one index.

    Right and wrong are compared by McNemar's test in its exact form (a binomial test on lost and won), other values by a
    permutation test that swaps the sides within pairs (Fisher–Pitman).
    """
    change = (after - before).to_numpy(dtype=float)
    lost, won = int((change < 0).sum()), int((change > 0).sum())
    difference = float(change.mean()) if len(change) else 0.0
    return Pair(len(change), difference, lost, won, _p(change, lost, won, section))


def _p(change: Any, lost: int, won: int, section: Intervals) -> float:
    if lost + won < 2:
        return 1.0
    if set(np.abs(change).tolist()) <= {0.0, 1.0}:
        return float(binomtest(lost, lost + won).pvalue)
    moved = change[change != 0]
    found = permutation_test(
        (moved, np.zeros_like(moved)), _mean_difference, permutation_type="samples", vectorized=True,
        n_resamples=section.resamples, rng=section.seed,
    )  # fmt: skip
    return float(found.pvalue)


def _mean_difference(one: Any, other: Any, axis: int = -1) -> Any:
    return (one - other).mean(axis=axis)
