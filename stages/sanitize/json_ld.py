"""JSON-LD: what a page says of itself to search engines, in `<script type="application/ld+json">`.

<script type="application/ld+json">{"@graph": [{"@type": "Product", "name": "X200"}]}</script>
->  {"@type": "Product", "name": "X200"}

A block that is no JSON is left out, and so is all that is not nested where the vocabulary of schema.org nests it.
"""

import json
from collections.abc import Iterator
from typing import Any

import lxml.html

NESTING = ("@graph", "mainEntity", "mainEntityOfPage", "breadcrumb", "itemOffered")


def things(tree: lxml.html.HtmlElement, *types: str) -> Iterator[dict[str, Any]]:
    """All objects of a page whose @type contains one of `types`, outermost first."""
    for script in tree.xpath("//script[contains(@type, 'ld+json')]"):
        try:
            found = json.loads(script.text_content(), strict=False)
        except (ValueError, RecursionError):
            continue
        yield from _inside(found, types)


def _inside(value: Any, types: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, types)
    elif isinstance(value, dict):
        if any(wanted in str(value.get("@type")) for wanted in types):
            yield value
        for key in NESTING:
            yield from _inside(value.get(key), types)


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a value that may be one, or a list of them."""
    return [item for item in listed(value) if isinstance(item, dict)]


def listed(value: Any) -> list[Any]:
    """A value that may be a list as one, without nulls."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None]
