"""The facts of one product and the words to show them with.

Example:
    >>> scene = Scene(Dice("1"), "de")
    >>> scene.answer(machine=False)["name"] == scene.name
    True
"""

import html
import json
from html.entities import codepoint2name
from typing import Any

from samples.products import brands
from samples.products.dice import Dice
from samples.products.names import product_name
from samples.products.prices import Price, price, stated
from samples.products.vocabulary import KINDS, LABELS, Kind

_SPACES = ["&nbsp;", "&nbsp;", "&#160;", "\u00a0", "&#8239;", "\u202f", "&thinsp;", " ", " ", "&#xA0;"]


class Scene:
    """One product with random helpers; absent facts are None and must not be shown."""

    def __init__(self, dice: Dice, language: str, missing: tuple[float, float, float] = (0.08, 0.2, 0.15)) -> None:
        """Draws the facts; ``missing`` holds the shares without price, category and manufacturer."""
        self.dice, self.language = dice, language
        self.kind: Kind = dice.pick(KINDS[language])
        book = not self.kind.specs
        self.brand = None if book or dice.chance(missing[2]) else brands.brand(dice, language)
        self.name = product_name(dice, language, self.kind, self.brand)
        self.ref: Price = price(dice, language, self.kind.low, self.kind.high)
        self.price = None if dice.chance(missing[0]) else self.ref
        self.stated = stated(dice, self.ref)
        self.path = [] if dice.chance(missing[1]) else self._path()
        self.category = self.path[-1] if self.path else None
        self.shop = brands.shop(dice, dice.pick(LABELS[language]["shop"]))
        self.author = brands.person(dice) if book else None
        self._space, self._coding = dice.pick(_SPACES), dice.pick(["", "", "", "name", "number"])

    def _path(self) -> list[str]:
        """Draws a category path of two to four levels."""
        path = self.kind.path[self.dice.between(0, 1) :]
        return [*path, self.kind.leaf] if self.kind.leaf and self.dice.chance(0.8) else path

    def answer(self, machine: bool) -> dict[str, str]:
        """Returns the object to extract; ``machine`` if only the markup states the price."""
        found = {"name": self.name}
        if self.price:
            found["price"] = f"{self.stated} {self.ref.style.currency}" if machine else self.price.text
        if self.category:
            found["category"] = self.category
        if self.brand:
            found["manufacturer"] = self.brand
        return found

    def h(self, text: str) -> str:
        """Escapes a text for display, in some pages with entities for letters beyond ASCII."""
        return "".join(self._entity(letter) for letter in html.escape(text, quote=False))

    def _entity(self, letter: str) -> str:
        """Encodes one letter the way this page does."""
        code = ord(letter)
        if code < 128 or not self._coding:
            return letter
        return f"&{codepoint2name[code]};" if self._coding == "name" and code in codepoint2name else f"&#{code};"

    def a(self, text: str) -> str:
        """Escapes a text for an attribute in double quotes."""
        return html.escape(text).replace("&#x27;", "'")

    def money(self, shown: Price) -> str:
        """Writes a price as HTML, each space in this page's way."""
        return self._space.join(self.h(part) for part in shown.raw.split("~"))

    def space(self) -> str:
        """Returns this page's space inside prices."""
        return self._space

    def other(self, low: float = 0.03, high: float = 0.2) -> Price:
        """Draws another amount near a share of the price, never the same text as the price."""
        for _ in range(9):
            found = self.ref.scaled(low + (high - low) * self.dice.between(0, 100) / 100)
            if found.text != self.ref.text:
                return found
        return self.ref.scaled(3.1 if high > 1 else 0.6)

    def higher(self) -> Price:
        """Draws an old price, well above the price."""
        return self.other(1.12, 1.7)

    def t(self, key: str, shown: Price | None = None, count: int = 0) -> str:
        """Returns one of the words for a key as HTML, its places filled with amounts and numbers."""
        words = self.h(self.dice.pick(LABELS[self.language][key]))
        rating = f"{self.dice.between(3, 4)}{'.' if self.language == 'en' else ','}{self.dice.between(1, 9)}"
        amount, limit = self.money(shown or self._share(key, words)), self.money(self.other(1.2, 3.0))
        return words.format(p=amount, q=limit, r=rating, n=count or self.dice.between(3, 28))

    def _share(self, key: str, words: str) -> Price:
        """Draws the amount for a sentence; a rate suits the number of rates that the sentence names."""
        if key != "instal":
            return self.other()
        share = 0.1 if "10" in words else 0.25 if "4" in words else 0.334
        return self.other(share, share * 1.06)

    def colon(self) -> str:
        """Returns the mark after a label."""
        return self.dice.pick([":", " :", "&nbsp;:"]) if self.language == "fr" else ":"

    @property
    def title(self) -> str:
        """The name as HTML."""
        return self.h(self.name)

    def no_price(self) -> str:
        """Returns what stands in place of a price."""
        return self.t(self.dice.pick(["request", "request", "soldout"]))

    def amount(self) -> str:
        """Returns the price alone as HTML, or what stands in its place."""
        return self.money(self.price) if self.price else self.no_price()

    def cls(self, role: str) -> str:
        """Returns a class attribute for a role, in some pages none."""
        prefix = self.dice.pick(["", "", "product-", "p-", "item__", "pdp-", "js-"])
        return f' class="{prefix}{role}"' if self.dice.chance(0.85) else ""

    def prose(self) -> str:
        """Returns one to three sentences about the product."""
        general = {self.t("prose"), self.t("prose")}
        lines = [*map(self.h, self.kind.prose), *sorted(general)]
        return " ".join(self.dice.some(lines, 1, 3))

    def others(self, count: int) -> list["Scene"]:
        """Draws other products in the same style of price and coding."""
        found = [Scene(self.dice, self.language, (0, 0, 0.3)) for _ in range(count)]
        for scene in found:
            scene.ref = scene.price = self.other(0.4, 1.9)
            scene._space, scene._coding = self._space, self._coding
        return [scene for scene in found if scene.name != self.name]

    def sku(self) -> str:
        """Composes an article number."""
        return self.dice.pick([self.dice.digits(6), f"{brands.model(self.dice)}-{self.dice.digits(3)}"])

    def ean(self) -> str:
        """Composes a bar code number."""
        return "20" + self.dice.digits(11)

    def ld(self, data: Any) -> str:
        """Writes a JSON-LD script."""
        text = json.dumps(data, ensure_ascii=self.dice.chance(0.2), indent=self.dice.pick([None, None, 1]))
        return '<script type="application/ld+json">' + text.replace("</", "<\\/") + "</script>"
