"""Invented manufacturers, shops, product series and authors, composed of syllables.

Example:
    >>> brand(Dice("1"), "de")  # doctest: +SKIP
    'Törvand & Söhne'
"""

from samples.products.dice import Dice

_STARTS = "Bel Cor Dra Fen Gal Hal Jor Kes Lun Mer Nor Ost Pel Quor Ras Sel Tor Ul Vel Wen Yar Zan Brü Grö Lär"
_STARTS += " Tøn Élo Ská Peñ Ček Thra Skel Plo Vru Glim Hesp Ondr Yss Khar Duv"
_MIDDLES = "a e i o u an er il om ur av ol in ad es ö ai ei ea ou"
_ENDS = "bak dorn fex gard hult kamp lund mix nov pont quist rath sted trup vand wick zell mora tessa vico"
_ENDS += " lino brac duna fira goss sko vex ro zzi let dra stam pik loo burg well ley"
_WORDS = {
    "en": "Copper Quiet Harbour Amber Crooked Ninth | Heron Anvil Orchard Lantern Ferry Thistle",
    "fr": "Petit Vieux Grand Septième Joli Double | Hibou Noyer Moulin Verger Chardon Phare",
    "de": "Kupfer Stein Winter Nebel Hafen Silber | reiher hof mühle distel krug amsel",
    "es": "Viejo Séptimo Doble Buen Pequeño Gran | Cerezo Faro Molino Búho Cardo Yunque",
    "it": "Vecchio Settimo Doppio Piccolo Buon Gran | Ciliegio Faro Mulino Gufo Cardo Airone",
}
_FIRST = "Anouk Bruno Carla Dario Elin Fabio Greta Henk Ines Jonas Klara Leif Mira Nils Oda Paulo Rosa Sven Tilda"
_SHAPES = (
    ["{a}"] * 9
    + [
        "{a} {b}",
        "{a}-{b}",
        "{a} & {b}",
        "{A}",
        "{A}-TEC",
        "{A} {n}",
        "{s}.{t}. {a}",
        "{a}Line",
        "i{a}",
        "{a}{n}",
    ]
    + [
        "{a} & Söhne",
        "{a} & Co.",
        "{a} Bros.",
        "Maison {a}",
        "Atelier {a}",
        "O'{a}",
        "{a}'s Best",
        "Van der {a}",
    ]
    + [
        "Casa {a}",
        "Fratelli {a}",
        "{a} Hermanos",
        "{a} GmbH",
        "{a} S.r.l.",
        "{a} Ltd",
        "{a} Works",
        "The {a} Company",
    ]
    + [
        "d'{a}",
        "{n} {a}",
        "Studio {a} {b}",
        "{a}.{l}",
        "{l}",
        "{s}{u}{t}{u}",
        "{a} AB",
        "{a}/{b}",
        "{a}+",
        "La {a}",
    ]
)
_SERIES = "Alto Brisk Cirro Delta Ember Fjord Grado Halden Iris Jura Kite Lago Mono Nimbus Onda Pico Quartz"
_SERIES += " Ridge Sola Terra Umbra Vista Wave Zenit Tempo Prima Nova Classic Pro Comfort Urban"


def _root(dice: Dice) -> str:
    """Composes a word of two or three syllables."""
    middle = dice.pick(_MIDDLES.split()) if dice.chance(0.6) else "e"
    return dice.pick(_STARTS.split()) + middle + dice.pick(_ENDS.split())


def _words(dice: Dice, language: str) -> str:
    """Composes a name of two everyday words."""
    first, second = (dice.pick(part.split()) for part in _WORDS[language].split(" | "))
    glue = "" if language == "de" else dice.pick([" ", " ", "-", ""])
    name = first + glue + second
    ends = ["", "", " & Co.", " 1894", " Home", f" & {_root(dice)}"]
    return (name.upper() if dice.chance(0.15) and "ß" not in name else name) + dice.pick(ends)


def brand(dice: Dice, language: str) -> str:
    """Composes the name of a manufacturer."""
    if dice.chance(0.22):
        return _words(dice, dice.pick([language, language, "en"]))
    first, second = _root(dice), _root(dice)
    letters = {key: dice.pick("BDFGHKLMNPRSTVWZ") for key in "stu"}
    shape = dice.pick(_SHAPES)
    return shape.format(a=first, b=second, A=first.upper(), l=first.lower(), n=dice.between(2, 99), **letters)


def series(dice: Dice) -> str:
    """Picks the name of a product series."""
    return dice.pick(_SERIES.split())


def model(dice: Dice) -> str:
    """Composes a model code such as ``KX-40``."""
    letters = dice.pick("ABDEGHKLMRSTVX") + dice.maybe(0.5, dice.pick("FLPSTX"))
    return letters + dice.pick(["", "-", " "]) + str(dice.between(2, 990)) + dice.maybe(0.2, dice.pick("ESi"))


def shop(dice: Dice, shape: str) -> str:
    """Composes the name of a shop from a shape such as ``Boutique {s}``."""
    return shape.format(s=_root(dice))


def person(dice: Dice) -> str:
    """Composes the name of an author or a reviewer."""
    return f"{dice.pick(_FIRST.split())} {_root(dice)}"
