"""The scores of one answer, one function each; `record` makes the scores of many, with intervals.

Every score is a sum over answers divided by a sum over answers: most divide by the number of answers, `RATIOS` lists
the others. Shares are between 0 and 1.

>>> fields_right({"name": "X200", "price": "12 €"}, {"name": "x200", "price": "12.00€"}, ["name", "price"])
{'name': 1.0, 'price': 1.0}
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pandas as pd
from price_parser import Price

from stages.documents import fold_space
from stages.evaluate.intervals import interval
from stages.params import Intervals

CURRENCIES = {"€": "EUR", "$": "USD", "US$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN"}
QUOTE = re.compile(r"##begin_quote##(.*?)##end_quote##", re.DOTALL)
RATIOS = {
    "hallucinated_rate": ("hallucinated", "absent"),
    "missed_rate": ("missed", "stated"),
    "verbatim_quote_rate": ("verbatim", "quotes"),
    "loss": ("nats", "loss_tokens"),
}
PARTS = {part for parts in RATIOS.values() for part in parts}


def same_text(wanted: str, found: str) -> bool:
    """Whether two texts are equal but for case and white space."""
    return fold_space(wanted).casefold() == fold_space(found).casefold()


def price_of(text: str) -> tuple[Decimal, str | None] | None:
    """Amount and currency of a text that is a price and nothing else; None for any other text.

    Signs and ISO codes are one: € is EUR; $ alone is the dollar of the United States, as is US$, while CA$ is not.
    """
    price = Price.fromstring(text)
    if price.amount is None or not price.amount_text:
        return None
    rest = text.replace(price.amount_text, "", 1).replace(price.currency or "", "", 1)
    return None if re.search(r"\w", rest) else (price.amount, CURRENCIES.get(price.currency or "", price.currency))


def same_price(wanted: str, found: str) -> bool:
    """Whether two texts are prices of equal amount and currency: "US$ 1,299" and "$1299.00" are, "12 €" and "12" are not."""
    price = price_of(wanted)
    return price is not None and price == price_of(found)


def field_right(field: str, wanted: Any, found: Any) -> bool:
    """Whether a field is right: the same text or, where its name says price, the same price.

    A field missing on both sides is right.
    """
    if wanted is None or found is None:
        return wanted is None and found is None
    if same_text(str(wanted), str(found)):
        return True
    return "price" in field and not isinstance(found, list | dict) and same_price(str(wanted), str(found))


def fields_right(wanted: Mapping[str, str | None], found: Any, fields: list[str]) -> dict[str, float]:
    """1.0 for every right field, else 0.0; an answer that is no object has no field right."""
    if not isinstance(found, dict):
        return dict.fromkeys(fields, 0.0)
    return {field: float(field_right(field, wanted.get(field), found.get(field))) for field in fields}


def exact_match(wanted: Any, found: Any, fields: list[str]) -> float:
    """1.0 where the whole answer is right: every field and no other key, or the same text."""
    if isinstance(wanted, dict):
        right = all(fields_right(wanted, found, fields).values())
        return float(right and not set(found) - set(fields))
    return float(isinstance(found, str) and same_text(str(wanted), found))


def invention(wanted: Mapping[str, str | None], found: Any, fields: list[str]) -> dict[str, float]:
    """Counts of absent and stated fields, and how many of them an answer invented and missed.

    hallucinated_rate = hallucinated / absent: of the fields that the page does not state, those that the answer fills.
    missed_rate = missed / stated: of the fields that the page states, those that the answer leaves out; an answer that
    is no object misses all. A wrong value is neither, and keys beyond `fields` only break the exact match.
    """
    given = found if isinstance(found, dict) else {}
    absent = [field for field in fields if wanted.get(field) is None]
    stated = [field for field in fields if wanted.get(field) is not None]
    return {
        "absent": len(absent),
        "hallucinated": sum(given.get(field) is not None for field in absent),
        "stated": len(stated),
        "missed": sum(given.get(field) is None for field in stated),
    }


def words(text: str) -> list[str]:
    """The words of a text in any script, without case."""
    return re.findall(r"\w+", text.casefold())


def token_f1(wanted: str, found: str) -> float:
    """Harmonic mean of precision and recall over words, with multiplicity (SQuAD, arXiv 1606.05250, without its
    removal of English articles: answers are in several languages).
    """
    one, other = Counter(words(wanted)), Counter(words(found))
    common = (one & other).total()
    if not common:
        return 0.0
    precision, recall = common / other.total(), common / one.total()
    return 2 * precision * recall / (precision + recall)


class _Words:
    """`words` in the form that rouge_score takes; its own tokenizer knows ASCII only."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


@functools.cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # a second to import: only where there are texts

    return RougeScorer(["rougeL"], tokenizer=_Words())


def rouge_l(wanted: str, found: str) -> float:
    """F-measure of the longest common subsequence of words (Lin 2004, ROUGE-L)."""
    return float(_rouge().score(wanted, found)["rougeL"].fmeasure)


def quotes(shown: str, found: str) -> dict[str, float]:
    """Number of quotes in a retrieval-augmented answer, and of those that stand word for word in what the model was shown
    (RAFT, arXiv 2403.10131); white space is folded.
    """
    given = [fold_space(quote) for quote in QUOTE.findall(found)]
    place = fold_space(shown)
    return {"quotes": len(given), "verbatim": sum(bool(quote) and quote in place for quote in given)}


def perplexity(loss: float) -> float:
    """The exponential of the loss per token: among how many equally likely tokens the model hesitates."""
    return math.exp(loss)


def of_answer(task: str, shown: str, wanted: Any, output: Any, raw: str, fields: list[str]) -> dict[str, float]:
    """All scores of one answer that apply to it."""
    found = {"exact_match": exact_match(wanted, output, fields)}
    if isinstance(wanted, Mapping):
        right = fields_right(wanted, output, fields)
        found |= {f"field_accuracy.{field}": value for field, value in right.items()}
        found |= {"mean_field_accuracy": sum(right.values()) / len(right), "json_parse_rate": float(output is not None)}
        return found | invention(wanted, output, fields)
    found |= {"token_f1": token_f1(str(wanted), raw), "rouge_l": rouge_l(str(wanted), raw)}
    return found | quotes(shown, raw) if task == "raft" else found


def ratio(frame: pd.DataFrame, score: str) -> tuple[pd.Series, pd.Series]:
    """Numerators and denominators of a score, over the rows to which it applies."""
    above, below = RATIOS.get(score, (score, None))
    rows = frame[frame[above].notna()]
    return rows[above], rows[below] if below else pd.Series(1.0, rows.index)


def value_of(frame: pd.DataFrame, score: str) -> float:
    """A score over many answers; NaN where no answer gives it a denominator."""
    above, below = ratio(frame, score)
    return float(above.sum() / below.sum()) if below.sum() else math.nan


def names(frame: pd.DataFrame) -> list[str]:
    """The scores that a table of answers holds, sorted."""
    plain = {str(name) for name in frame.columns} - PARTS
    whole = {score for score, (_, below) in RATIOS.items() if below in frame and frame[below].sum() > 0}
    return sorted(plain | whole)


def record(frame: pd.DataFrame, groups: pd.Series, section: Intervals) -> dict[str, Any]:
    """Every score of a table (a row an answer, a column a score or a part of one) with its interval.

    Returns:
        `{score: value, "field_accuracy": {field: value}, "intervals": the same keys with [low, high]}`.
    """
    found: dict[str, Any] = {"intervals": {}}
    for score in names(frame):
        above, below = ratio(frame, score)
        head, _, field = score.partition(".")
        low, high = interval(above, below, groups[above.index], section)
        if field:
            found.setdefault(head, {})[field] = value_of(frame, score)
            found["intervals"].setdefault(head, {})[field] = [low, high]
        else:
            found[head] = value_of(frame, score)
            found["intervals"][head] = [low, high]
    return found
