"""Dates as people, PDF files and cameras write them, as ISO 8601.

"D:20240131120000+01'00'"   2024-01-31
"12 mai 2024"               2024-05-12
"05/06/2024"                05/06/2024    (May or June: not decided here)
"""

import re
from datetime import date

MONTHS = {
    name: number
    for number, names in enumerate(
        ("january janvier", "february février fevrier", "march mars", "april avril", "may mai", "june juin", "july juillet",
         "august août aout", "september septembre", "october octobre", "november novembre", "december décembre decembre"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
SHORT = {name[:3]: number for name, number in MONTHS.items() if name.isascii() and name not in ("juin", "juillet")}
YEAR_FIRST = re.compile(r"(?:D:)?(\d{4})(?:([-:/.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2}))(?!\d\d?\b)")
YEAR_OR_MONTH = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2]))?")
NUMBERS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
DAY_NAMED = re.compile(r"(?:^|[\s,(])(\d{1,2})(?:st|nd|rd|th|er)?[\s.-]+([a-zéû]{3,9})\.?,?[\s.-]+(\d{4})\b", re.IGNORECASE)
NAMED_DAY = re.compile(r"\b([a-zéû]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b", re.IGNORECASE)


def iso_date(text: str) -> str:
    """The day as YYYY-MM-DD where `text` names exactly one, else `text` as it is.

    A time of day and its zone are left out. Dotted numbers are day first, as wherever they are written; numbers with a
    stroke are decided only where one of them can be no month.
    """
    if YEAR_OR_MONTH.fullmatch(text):
        return text
    return next((day for day in map(_valid, _readings(text)) if day), text)


def _readings(text: str) -> list[tuple[int, int, int]]:
    """Year, month and day in each way in which `text` can be read without a guess."""
    found: list[tuple[int, int, int]] = []
    if match := YEAR_FIRST.match(text):
        year, _, *parts = match.groups()
        found.append((int(year), *(int(part) for part in parts if part)))  # type: ignore[arg-type]
    if match := NUMBERS.match(text):
        first, sign, second, year = match.groups()
        a, b = int(first), int(second)
        if sign == "." or a > 12 or a == b:
            found.append((int(year), b, a))
        elif b > 12:
            found.append((int(year), a, b))
    if match := DAY_NAMED.search(text):
        found.append((int(match.group(3)), _month(match.group(2)), int(match.group(1))))
    if match := NAMED_DAY.search(text):
        found.append((int(match.group(3)), _month(match.group(1)), int(match.group(2))))
    return found


def _month(name: str) -> int:
    """1 to 12; 0 where it is no month."""
    word = name.lower()
    return MONTHS.get(word) or (SHORT.get(word, 0) if len(word) == 3 else 9 if word == "sept" else 0)


def _valid(parts: tuple[int, int, int]) -> str | None:
    try:
        return date(*parts).isoformat()
    except ValueError:
        return None
