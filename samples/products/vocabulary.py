"""Words of the five languages, read from the two text files in ``words``.

Example:
    >>> LABELS["de"]["category"][0]
    'Kategorie'
"""

from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ["en", "fr", "de", "es", "it"]
_WORDS = Path(__file__).parent / "words"


@dataclass
class Kind:
    """One kind of product in one language; consumed ones, such as food, have no colour or warranty."""

    noun: str
    path: list[str]
    leaf: str
    specs: list[str]
    low: int
    high: int
    prose: list[str]
    consumed: bool


def _cells(line: str) -> list[str]:
    """Splits a line into its five languages."""
    return [cell.strip() for cell in line.split("|")]


def labels() -> dict[str, dict[str, list[str]]]:
    """Reads the label words: language, then key, then the alternatives."""
    table: dict[str, dict[str, list[str]]] = {language: {} for language in LANGUAGES}
    for line in (_WORDS / "labels.txt").read_text(encoding="utf-8").splitlines():
        key, _, words = line.partition(" = ")
        for language, cell in zip(LANGUAGES, _cells(words), strict=True):
            table[language][key] = [word.strip() for word in cell.split(";")]
    return table


def kinds(index: int) -> list[Kind]:
    """Reads the product kinds of one language, given by its place in the columns."""
    found: list[Kind] = []
    path: list[str] = []
    prose: list[str] = []
    consumed = False
    for line in (_WORDS / "catalogue.txt").read_text(encoding="utf-8").splitlines():
        mark, _, rest = line.partition(" ")
        if mark.startswith("#"):
            level = mark.count("#")
            path = [*path[: level - 1], _cells(rest)[index]]
            prose = [] if level < 3 else prose
            consumed = mark.endswith("!") if level < 3 else consumed
        elif mark == "~":
            prose = [*prose, _cells(rest)[index]]
        elif mark == ">":
            found[-1].leaf = _cells(rest)[index]
        else:
            found.append(_kind(line, index, path, prose, consumed))
    return found


def _kind(line: str, index: int, path: list[str], prose: list[str], consumed: bool) -> Kind:
    """Reads one line of the catalogue: names @ price range @ specifications."""
    names, amounts, specs = line.split(" @ ")
    low, high = (int(amount) for amount in amounts.split("-"))
    words = [] if specs == "-" else specs.split("; ")
    return Kind(_cells(names)[index], path, "", words, low, high, prose, consumed)


LABELS = labels()
KINDS = {language: kinds(index) for index, language in enumerate(LANGUAGES)}
