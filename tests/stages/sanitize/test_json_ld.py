"""JSON-LD of a page, however it nests and whatever is broken in it."""

import json
from typing import Any

import lxml.html
import pytest

from stages.sanitize.json_ld import things


def _page(*blocks: Any) -> lxml.html.HtmlElement:
    scripts = (block if isinstance(block, str) else json.dumps(block) for block in blocks)
    return lxml.html.document_fromstring("".join(f'<script type="application/ld+json">{script}</script>' for script in scripts))


@pytest.mark.parametrize(
    ("blocks", "names"),
    [
        ([{"@type": "Product", "name": "a"}], ["a"]),
        ([{"@type": ["Thing", "Product"], "name": "a"}], ["a"]),
        ([[{"@type": "Product", "name": "a"}], {"@graph": [{"@type": "Product", "name": "b"}]}], ["a", "b"]),
        ([{"@type": "WebPage", "mainEntity": {"@type": "Product", "name": "a"}}], ["a"]),
        ([{"@type": "Product", "name": "a", "isRelatedTo": {"@type": "Product", "name": "b"}}], ["a"]),
        (["{broken", {"@type": "Product", "name": "a"}], ["a"]),
        (["[" * 100_000], []),
        ([5, None, "text"], []),
    ],
)
def test_things(blocks: list[Any], names: list[str]) -> None:
    assert [thing["name"] for thing in things(_page(*blocks), "Product")] == names
