"""What changed between two snapshots, and whether it is better, worse, or within noise.

A score is judged by the examples that both commits answered (metrics/outcomes.json): pair by pair, so that what both
sides share cancels out. Where outcomes are missing or do not add up to the published score, the two intervals decide:
they ignore the pairing, and so call fewer changes real. docs/review.md explains both.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stages.paired import Pair, compare
from stages.params import Intervals
from stages.review.revisions import Snapshot, flat, numbers

HIGHER = {"exact_match", "mean_field_accuracy", "field_accuracy", "json_parse_rate", "token_f1", "rouge_l", "stop_rate",
          "verbatim_quote_rate"}  # fmt: skip
LOWER = {"loss", "perplexity", "probe_loss", "hallucinated_rate", "missed_rate", "train_loss", "valid_loss",
         "best_valid_loss", "kl_divergence", "max_logit_difference", "mean_logit_difference"}  # fmt: skip
ROUNDING = 2e-3  # outcomes are kept with three digits, scores with a digit more than n has
FEW, COARSE = 10, 6e-3  # up to so many examples scores have two digits


@dataclass(frozen=True)
class Change:
    """One number that differs; `before` or `after` is None where it is new or gone."""

    key: str
    before: float | None
    after: float | None
    verdict: str  # better, worse, within noise, changed, not a number, new, gone
    pair: Pair | None = None


def changes(base: Snapshot, head: Snapshot, section: Intervals, significance: float) -> list[Change]:
    """Every number of the metrics that differs, sorted by its key."""
    before, after = numbers(base), numbers(head)
    found = []
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            found.append(Change(key, one, other, "new" if one is None else "gone"))
        elif one != other and not (math.isnan(one) and math.isnan(other)):
            pair = paired(base, head, key, section) if math.isfinite(other - one) else None
            found.append(Change(key, one, other, _verdict(base, head, key, other - one, pair, significance), pair))
    return found


def _verdict(base: Snapshot, head: Snapshot, key: str, difference: float, pair: Pair | None, significance: float) -> str:
    sign = direction(key)
    if not math.isfinite(numbers(head)[key]):
        return "not a number"
    if not sign or not math.isfinite(difference):
        return "changed"
    noise = noise_of(base, head, key)
    if pair is not None and pair.p <= significance and pair.difference * difference < 0:
        return "changed"  # the shared examples moved the other way: others were asked, or long ones weigh more in a loss
    if pair is not None and pair.p > significance:
        return "within noise"
    if pair is None and noise is not None and abs(difference) <= noise:
        return "within noise"
    return "better" if difference * sign > 0 else "worse"


def direction(key: str) -> int:
    """1 where more is better, -1 where less is, 0 where neither."""
    names = key.split(".")
    if key.startswith("data."):
        return 0
    return 1 if HIGHER & set(names) else -1 if LOWER & set(names) else 0


def noise_of(base: Snapshot, head: Snapshot, key: str) -> float | None:
    """Half the width of the interval of a difference of two independent scores; None where a side has no interval."""
    halves = []
    for snapshot in (base, head):
        name, _, rest = key.removeprefix("scores.").partition(".")
        variant, _, score = rest.partition(".")
        record = (snapshot.metrics.get("scores") or {}).get(name, {}).get(variant, {})
        ends = flat(record.get("intervals", {})).get(score) if key.startswith("scores.") else None
        if not isinstance(ends, list):
            return None
        halves.append((ends[1] - ends[0]) / 2)
    return math.hypot(*halves)


def paired(base: Snapshot, head: Snapshot, key: str, section: Intervals) -> Pair | None:
    """The comparison on the examples that both sides have; None where there are none, or they are not the score's."""
    if not key.startswith("scores."):
        return None
    _, adapter, variant, score = key.split(".", 3)
    score = "loss" if score == "perplexity" else score  # its exponential: judged by the same pairs
    sides = []
    for snapshot in (base, head):
        values = outcome(snapshot.metrics.get("outcomes", {}).get(adapter, {}), variant, score)
        if values is None or not _adds_up(values, numbers(snapshot)[key], score):
            return None
        sides.append(values)
    shared = sides[0].index.intersection(sides[1].index)
    return compare(sides[0][shared], sides[1][shared], section) if len(shared) else None


def outcome(packed: dict[str, Any], variant: str, score: str) -> pd.Series | None:
    """A score of every example of one variant, from what `compare.packed` kept; None where it kept none."""
    if variant not in packed.get("variants", []):
        return None
    place = packed["variants"].index(variant)
    if score == "mean_field_accuracy":
        fields = [outcome(packed, variant, name) for name in packed["scores"] if name.startswith("field_accuracy.")]
        known = [values for values in fields if values is not None]
        return pd.concat(known, axis=1).mean(axis=1) if known else None
    if score in packed["scores"]:
        digit = packed["scores"].index(score)
        cells = {key: row.split(" ")[place][digit] for key, row in packed["right"].items()}
    else:
        cells = {key: row.split(" ")[place] for key, row in packed.get(score, {}).items()}
    values = {key: float(cell) for key, cell in cells.items() if cell != "-"}
    return pd.Series(values) if values else None


def _adds_up(values: pd.Series, score: float, name: str) -> bool:
    """Whether the outcomes are those of the published score; losses weigh examples by their tokens, so not checked."""
    return name in ("loss", "probe_loss") or abs(float(values.mean()) - score) <= (COARSE if len(values) <= FEW else ROUNDING)
