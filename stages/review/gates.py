"""What a change must not do: the gates of params.yaml, and three that always stand.

A number that is not one (NaN, infinity), a metric of the base revision that is gone, and a gate that no metric meets
fail, because each of them would let a broken evaluation pass for a good one.
"""

import math
from collections import Counter
from fnmatch import fnmatchcase

from stages.params import Gate

COUNTED = "data."  # counts by reason: a reason that no longer occurs is not a missing metric
TOLERANCE = 1e-9  # 0.99 - 0.97 is a little more than 0.02 in floating point


def failures(gates: list[Gate], before: dict[str, float], after: dict[str, float], removed: set[str]) -> list[str]:
    """One line for every gate that failed, sorted; `removed` names adapters that params.yaml no longer has."""
    gone = [
        key for key in before.keys() - after.keys() if not key.startswith(COUNTED) and not set(key.split(".")[1:2]) & removed
    ]
    found = _gone(gone, before, after)
    found += [f"`{key}` is {value}: not a number" for key, value in after.items() if not math.isfinite(value)]
    for gate in gates:
        keys = [key for key in after if fnmatchcase(key, gate.metric)]
        if not keys:
            found.append(f"no metric is named `{gate.metric}`: the gate `{gate.kind} {gate.value:g}` cannot be judged")
        found += [line for key in keys if (line := _broken(gate, key, before.get(key), after[key]))]
    return sorted(set(found))


def _gone(gone: list[str], before: dict[str, float], after: dict[str, float]) -> list[str]:
    """One line for each metric that is gone, or for all below a name of which nothing is left."""
    branches = Counter(_branch(key, after) for key in gone)
    found = [f"`{name}` held {n} metrics and is gone: a metric may not disappear" for name, n in branches.items() if n > 1]
    single = (key for key in gone if branches[_branch(key, after)] == 1)
    return found + [f"`{key}` was {before[key]:g} and is gone: a metric may not disappear" for key in single]


def _branch(key: str, after: dict[str, float]) -> str:
    """The shortest part of the name of a metric that is gone below which nothing is left, such as a variant."""
    parts = key.split(".")
    names = (".".join(parts[:n]) for n in range(1, len(parts)))
    return next((name for name in names if not any(left.startswith(f"{name}.") for left in after)), key)


def _broken(gate: Gate, key: str, before: float | None, after: float) -> str:
    """Why a metric breaks a gate; empty where it does not. Without a value in the base there is no drop and no rise."""
    if gate.kind == "minimum":
        return f"`{key}` is {after:g}, below its minimum {gate.value:g}" if after < gate.value - TOLERANCE else ""
    if gate.kind == "maximum":
        return f"`{key}` is {after:g}, above its maximum {gate.value:g}" if after > gate.value + TOLERANCE else ""
    if before is None:
        return ""
    moved = before - after if gate.kind == "drop" else after - before
    word = "dropped" if gate.kind == "drop" else "rose"
    if not moved > gate.value + TOLERANCE:
        return ""
    return f"`{key}` {word} from {before:g} to {after:g}, by {moved:.3g}; at most {gate.value:g} is allowed"
