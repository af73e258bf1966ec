"""What a page says of its kind."""

import pytest

from stages.sanitize import signs
from stages.sanitize.kinds import kind_signs
from stages.sanitize.outline import outline
from stages.sanitize.tree import parse


def _signs(head: str, body: str = "<p>Some text.</p>") -> dict[str, float]:
    tree = parse(f"<html><head>{head}</head><body>{body}</body></html>")
    assert tree is not None
    page = outline(tree.find("body"))
    return kind_signs(tree, page, signs.signs(page), signs.names())


@pytest.mark.parametrize(
    ("head", "sign"),
    [
        ('<meta property="og:type" content="article">', "og_article"),
        ('<meta property="article:published_time" content="2024-05-05">', "dated"),
        ('<meta name="author" content="A. B.">', "signed"),
        ('<meta name="generator" content="Sphinx 7">', "made_manual"),
        ('<script type="application/ld+json">{"@type": "NewsArticle"}</script>', "type_article"),
        ('<script type="application/ld+json">{"@graph": [{"@type": ["Thing", "Product"]}]}</script>', "type_product"),
        ('<link rel="canonical" href="https://example.org/blog/a-key-that-fits-all">', "in_article"),
        ('<link rel="canonical" href="https://example.org/a-key-that-fits-all">', "address_slug"),
        ('<link rel="canonical" href="https://docs.example.org/x">', "host_manual"),
        ('<meta property="og:url" content="https://example.org/collections/drills">', "in_list"),
        ('<link rel="canonical" href="https://example.org/">', "address_root"),
        ("", "address_none"),
    ],
)
def test_the_head_says_its_kind(head: str, sign: str) -> None:
    assert _signs(head)[sign] == 1


def test_long_paragraphs_are_weighed_by_their_words() -> None:
    long = " ".join(["word"] * 30)
    assert _signs("", f"<p>{long}</p><p>{long[:49]}</p>")["long_paragraphs"] == pytest.approx(0.75)


@pytest.mark.parametrize("head", ['<script type="application/ld+json">{</script>', '<link rel="canonical">', "<meta>"])
def test_a_head_that_says_nothing(head: str) -> None:
    assert "type_article" not in _signs(head)
