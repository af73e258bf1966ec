"""Prices in many currencies and written forms.

Example:
    >>> Price(129900, Style("EUR", "{n}~€", ".", ",", "2")).text
    '1.299,00 €'
"""

from dataclasses import dataclass

from samples.products.dice import Dice

RATES = {"EUR": 1, "USD": 1, "GBP": 1, "CHF": 1, "CAD": 1, "AUD": 2, "PLN": 4, "BRL": 6, "DKK": 7}
RATES |= {"SEK": 11, "NOK": 11, "CZK": 25, "TRY": 40, "INR": 90, "JPY": 160, "HUF": 400}


@dataclass(frozen=True)
class Style:
    """How a price is written: ``{n}`` the number, ``{i}`` and ``{c}`` its parts, ``~`` some space.

    ``decimals`` is "2", "0" or the text that stands for no cents, such as ",-".
    """

    currency: str
    shape: str
    group: str
    point: str
    decimals: str


@dataclass(frozen=True)
class Price:
    """An amount in hundredths together with its written form."""

    amount: int
    style: Style

    @property
    def whole(self) -> str:
        """The grouped whole part, with ``~`` for a space."""
        digits = str(self.amount // 100)
        if self.style.currency == "INR" and len(digits) > 5:
            return f"{digits[:-5]}{self.style.group}{digits[-5:-3]}{self.style.group}{digits[-3:]}"
        return f"{int(digits):,}".replace(",", self.style.group)

    @property
    def cents(self) -> str:
        """The two digits after the point."""
        return f"{self.amount % 100:02d}"

    @property
    def number(self) -> str:
        """The written number without the currency."""
        if self.style.decimals == "2":
            return self.whole + self.style.point + self.cents
        return self.whole + self.style.decimals.replace("0", "")

    @property
    def raw(self) -> str:
        """The written price, with ``~`` for each space."""
        return self.style.shape.format(n=self.number, i=self.whole, c=self.cents)

    @property
    def text(self) -> str:
        """The price as displayed, with plain spaces."""
        return self.raw.replace("~", " ")

    def scaled(self, factor: float) -> "Price":
        """Returns another amount in the same written form."""
        return tidy(round(self.amount * factor), self.style)


def tidy(amount: int, style: Style) -> Price:
    """Makes a price whose amount suits its form: no cents where the form shows none."""
    amount = max(amount, 100)
    if "{c}" not in style.shape and style.decimals != "2":
        amount = round(amount, -2)
    return Price(amount, style)


def _styles(lines: str) -> list[Style]:
    """Reads one style per line: currency, shape, group, point, decimals; ``s`` stands for a space."""
    rows = (line.split() for line in lines.strip().splitlines())
    return [Style(c, shape, "" if g == "_" else g, point, d) for c, shape, g, point, d in rows]


HOME = {
    "en": _styles("""
        GBP £{n} , . 2
        GBP £{n} , . 2
        GBP £{n} , . 0
        GBP GBP~{n} , . 2
        USD ${n} , . 2
        USD ${n} , . 2
        USD ${n} , . 0
        USD US$~{n} , . 2
        USD {n}~USD , . 2
        EUR €{n} , . 2
        CAD C${n} , . 2
        CAD CA$~{n} , . 2
        AUD A${n} , . 2
        INR ₹{n} , . 0
        INR Rs.~{n} , . 2
        USD $~{n} , . 2"""),
    "fr": _styles("""
        EUR {n}~€ ~ , 2
        EUR {n}~€ ~ , 2
        EUR {n}~€ ~ , 2
        EUR {n}~€ ~ , 0
        EUR {n}€ _ , 2
        EUR {i}€{c} ~ , 2
        EUR {n}~EUR ~ , 2
        EUR €~{n} . , 2
        CHF CHF~{n} ' . 2
        CHF {n}~CHF ' . 2
        CHF Fr.~{n} ' . .–
        CAD {n}~$ ~ , 2
        CAD {n}~$~CA ~ , 2"""),
    "de": _styles("""
        EUR {n}~€ . , 2
        EUR {n}~€ . , 2
        EUR {n}~€ . , 2
        EUR {n}€ . , 2
        EUR €~{n} . , 2
        EUR €~{n} . , ,–
        EUR {n}~€ . , ,-
        EUR {n}~EUR . , 2
        EUR EUR~{n} . , 2
        EUR {n}~Euro . , 2
        CHF CHF~{n} ' . 2
        CHF CHF~{n} ’ . .–
        CHF Fr.~{n} ' . .-"""),
    "es": _styles("""
        EUR {n}~€ . , 2
        EUR {n}~€ . , 2
        EUR {n}€ . , 2
        EUR {n}~€ ~ , 2
        EUR {n}~€ . , 0
        EUR {n}~EUR . , 2
        EUR €{n} . , 2
        MXN ${n} , . 2
        MXN MXN~${n} , . 2
        COP $~{n} . , 0
        USD US$~{n} . , 2
        EUR {n}~euros . , 2"""),
    "it": _styles("""
        EUR {n}~€ . , 2
        EUR €~{n} . , 2
        EUR €~{n} . , 2
        EUR {n}€ . , 2
        EUR €{n} . , 2
        EUR EUR~{n} . , 2
        EUR {n}~EUR . , 2
        EUR {n}~euro . , 2
        EUR €~{n} . , 0
        CHF CHF~{n} ' . 2"""),
}
RATES |= {"MXN": 20, "COP": 4000}
ABROAD = _styles("""
    SEK {n}~kr ~ , 2
    SEK {n}~kr ~ , 0
    SEK {n} ~ , :-
    NOK kr~{n} ~ , 2
    NOK {n} . , ,-
    NOK kr~{n} ~ , ,-
    DKK {n}~kr. . , 2
    DKK DKK~{n} . , 2
    PLN {n}~zł ~ , 2
    PLN PLN~{n} , . 2
    CZK {n}~Kč ~ , 0
    CZK {n}~Kč ~ , ,-
    HUF {n}~Ft ~ , 0
    JPY ¥{n} , . 0
    JPY {n}円 , . 0
    JPY JPY~{n} , . 0
    BRL R$~{n} . , 2
    TRY {n}~TL . , 2
    TRY ₺{n} . , 2
    INR ₹~{n} , . 0
    AUD AU$~{n} , . 2
    CAD CAD~{n} , . 2
    GBP {n}~GBP , . 2
    USD USD~{n} , . 2""")
_ENDINGS = [99, 95, 0, 90, 50, 49, 0, 5]


def price(dice: Dice, language: str, low: int, high: int) -> Price:
    """Draws a price between two amounts in euros, mostly in a form natural for the language."""
    style = dice.pick(ABROAD if dice.chance(0.12) else HOME[language])
    whole = dice.between(low, high) * RATES[style.currency]
    step = {3: 10, 4: 100, 5: 1000, 6: 1000, 7: 1000}.get(len(str(whole)), 1)
    if step > 10 or dice.chance(0.5):
        whole = max(1, round(whole, 1 - len(str(step))) - dice.pick([0, 1, 1, 2]))
    ending = dice.pick(_ENDINGS) if dice.chance(0.85) else dice.between(1, 99)
    return tidy(whole * 100 + ending, style)


def stated(dice: Dice, shown: Price) -> str:
    """Writes the amount the way markup states it: plain digits, mostly a point and two decimals."""
    whole = str(shown.amount // 100)
    if shown.style.currency in {"JPY", "HUF", "COP"}:
        return whole
    forms = [f"{whole}.{shown.cents}"] * 4 + [f"{whole}.{shown.cents}".rstrip("0").rstrip(".")]
    return dice.pick(forms)
