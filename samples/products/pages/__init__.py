"""All page families, each a function from a scene to HTML; the function's name is the family's name.

Example:
    >>> FAMILIES["simple_card"].__name__
    'simple_card'
"""

from collections.abc import Callable

from samples.products.pages import cards, markup, messy, shops, tables, whole
from samples.products.scene import Scene

Page = Callable[[Scene], str]

FAMILIES: dict[str, Page] = {
    page.__name__: page for module in (cards, tables, markup, shops, whole, messy) for page in module.PAGES
}

# Families whose page states the price only in markup.
MACHINE_PRICE = {"microdata_content", "jsonld_only", "jsonld_range", "opengraph"}

# Shares without price, category and manufacturer where they differ from the usual ones.
MISSING = {
    "name_price_section": (0.0, 1.0, 1.0),
    "jsonld_only": (0.05, 0.25, 0.15),
    "comparison": (0.0, 0.25, 0.1),
}
MISSING |= {"quantity_tiers": (0.0, 0.2, 0.15), "split_price": (0.0, 0.2, 0.15)}
