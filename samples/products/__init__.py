"""Sample pairs of a product page and the object to extract from it.

Example:
    >>> pair("simple_card", 0, 3407)["layout"]
    'simple_card'
"""

from samples.products.dice import Dice
from samples.products.layout import finish
from samples.products.pages import FAMILIES, MACHINE_PRICE, MISSING
from samples.products.scene import Scene
from samples.products.vocabulary import LANGUAGES

PER_FAMILY = 35
USUAL = (0.08, 0.18, 0.13)


def pair(family: str, index: int, seed: int) -> dict[str, object]:
    """Makes one pair; the same arguments always give the same pair."""
    language = LANGUAGES[index % len(LANGUAGES)]
    dice = Dice(f"{seed}:{family}:{index}")
    scene = Scene(dice, language, MISSING.get(family, USUAL))
    page = finish(dice, FAMILIES[family](scene))
    answer = scene.answer(family in MACHINE_PRICE)
    return {"input": page, "output": answer, "layout": family, "language": language}


def pairs(family: str, seed: int) -> list[dict[str, object]]:
    """Makes all pairs of one family, sorted by language."""
    made = [pair(family, index, seed) for index in range(PER_FAMILY)]
    return sorted(made, key=lambda item: LANGUAGES.index(str(item["language"])))
