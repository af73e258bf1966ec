"""A baseline without a model: what a few rules find in the text that the model reads.

The sanitizer has already put JSON-LD, microdata and telling class names into words (stages/sanitize/product.py), so the
rules only pick lines; what a trained adapter scores above them is what the model adds.

    data brand: Alpina              ->  {"name": "X200", "price": "12 €", "manufacturer": "Alpina"}
    # X200
    [price] 12 €
"""

import re

MARK = r"(?:[A-Z]{0,3}[€$£¥₹円]|zł|kr|Rs\.|[A-Z]{3})"
AMOUNT = r"\d(?:[\d.,'’ ]*\d)?(?:,[-–])?"
PRICE = re.compile(rf"{MARK} ?{AMOUNT}|{AMOUNT} ?{MARK}")
OLD = re.compile(r"~~.*?~~")
TRAIL = re.compile(r"\s*[>›»/→]\s*")
BRAND = (
    r"(?:brand|manufacturer|made by|marke|hersteller|hergestellt von|marque|fabricant|fabriqué par|marca|fabricante"
    r"|produttore) ?:? (.+)"
)
CATEGORY = (
    r"(?:category|department|product group|kategorie|warengruppe|catégorie|rayon|categoría|sección|categoria|reparto) ?:? (.+)"
)
LINES = {  # a field's lines; the first form that a page has wins
    "name": (r"#+ (.+)", r"data name: (.+)", r"\[name\] (.+)", r"title: (.+?)(?: [|–-] .*)?"),
    "price": (r"\[price\] (.+)", r"data price: (.+)", r"(.*\d.*)"),
    "category": (r"breadcrumb: (.+)", r"data category: (.+)", r"\[category\] (.+)", CATEGORY, r"(.+ [>›»] .+)"),
    "manufacturer": (r"data brand: (.+)", r"data manufacturer: (.+)", rf"\[brand\] {BRAND}", r"\[brand\] (.+)", BRAND),
}


def extract(text: str, fields: list[str]) -> dict[str, str]:
    """The fields of a product text, as displayed; a field without a line for it is absent."""
    found = {field: next(filter(None, _values(field, text)), "") for field in fields}
    return {field: value for field, value in found.items() if value}


def _values(field: str, text: str) -> list[str]:
    """What each line that may hold a field says of it, the best first; empty where a line has no price."""
    lines = text.split("\n")
    hits = [hit.group(1) for form in LINES.get(field, ()) for line in lines if (hit := re.fullmatch(form, line, re.IGNORECASE))]
    if field == "price":
        prices = (PRICE.search(OLD.sub("", hit)) for hit in hits)
        return [price.group() if price else "" for price in prices]
    return [TRAIL.split(hit)[-1].strip() if field == "category" else hit.strip() for hit in hits]
