"""The scores, one function each; every share is between 0 and 1.

>>> exact_match({"name": "X200", "price": "12 €"}, {"name": "x200", "price": "12 €"}, ["name", "price"])
1.0
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stages.documents import fold_space


def field_right(wanted: Any, found: Any) -> bool:
    """Whether a field is right: equal but for case and white space; a field missing on both sides is right."""
    if wanted is None or found is None:
        return wanted is None and found is None
    return fold_space(str(wanted)).casefold() == fold_space(str(found)).casefold()


def fields_right(wanted: Mapping[str, str | None], found: Any, fields: list[str]) -> dict[str, float]:
    """1.0 for every right field, else 0.0; an answer that is no object has no field right."""
    if not isinstance(found, dict):
        return dict.fromkeys(fields, 0.0)
    return {field: float(field_right(wanted.get(field), found.get(field))) for field in fields}


def exact_match(wanted: Any, found: Any, fields: list[str]) -> float:
    """1.0 where the whole answer is right: every field and no other key, or the same text."""
    if isinstance(wanted, dict):
        right = all(fields_right(wanted, found, fields).values())
        return float(right and not set(found) - set(fields))
    return float(field_right(wanted, found))


def token_f1(wanted: str, found: str) -> float:
    """Harmonic mean of precision and recall over words, with multiplicity (SQuAD, arXiv 1606.05250, without its
    removal of English articles: answers are in several languages).
    """
    one, other = (Counter(re.findall(r"\w+", text.casefold())) for text in (wanted, found))
    common = (one & other).total()
    if not common:
        return 0.0
    precision, recall = common / other.total(), common / one.total()
    return 2 * precision * recall / (precision + recall)


def mean(values: list[float]) -> float:
    """The mean of at least one value."""
    return sum(values) / len(values)
