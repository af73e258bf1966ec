"""How far a score may be from its value on other documents: bootstrap intervals that draw whole groups.

Pages of one layout family, and questions on one document, are right or wrong together. Drawing single pages would treat
them as independent and give intervals that are too narrow, so whole groups are drawn (cluster bootstrap; Field and Welsh
2007). A handful of groups says nothing about others: below `min_groups` the examples themselves are drawn, and the
interval then speaks of other questions on the same documents only.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, bootstrap

from stages.params import Intervals


def by_group(groups: pd.Series, section: Intervals) -> bool:
    """Whether there are enough groups to draw them."""
    return int(groups.nunique()) >= section.min_groups


def interval(above: pd.Series, below: pd.Series, groups: pd.Series, section: Intervals) -> tuple[float, float]:
    """Percentile interval of sum(above) / sum(below), all of one index.

    Equal rates leave a bootstrap without width; a share then gets the exact binomial interval (Clopper and Pearson
    1934) of its denominator: 100 right of 100 is [0.964, 1], not [1, 1], and groups that are all half right are no
    certainty either.

    Returns:
        The lower and the upper end; NaN where nothing can be drawn.
    """
    units = groups if by_group(groups, section) else pd.Series(np.arange(len(groups)), groups.index)
    sums = pd.DataFrame({"above": above, "below": below}).groupby(units).sum()
    sums = sums[sums["below"] > 0]
    if sums.empty:
        return math.nan, math.nan
    rates = sums["above"] / sums["below"]
    if rates.nunique() == 1:
        return _of_equals(above, below, section)
    drawn = bootstrap(
        (sums["above"].to_numpy(), sums["below"].to_numpy()), _ratio, paired=True, vectorized=True, method="percentile",
        n_resamples=section.resamples, confidence_level=section.confidence, rng=section.seed,
    )  # fmt: skip
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def _ratio(above: Any, below: Any, axis: int = -1) -> Any:
    return above.sum(axis=axis) / below.sum(axis=axis)


def _of_equals(above: pd.Series, below: pd.Series, section: Intervals) -> tuple[float, float]:
    right, n = float(above.sum()), int(below.sum())
    counted = (below == 1).all() or not (above % 1).any()
    if not counted or (above > below).any():  # a loss is no share
        return right / n, right / n
    exact = binomtest(round(right), n).proportion_ci(section.confidence, method="exact")
    return float(exact.low), float(exact.high)
