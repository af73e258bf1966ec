"""What must hold of the files in metrics/ themselves, whatever the gates say.

`metrics/scores.json` and the small files below `metrics/scores/`, which `dvc metrics show` reads, are written together: a
number that stands in one only, or differently, was written by another hand. And nothing may be NaN or infinite, neither in
an interval nor in the details that no gate reads.
"""

import math
from typing import Any

from stages.review.revisions import Snapshot, flat, numbers

REMEDY = "`dvc repro -f -s report` writes both"


def faults(base: Snapshot, head: Snapshot) -> list[str]:
    """One line for every contradiction, gap and number that is none in the files of `head`."""
    whole, before, after = numbers(head), rows(base), rows(head)
    found = [
        f"`{_file(key)}` says {_name(key)} is {value:g}, metrics/scores.json {_said(whole.get(key))}: {REMEDY}"
        for key, value in after.items()
        if whole.get(key) != value
    ]
    found += [
        f"`{_file(key)}` has lost {_name(key)}, which stands in metrics/scores.json: {REMEDY}"
        for key in before.keys() - after.keys()
        if key in whole
    ]
    return found + [f"`{key}` holds {value}: not a number" for key, value in _strange(head).items() if key not in whole]


def rows(snapshot: Snapshot) -> dict[str, float]:
    """The numbers below metrics/scores/, by the keys that they have in metrics/scores.json."""
    leaves = flat(snapshot.rows, "scores") if snapshot.rows else {}
    return {key: float(value) if isinstance(value, int | float) else math.nan for key, value in leaves.items()}


def _strange(snapshot: Snapshot) -> dict[str, float]:
    """Everything that is NaN or infinite, in lists too."""
    leaves = {key: value if isinstance(value, list) else [value] for key, value in flat(snapshot.metrics).items()}
    return {key: part for key, parts in leaves.items() for part in parts if _is_strange(part)}


def _is_strange(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _file(key: str) -> str:
    return "metrics/" + "/".join(key.split(".")[:3]) + ".json"


def _name(key: str) -> str:
    return key.split(".", 3)[3]


def _said(value: float | None) -> str:
    return "does not" if value is None else f"{value:g}"
