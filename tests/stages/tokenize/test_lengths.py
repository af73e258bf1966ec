"""Lengths: histogram and the share of real tokens."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.tokenize.lengths import bars, histogram, packed_bins, real_share


def test_the_histogram_counts_every_row_once() -> None:
    assert histogram(np.array([1, 32, 33, 96]), 1024) == {"32": 2, "64": 1, "96": 1}
    assert histogram(np.array([], int), 1024) == {}
    assert list(histogram(np.array([1000, 1]), 1000)) == [str(32 * n) for n in range(1, 33)]


def test_bars_are_as_long_as_their_counts() -> None:
    assert [(line.split()[0], line.count("█")) for line in bars({"32": 2, "64": 1, "96": 0}).splitlines()] == [
        ("32", 40), ("64", 20), ("96", 0),
    ]  # fmt: skip


def test_shares_of_real_tokens() -> None:
    assert real_share(np.array([6, 4, 5]), 10) == {
        "padded_to_max_seq_len": 0.5, "padded_to_longest": 0.8333, "packed": 0.75,
    }  # fmt: skip
    assert real_share(np.array([], int), 10) == {}


def _one_by_one(lengths: list[int], size: int) -> int:
    """Best-fit decreasing, as it is defined."""
    room: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [space for space in room if space >= length]
        if fitting:
            room.remove(min(fitting))
        room.append((min(fitting) if fitting else size) - length)
    return len(room)


@given(st.lists(st.integers(1, 20), max_size=60), st.sampled_from([20, 33]))
def test_packing_is_best_fit_decreasing(lengths: list[int], size: int) -> None:
    assert packed_bins(np.array(lengths, int), size) == _one_by_one(lengths, size)


@pytest.mark.parametrize(("lengths", "bins"), [([], 0), ([10], 1), ([6, 6], 2), ([5, 5], 1), ([7, 3, 6, 4], 2)])
def test_packing(lengths: list[int], bins: int) -> None:
    assert packed_bins(np.array(lengths, int), 10) == bins
