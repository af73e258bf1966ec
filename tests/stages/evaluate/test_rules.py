"""The baseline without a model, on product texts of a few lines."""

import pytest

from stages.evaluate.rules import extract

FIELDS = ["name", "price", "category", "manufacturer"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# X200\n[price] 12,50 €", {"name": "X200", "price": "12,50 €"}),
        ("title: X200 | Shop\nPrice: £12.50", {"name": "X200", "price": "£12.50"}),
        ("data name: Y\n## X200", {"name": "X200"}),  # what is shown wins
        ("[old price] 20 €\n[price] 12 €", {"price": "12 €"}),
        ("data price: 12.50 EUR", {"price": "12.50 EUR"}),
        ("data category: Tools > Drills\ndata brand: Alpina", {"category": "Drills", "manufacturer": "Alpina"}),
        ("breadcrumb: Home > Shoes > Boots", {"category": "Boots"}),
        ("[brand] Brand: Alpina", {"manufacturer": "Alpina"}),
        ("Rayon : Jeux de société\nFabricant : HESPAILET", {"category": "Jeux de société", "manufacturer": "HESPAILET"}),
        ("~~349,77 €~~ 244,05 €", {"price": "244,05 €"}),
        ("Läuft leise. Verkaufspreis: EUR 36,49. Versand EUR 6,00.", {"price": "EUR 36,49"}),
        ("4.7/5, 7 reviews", {}),
        ("", {}),
    ],
)
def test_extract(text: str, found: dict[str, str]) -> None:
    assert extract(text, FIELDS) == found


def test_a_field_without_rules_is_absent() -> None:
    assert extract("# X", ["name", "colour"]) == {"name": "X"}
