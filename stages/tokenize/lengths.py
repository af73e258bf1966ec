"""How long rows are, and what share of a batch is real tokens, padded or packed.

32 ▏                                  0
64 ██████████                       312
96 ████████████████████████████████ 981
"""

import numpy as np

BINS = 32  # of the histogram, from 1 to max_seq_len
WIDTH = 40  # characters of its longest bar


def histogram(lengths: np.ndarray, max_seq_len: int) -> dict[str, int]:
    """Rows by length: the key is the largest length of its bin, in tokens; empty bins at the end are left out."""
    size = -(-max_seq_len // BINS)
    counts: np.ndarray = np.bincount((lengths - 1) // size) if len(lengths) else np.zeros(0, int)
    return {str((place + 1) * size): int(count) for place, count in enumerate(counts)}


def bars(counts: dict[str, int]) -> str:
    """The histogram as lines of text."""
    most = max(counts.values(), default=1)
    return "\n".join(f"{upper:>6} {'█' * round(WIDTH * count / most):<{WIDTH}} {count}" for upper, count in counts.items())


def real_share(lengths: np.ndarray, max_seq_len: int) -> dict[str, float]:
    """The share of real tokens in batches: every row padded to `max_seq_len`, to the longest row, or rows packed."""
    if not len(lengths):
        return {}
    total = int(lengths.sum())
    return {
        "padded_to_max_seq_len": round(total / (len(lengths) * max_seq_len), 4),
        "padded_to_longest": round(total / (len(lengths) * int(lengths.max())), 4),
        "packed": round(total / (packed_bins(lengths, max_seq_len) * max_seq_len), 4),
    }


def packed_bins(lengths: np.ndarray, size: int) -> int:
    """How many sequences of `size` tokens hold all rows: best-fit decreasing, as TRL packs (arXiv 2404.10830).

    Rows of one length are placed together, so that the time depends on `size`, not on the number of rows.
    """
    room = np.zeros(size + 1, int)  # how many sequences have so many tokens left
    counts = np.bincount(lengths, minlength=size + 1)
    bins = 0
    for length in np.flatnonzero(counts)[::-1]:
        left = int(counts[length])
        for space in range(length, size + 1):  # the tightest first; what is then left is tighter still, and used up
            at = space
            while left and at >= length and room[at]:
                placed = min(left, int(room[at]))
                room[at] -= placed
                room[at - length] += placed
                left -= placed
                at -= length
        per_bin = size // length
        full, rest = divmod(left, per_bin)
        bins += full + (rest > 0)
        room[size - per_bin * length] += full
        if rest:
            room[size - rest * length] += 1
    return bins
