"""Names of products in many forms.

Example:
    >>> product_name(Dice("7"), "en", KINDS["en"][0], None)  # doctest: +SKIP
    'Ember Cordless drill 18V Li-Ion (2-pack)'
"""

import re

from samples.products.brands import model, series
from samples.products.dice import Dice
from samples.products.vocabulary import LABELS, Kind

_FORMS = [
    "{noun} {spec}",
    "{noun} {line}",
    "{noun} {line} {code}",
    "{line} {code} {spec}",
    "{line} {code}",
    "{noun} {quoted}",
    "{noun} {quoted} {spec}",
    "{noun}, {colour}",
    "{noun} {spec}, {colour}",
    "{noun} {spec} {pack}",
    "{noun} {line} {code} – {spec} / {colour}",
    "{noun} {line} {spec} {pack}, {colour}",
    "{noun} – {line} {spec}",
    "{code} {noun}",
    "{noun} {code} | {colour}",
    "{noun}",
]
_QUOTES = {"en": ["“{}”", '"{}"', "'{}'"], "fr": ["« {} »", '"{}"'], "de": ["„{}“", "»{}«", '"{}"']}
_QUOTES |= {"es": ["«{}»", "“{}”", '"{}"'], "it": ["«{}»", '"{}"', "“{}”"]}


def _units(spec: str, language: str) -> str:
    """Writes the decimals of a measure with a comma outside English."""
    return spec if language == "en" else re.sub(r"(\d)\.(\d+ ?(?:[lLg]|Ah|mm|kg)\b)", r"\1,\2", spec)


def _case(dice: Dice, text: str, language: str) -> str:
    """Changes the case of a name now and then."""
    if dice.chance(0.07):
        return text.upper() if "ß" not in text else text
    if dice.chance(0.05):
        return text.lower()
    if language == "en" and dice.chance(0.5):
        return re.sub(r"\b[a-z](?=[a-z]{3})", lambda found: found[0].upper(), text)
    return text


def _book(dice: Dice, language: str, kind: Kind) -> str:
    """Composes the title of a book."""
    binding = dice.pick(LABELS[language]["bindings"])
    glue = "" if binding.startswith(",") else " "
    return kind.noun + dice.maybe(0.7, glue + binding)


def _words_for(kind: Kind) -> list[tuple[str, str]]:
    """Says which words describe the variant and the pack of a kind."""
    consumed = [("colour", "traits"), ("pack", "sets")]
    return consumed if kind.consumed else [("colour", "colours"), ("pack", "packs")]


def product_name(dice: Dice, language: str, kind: Kind, brand: str | None) -> str:
    """Composes a name; some begin with the brand, which the page then also states elsewhere."""
    if not kind.specs:
        return _book(dice, language, kind)
    words = LABELS[language]
    parts = {key: dice.pick(words[name]) for key, name in _words_for(kind)}
    parts |= {"noun": kind.noun, "line": series(dice), "code": model(dice)}
    parts["spec"] = _units(dice.pick(kind.specs), language)
    parts["quoted"] = dice.pick(_QUOTES[language]).format(series(dice))
    form = dice.pick(_FORMS)
    if language == "en" and form.startswith("{noun} {line}") and dice.chance(0.6):
        form = "{line} {noun}" + form.removeprefix("{noun} {line}")
    if brand and dice.chance(0.25):
        return f"{brand} {form.format(**parts)}"
    return _case(dice, form.format(**parts), language)
