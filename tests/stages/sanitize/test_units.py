"""The table of units against exact definitions, and against itself."""

import re

import pytest

from stages.sanitize.units import FOREIGN, GLUED, LADDERS, MISSPELT

# Base units of each ladder for one unit, from NIST SP 811, appendix B.8; exact where the definition is.
DEFINED = {"lb": 453.59237, "oz": 453.59237 / 16, "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344, "mph": 1.609344,
           "sq in": 0.0254**2, "sq ft": 0.3048**2, "sq mi": 1609.344**2, "acre": 4840 * 0.9144**2, "cu ft": 1000 * 0.3048**3,
           "gal": 1000 * 231 * 0.0254**3, "fl oz": 1000 * 231 * 0.0254**3 / 128, "psi": 0.45359237 * 9.80665 / 0.0254**2,
           "hp": 550 * 0.3048 * 0.45359237 * 9.80665, "BTU": 1055.05585262, "kcal": 4184, "lbf": 0.45359237 * 9.80665,
           "ft·lb": 0.3048 * 0.45359237 * 9.80665, "°F": 5 / 9}  # fmt: skip


@pytest.mark.parametrize("unit", FOREIGN, ids=lambda unit: unit.symbol)
def test_factors(unit: object) -> None:
    assert unit.factor == pytest.approx(DEFINED[unit.symbol], rel=1e-9)  # type: ignore[attr-defined]
    assert unit.quantity in LADDERS  # type: ignore[attr-defined]


def test_what_is_written_is_not_rewritten() -> None:
    written = {
        *MISSPELT,
        *GLUED,
        *(unit.symbol for unit in FOREIGN),
        *(name for ladder in LADDERS.values() for name, _ in ladder),
    }
    again = {name for name in written for spelling in MISSPELT.values() if name != "m2" and re.fullmatch(spelling, name)}
    assert again == {"°C"}


def test_ladders_rise() -> None:
    for ladder in LADDERS.values():
        assert [size for _, size in ladder] == sorted(size for _, size in ladder)
