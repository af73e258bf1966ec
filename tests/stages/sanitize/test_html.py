"""HTML pages as Markdown."""

import pytest

from stages.sanitize.html import render, title_of, to_markdown

PARAGRAPH = "A low-rank adapter adds two small matrices to every frozen weight and trains only those, which is cheap."
PAGE = (
    "<html><head><title> LoRA\n notes </title></head><body><nav><a>Menu entry</a></nav>"
    f"<article><h1>LoRA</h1><p>{PARAGRAPH}</p><h2>Rank</h2><p>{PARAGRAPH.replace('A low', 'Each low')}</p></article>"
    "<footer>Imprint of the shop</footer><script>secret()</script></body></html>"
)


@pytest.mark.parametrize("doc_type", ["technical", "faq"])
def test_the_content_stays_and_the_rest_goes(doc_type: str) -> None:
    text = to_markdown(PAGE, doc_type)
    for wanted in ("# LoRA", PARAGRAPH, "## Rank"):
        assert wanted in text
    for unwanted in ("Menu entry", "Imprint", "secret"):
        assert unwanted not in text


def test_faq_lists_stay_whole() -> None:
    page = "<ul>" + "".join(f"<li><a>Q: Question {n}?</a></li><li>A: Answer {n}.</li>" for n in range(5)) + "</ul>"
    text = to_markdown(page, "faq")
    assert [f"Answer {n}." in text for n in range(5)] == [True] * 5


@pytest.mark.parametrize(
    ("page", "title"),
    [(PAGE, "LoRA notes"), ("<title></title><p>x</p>", None), ("<p>x</p>", None), ("", None), ("<!-- x -->", None)],
)
def test_title(page: str, title: str | None) -> None:
    assert title_of(page) == title


@pytest.mark.parametrize("page", ["", "<!-- x -->", "<script>x</script>"])
def test_a_page_without_content_is_an_empty_text(page: str) -> None:
    assert to_markdown(page, "technical").strip() == ""


def test_a_page_too_deep_for_the_renderer_is_its_bare_text() -> None:
    assert "x" in render("<div>" * 240 + "x" + "</div>" * 240)
