"""Checks of the product pages under data/raw/products and of their generator."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from samples.products.__main__ import write
from samples.products.pages import MACHINE_PRICE
from samples.products.vocabulary import LABELS

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "raw" / "products"
KEYS = ["name", "price", "category", "manufacturer"]
LANGUAGES = {"en", "fr", "de", "es", "it"}
BLOCKS = set("address article aside blockquote body br button center dd details div dl dt fieldset figcaption".split())
BLOCKS |= set("figure footer form h1 h2 h3 h4 h5 h6 head header hr html img label li main nav ol option p".split())
BLOCKS |= set("pre section select summary table tbody td th thead title tr ul".split())
UNSEEN = {"script", "style", "title", "meta", "link", "template"}
NUMBER = r"\d{1,3}(?:[.,'’ ]\d{2,3})*(?:[.,]\d{2}|,-|,–|\.–|\.-|:-)?|\d+(?:[.,]\d{2})?"
MARK = r"(?:[A-Z]{0,3}\$|R\$|US\$|MXN \$|\$ CA|[€£₹¥₺円]|kr\.?|zł|Kč|Ft|TL|Fr\.|Rs\.|[Ee]uros?|[A-Z]{3})"
PRICE = re.compile(rf"(?:{MARK} ?(?:{NUMBER})|(?:{NUMBER}) ?{MARK}|\d+(?: \d{{3}})*€\d{{2}}|(?:{NUMBER})(?<=[-–]))")
MACHINE = re.compile(r"\d+(?:\.\d{1,2})? [A-Z]{3}")

Pair = dict[str, Any]


def fold(text: str) -> str:
    """Folds every run of white space to one space."""
    return " ".join(text.split())


@cache
def families() -> dict[str, list[Pair]]:
    """Reads the committed files."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.json"))}


@cache
def pairs() -> list[Pair]:
    """All pairs of all families."""
    return [pair for found in families().values() for pair in found]


def is_hidden(node: html.HtmlElement) -> bool:
    """Tells whether a browser would not show the element."""
    style = str(node.get("style", "")).replace(" ", "")
    return node.tag in UNSEEN or node.get("hidden") is not None or "display:none" in style


def shown(node: html.HtmlElement) -> str:
    """Returns the text as displayed: inline elements join, blocks stand on lines of their own."""
    if not isinstance(node.tag, str):
        return node.tail or ""
    inner = "" if is_hidden(node) else (node.text or "") + "".join(shown(child) for child in node)
    edge = "\n" if node.tag in BLOCKS else ""
    return edge + inner + edge + (node.tail or "")


def strings(data: Any) -> list[str]:
    """All texts inside a JSON value."""
    if isinstance(data, dict):
        return [text for value in data.values() for text in strings(value)]
    if isinstance(data, list):
        return [text for value in data for text in strings(value)]
    return [str(data)]


def stated(root: html.HtmlElement) -> list[str]:
    """The texts of attributes, the title and JSON-LD, folded."""
    found = [str(value) for node in root.iter() if isinstance(node.tag, str) for value in node.attrib.values()]
    found += [title.text_content() for title in root.iter("title")]
    for script in root.iter("script"):
        if script.get("type") == "application/ld+json":
            found += strings(json.loads(script.text))
    return [fold(text) for text in found]


def parsed(pair: Pair) -> html.HtmlElement:
    """Parses the page of a pair."""
    return html.document_fromstring(pair["input"])


def test_regenerating_gives_the_committed_files(tmp_path: Path) -> None:
    """The committed files are what the generator writes."""
    write(tmp_path, 3407)
    committed = {path.name: path.read_bytes() for path in DATA.iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == committed


def test_there_are_enough_families_pairs_and_languages() -> None:
    """At least 46 families and 900 pairs; every family has all five languages."""
    assert len(families()) >= 46
    assert len(pairs()) >= 900
    for family, found in families().items():
        assert {pair["language"] for pair in found} == LANGUAGES, family
        assert {pair["layout"] for pair in found} == {family}


def test_keys_are_in_order_and_values_are_clean() -> None:
    """Keys stand in their order; no value is empty or has stray white space."""
    for pair in pairs():
        assert list(pair) == ["input", "output", "layout", "language"]
        found = list(pair["output"])
        assert found == [key for key in KEYS if key in found] and "name" in found
        assert all(value and value == fold(value) for value in pair["output"].values())


@pytest.mark.parametrize("family", sorted(families()))
def test_every_value_is_on_its_page(family: str) -> None:
    """Each value is displayed, or stated by an attribute, the title or JSON-LD; a price only as defined."""
    for pair in families()[family]:
        root = parsed(pair)
        visible, hints = fold(shown(root)), stated(root)
        for key, value in pair["output"].items():
            if key == "price" and family in MACHINE_PRICE:
                amount, code = value.split(" ")
                assert amount in hints and code in hints, (pair["input"], value)
            else:
                within = key != "price" and any(value in hint for hint in hints)
                assert value in visible or within, (pair["input"], key, value)


def test_the_heading_is_the_name() -> None:
    """The first-level heading of a page is the name."""
    for pair in pairs():
        headings = [fold(node.text_content()) for node in parsed(pair).iter("h1")]
        assert headings in ([], [pair["output"]["name"]]), pair["input"]


def test_a_missing_price_leaves_no_price_in_the_product_markup() -> None:
    """A page without a price does not state one in markup either."""
    for pair in pairs():
        if "price" not in pair["output"]:
            words = r'itemprop="price"|price:amount|"offers":|data-price|property="price"'
            assert not re.search(words, pair["input"]), pair["input"]


def test_missing_fields_have_no_label() -> None:
    """A page without category or manufacturer shows no label for it; the neighbours have none."""
    for pair in pairs():
        visible = fold(shown(parsed(pair)))
        for key, labels in [("category", "category"), ("manufacturer", "brand")]:
            words = LABELS[pair["language"]][labels] if key not in pair["output"] else []
            assert not [word for word in words if re.search(rf"\b{word} ?:", visible)], (pair["input"], key)


def test_prices_look_like_prices() -> None:
    """Each price is a number with a mark or code, without other words."""
    for pair in pairs():
        pattern = MACHINE if pair["layout"] in MACHINE_PRICE else PRICE
        assert pattern.fullmatch(pair["output"].get("price", "9 EUR" if pattern is MACHINE else "9 €")), pair["output"]


def test_shares_of_missing_fields() -> None:
    """About 8 % lack the price, 20 % the category, 20 % the manufacturer."""
    count = Counter(key for pair in pairs() for key in pair["output"])
    share = {key: 1 - count[key] / len(pairs()) for key in KEYS}
    assert 0.05 <= share["price"] <= 0.12
    assert 0.15 <= share["category"] <= 0.25
    assert 0.15 <= share["manufacturer"] <= 0.25


def test_sizes_stay_small() -> None:
    """Files and visible texts stay small."""
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 2_200_000
    assert all(len(pair["input"]) < 6000 for pair in pairs())
    counts = sorted(len(shown(parsed(pair)).split()) for pair in pairs())
    assert counts[-1] <= 170 and counts[len(counts) // 2] <= 90


def test_nothing_repeats() -> None:
    """No page and no product repeats; there are many manufacturers."""
    assert len({pair["input"] for pair in pairs()}) == len(pairs())
    found = Counter(tuple(pair["output"].get(key) for key in ("name", "price", "manufacturer")) for pair in pairs())
    assert found.most_common(1)[0][1] == 1
    assert len({pair["output"].get("manufacturer") for pair in pairs()}) > 250
