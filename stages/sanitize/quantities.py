"""Numbers with their units, in SI writing; what the text gave is kept beside a value that was converted.

5kg -> 5 kg        72 degrees Fahrenheit -> 22.2 °C (72 °F)        5-10 lbs -> 2.27-4.54 kg (5-10 lb)

Significant digits: three, or as many as the text has where these are more; a temperature has one decimal at most.
"""

import re
from functools import cache
from typing import NamedTuple

from stages.sanitize.notes import Notes
from stages.sanitize.units import FOREIGN, GLUED, LADDERS, MISSPELT, Unit

FRACTIONS = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3, "⅛": 0.125, "⅜": 0.375, "⅝": 0.625, "⅞": 0.875}
# No identifier, version, address, amount of money or time of day ends where a quantity begins.
BEFORE = r"(?=[-−\d¼-¾⅓-⅞])(?<![\w.,/#$€£¥@=&%+\\^-])(?<!\d:)(?<![$€£¥] )"
PLAIN = r"\d{1,3}(?:,\d{3}){1,3}(?:\.\d+)?(?!\d)|\d{1,3}(?: \d{3}){1,3}(?:[.,]\d+)?(?!\d)|\d{1,15}(?:[.,]\d{1,9})?"
NUMBER = rf"(?:\d{{1,4}}(?: |-)\d/\d{{1,2}}|\d{{1,2}}/\d{{1,2}}|\d{{0,4}} ?[{''.join(FRACTIONS)}]|{PLAIN})"
LAST = r"(?:and|or|et|ou|und|oder)"
JOINT = rf" ?[-–—] ?| (?:to|à|bis|x|×|{LAST}) | ?[x×] ?|, {LAST} |, (?={NUMBER}(?:, {NUMBER})?,? {LAST} )"
RANGE = rf"[-−]?{NUMBER}(?:(?:{JOINT})[-−]?{NUMBER}){{0,3}}"
AFTER = r"(?![\w°]|-\w|[/·*^]\w|\.\w)"
MILLIONS = r"(?! (?:users|people|views|downloads|parameters|rows|records|tokens|requests|lines|euros|dollars))"
DIMENSIONS = r"(?=[.,;:)\]]|$|\n| \|| (?:x|×|wide|long|high|deep|thick|tall|by|in diameter)\b)"  # else `in` is a word
SYMBOL = r"([^\W\d]+(?:[²³]|/h|·m)?|°C)"
SI_BESIDE = re.compile(
    rf"\s?(?:\(|/|=|≈|,? (?:or|ou|oder) )\s?(?:about |approx\. |ca\. |environ )?([-−]?\d+(?:[.,]\d+)?)\s?{SYMBOL}"
)
BRACKET = re.compile(rf"\d {SYMBOL} \($")
COMMA = re.compile(r"(?<![\d.,])\d+,\d{1,2}(?![\d,])")
POINT = re.compile(r"(?<![\d.,])\d+\.\d{1,2}(?![\d.])")
BRITISH = re.compile(r"\b(?:litres?|metres?|colours?|tyres?|petrol|imperial)\b", re.I)
VOLUMES_OF_TWO_COUNTRIES = ("gal", "fl oz")


class Style(NamedTuple):
    """How a document writes its numbers."""

    decimal: str  # its decimal sign
    british: bool  # its gallons may be imperial


@cache
def _misspelt() -> re.Pattern[str]:
    return re.compile(rf"{BEFORE}([-−]?{NUMBER}) ?(?:{_alternatives(MISSPELT)}){AFTER}(?:\.(?= [a-z]))?")


@cache
def _glued() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(GLUED, key=len, reverse=True))
    return re.compile(rf"{BEFORE}([-−]?{NUMBER})({units})(?![\w°-]|[*^]\w|\.\w){MILLIONS}")


@cache
def _foreign() -> re.Pattern[str]:
    """Two units that make one value, or a number, a range or a list with one unit."""
    two = r"(?P<feet>\d{1,3}) ?(?:ft|feet|foot),? ?(?P<inches>\d{1,2}) ?(?:in|inch(?:es)?)" \
          r"|(?P<pounds>\d{1,4}) ?lbs?,? ?(?P<ounces>\d{1,2}) ?(?:oz|ounces?)"  # fmt: skip
    one = rf"(?P<number>{RANGE})(?: ?|-)(?:{_alternatives({unit.symbol: unit.spellings for unit in FOREIGN})})"
    return re.compile(rf"{BEFORE}(?:(?:{two})|{one}){AFTER}(?:\.(?= [a-z]))?")


def _alternatives(spellings: dict[str, str]) -> str:
    """One group for each unit, numbered in their order: a name of a group cannot be `m²`."""
    return "|".join(f"(?P<u{index}>{spelling})" for index, spelling in enumerate(spellings.values()))


def _unit(found: re.Match[str]) -> int:
    return next(int(key[1:]) for key, value in found.groupdict().items() if key[0] == "u" and value)


def in_si(text: str, style: Style, notes: Notes) -> str:
    """A piece of prose with its quantities in SI writing.

    Args:
        text: prose only; code and addresses are kept from it.
        style: of the document that it stands in.
        notes: told of every change.
    """

    def noted(found: re.Match[str], new: str) -> str:
        notes.changed(found.group(), new)
        return new

    text = _misspelt().sub(lambda found: noted(found, f"{found.group(1)} {list(MISSPELT)[_unit(found)]}"), text)
    text = _glued().sub(lambda found: noted(found, f"{found.group(1)} {found.group(2)}"), text)
    convert = {True: _converted, False: _joined}
    return _foreign().sub(lambda found: noted(found, convert[bool(found["number"])](found, style)), text)


def style_of(text: str) -> Style:
    """How a document writes its numbers, by what most of them show."""
    return Style("," if len(COMMA.findall(text)) > len(POINT.findall(text)) else ".", bool(BRITISH.search(text)))


def _converted(found: re.Match[str], style: Style) -> str:
    unit = FOREIGN[_unit(found)]
    number = found.group("number")
    if unit.symbol == "in" and not _is_measure(found):
        return found.group()
    given = f"{number} {unit.symbol}"
    if (style.british and unit.symbol in VOLUMES_OF_TWO_COUNTRIES) or re.search("[x×]", number):
        return found.group()
    if _says_si_already(found, unit, style):
        return given
    parts = re.split(rf"({NUMBER})", number)
    values = [_value(_signed(parts, index), style) for index in range(1, len(parts), 2)]
    symbol, size = _rung(unit, max(abs(_si(unit, value)) for value in values))
    digits = max(3, *(_significant(part) for part in parts[1::2]))
    out = [_written(_si(unit, value) / size, digits, unit, style) for value in values]
    joints = [re.sub(r"[-−]$", "", joint) if joint.strip() not in ("-", "−") else joint for joint in parts[2:-1:2]]
    return "".join(part for pair in zip(out, [*joints, ""], strict=True) for part in pair) + f" {symbol} ({given})"


def _is_measure(found: re.Match[str]) -> bool:
    """Whether `in` is inches: `3.5in`, `5 in.`, `1/2 in thick`, but not `5 in the box`."""
    spelling = found.group()[found.end("number") - found.start() :]
    glued = spelling == "in" and re.search(r"[./½¼¾⅛⅜⅝⅞]", found.group("number"))
    return bool(spelling.strip(" -.") != "in" or glued or re.match(DIMENSIONS, found.string[found.end() :]))


def _signed(parts: list[str], index: int) -> str:
    before = parts[index - 1]
    is_sign = before.endswith(("-", "−")) and (index == 1 or before.strip() not in ("-", "−"))
    return ("-" if is_sign else "") + parts[index]


def _value(number: str, style: Style) -> float:
    sign, digits = (-1.0, number[1:]) if number[0] == "-" else (1.0, number)
    for mark, share in FRACTIONS.items():
        if mark in digits:
            return sign * (float(digits.replace(mark, "").strip() or 0) + share)
    if "/" in digits:
        whole, _, part = digits.replace("-", " ").rpartition(" ")
        above, below = part.split("/")
        return sign * (float(whole or 0) + float(above) / (float(below) or 1.0))
    digits = digits.replace(" ", "")
    if ("," in digits and "." in digits) or (re.fullmatch(r"\d{1,3}(,\d{3})+", digits) and style.decimal == "."):
        digits = digits.replace(",", "")
    return sign * float(digits.replace(",", "."))


def _significant(number: str) -> int:
    """Digits that say something: neither zeros in front nor those at the end of a whole number."""
    digits = re.sub(r"\D", "", number).lstrip("0")
    return len(digits if re.search(r"[.,]\d{1,2}$", number) else digits.rstrip("0"))


def _si(unit: Unit, value: float) -> float:
    return (value + unit.offset) * unit.factor


def _rung(unit: Unit, value: float) -> tuple[str, float]:
    """The largest unit of the ladder of which `value` is one or more; the smallest for less."""
    fitting = [rung for rung in LADDERS[unit.quantity] if value >= rung[1] * 0.9999]
    return fitting[-1] if fitting else LADDERS[unit.quantity][0]


def _written(value: float, digits: int, unit: Unit, style: Style) -> str:
    rounded = float(f"{value:.{digits}g}")
    if unit.quantity == "temperature":
        rounded = round(rounded, 1)
    text = f"{rounded:.12f}".rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text).replace(".", style.decimal)


def _stands_in_brackets(found: re.Match[str], unit: Unit) -> bool:
    """Whether the same value in SI stands right before: 2.27 kg (5 lb)."""
    before = BRACKET.search(found.string[max(0, found.start() - 40) : found.start()])
    return bool(before and before.group(1) in dict(LADDERS[unit.quantity]))


def _says_si_already(found: re.Match[str], unit: Unit, style: Style) -> bool:
    """Whether the same value in SI stands right before, or right behind: 72 °F, or 22 °C."""
    if _stands_in_brackets(found, unit):
        return True
    beside, sizes = SI_BESIDE.match(found.string, found.end()), dict(LADDERS[unit.quantity])
    if not beside or beside.group(2) not in sizes:
        return False
    parts = re.split(rf"({NUMBER})", found["number"])
    given = _value(beside.group(1).replace("−", "-"), style) * sizes[beside.group(2)]
    own = _si(unit, _value(_signed(parts, 1), style))
    nearly = 0.05 * max(abs(given), abs(own), 10 * (unit.quantity == "temperature"))
    return len(parts) > 3 or abs(given - own) <= nearly


def _joined(found: re.Match[str], style: Style) -> str:
    """Feet and inches, or pounds and ounces, as one value."""
    if found["feet"]:
        unit, value, given = _named("in"), int(found["feet"]) * 12 + int(found["inches"]), "{feet} ft {inches} in"
    else:
        unit, value, given = _named("oz"), int(found["pounds"]) * 16 + int(found["ounces"]), "{pounds} lb {ounces} oz"
    given = given.format(**found.groupdict())
    if _stands_in_brackets(found, unit) or SI_BESIDE.match(found.string, found.end()):
        return given
    symbol, size = _rung(unit, _si(unit, value))
    return f"{_written(_si(unit, value) / size, 3, unit, style)} {symbol} ({given})"


def _named(symbol: str) -> Unit:
    return next(unit for unit in FOREIGN if unit.symbol == symbol)
