"""The type of a document that declares none, by its outline."""

import time

import pytest

from stages.ingest import page
from stages.ingest.doctype import Outline, decide, outline_of_text

PROSE = "The shop is open in the morning and the counter is at the back of the hall. " * 12
STORY = "She looked at me and said that he had taken my key. I asked her for it, and we went to his house together. " * 6
LD = '<script type=\'application/ld+json\'>{{"@type": "{}"}}</script>'


@pytest.mark.parametrize(
    ("html", "decided"),
    [
        (LD.format("FAQPage") + "<h2>Questions</h2>", ("faq", 1.0)),
        (LD.format("https://schema.org/FAQPage") + "<p>x", ("faq", 1.0)),
        (f"{LD.format('FAQPage')}{LD.format('Article')}<p>{PROSE}", ("web", 1.0)),
        ("<h2>How?</h2><h2>Why?</h2><h2>Where?</h2><h2>Contact</h2>", ("faq", 0.75)),
        ("<dl><dt>How?<dd>So.<dt>Why?<dd>So.<dt>Where?<dd>There.</dl>", ("faq", 1.0)),
        ("<details><summary>How?</summary>So.</details>" * 3, ("faq", 1.0)),
        ("<h2>How?</h2><h2>Why?</h2>", ("web", 1.0)),
        ("<div itemscope itemtype='https://schema.org/Product'>Drill</div>", ("product", 1.0)),
        ("<meta property='og:type' content='product'><p>Drill", ("product", 1.0)),
        ("<h1>Drill</h1><p>49,90 €</p><p>Ajouter au panier", ("product", 1.0)),
        (f"<p>{PROSE * 9}</p><p>49,90 €</p><p>In stock", ("web", 0.51)),
        (f"<p>Our museum costs $12.</p><p>{PROSE}", ("web", 0.6)),
        (f"<p>Run it.</p><pre>{'x = f(y) ' * 30}</pre>", ("technical", 1.0)),
        (LD.format("TechArticle") + f"<p>{PROSE}", ("technical", 1.0)),
        (f"<p>{STORY}", ("narrative", 1.0)),
        (f"<p>{PROSE}", ("web", 1.0)),
        ("", ("web", 1.0)),
    ],
)
def test_pages(html: str, decided: tuple[str, float]) -> None:
    assert decide(page.outline_of(page.parse(html)), True, 0.5) == decided


@pytest.mark.parametrize(
    ("text", "decided"),
    [
        ("# FAQ\n\n## How?\n\nSo.\n\n## Why?\n\nSo.\n\n## Where?\n\nThere.", "faq"),
        ("Q: How?\nA: So.\n\nQ: Why?\nA: So.\n\nQ: Where?\nA: There.", "faq"),
        ("How?\n----\n\nSo.\n\nWhy?\n----\n\nSo.\n\nWhere?\n------\n\nThere.", "faq"),
        (f"Use it.\n\n```python\n{'x = f(y)' * 30}\n\n{'x = f(y)' * 30}\n```\n\nEnd.", "technical"),
        ("Drill a hole of 8 mm at 900 rpm.\n\nTighten to 12 Nm.", "technical"),
        ("Call open_file() with --force.", "technical"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "technical"),
        (f"# A story\n\n{STORY}", "narrative"),
        ("Elle me regarda et dit que sa clé était perdue. Je lui répondis que nous la trouverions. " * 8, "narrative"),
        (PROSE, "other"),
        ("", "other"),
    ],
)
def test_texts(text: str, decided: str) -> None:
    assert decide(outline_of_text(text), False, 0.5)[0] == decided


def test_below_the_score_it_is_none_of_them() -> None:
    outline = Outline(headings=["How?", "Why?", "Where?", "Contact"])
    assert decide(outline, True, 0.75) == ("faq", 0.75)
    assert decide(outline, True, 0.76) == ("web", 0.25)


LINES = ["1 ", "1,", "a_", "/a", "\n ", "--", "```\n\n"]


@pytest.mark.parametrize("text", [line * 100_000 for line in LINES], ids=map(repr, LINES))
def test_a_text_of_one_kind_takes_no_time(text: str) -> None:
    start = time.process_time()
    decide(outline_of_text(text), True, 0.5)
    assert time.process_time() - start < 2
