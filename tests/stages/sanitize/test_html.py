"""HTML pages as Markdown."""

import time
from functools import partial

import pytest

from stages.sanitize.html import to_markdown, whole_markdown
from stages.sanitize.tree import title_of

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


@pytest.mark.parametrize("doc_type", ["technical", "web", "narrative", "faq"])
def test_a_heading_that_is_a_button_stays(doc_type: str) -> None:
    text = to_markdown(PAGE.replace("<h2>Rank</h2>", "<h2><button>Rank</button></h2>"), doc_type)
    assert "## Rank" in text


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


@pytest.mark.parametrize("doc_type", ["technical", "faq"])
def test_a_page_too_deep_for_the_renderer_is_its_bare_text(doc_type: str) -> None:
    assert "x" in to_markdown("<div>" * 400 + "x" + "</div>" * 400, doc_type)


@pytest.mark.parametrize(
    ("name", "stays"),
    [("cookie-banner", False), ("onetrust-consent-sdk", False), ("cookieNotice", False), ("cookies", True), ("privacy", True)],
)
def test_requests_for_consent_go_but_not_questions_about_them(name: str, stays: bool) -> None:
    page = f'<h2>What is stored?</h2><p>{PARAGRAPH}</p><div id="{name}"><p>We use cookies.</p></div>'
    assert ("We use cookies." in to_markdown(page, "faq")) == stays


def test_a_form_around_the_whole_page_is_no_noise() -> None:
    assert PARAGRAPH in to_markdown(f"<form><h2>What is it?</h2><p>{PARAGRAPH}</p></form>", "faq")


def test_what_a_converter_made_is_all_content() -> None:
    text = whole_markdown("<body><p>a</p><div class='sidebar'><ul><li>b</ul></div><script>x()</script></body>")
    assert text.split() == ["a", "-", "b"]


@pytest.mark.parametrize("tag", ["aside", "footer", "header", "form"])
def test_in_a_book_a_note_is_content_and_a_list_of_contents_is_none(tag: str) -> None:
    text = whole_markdown(f"<body><nav><p>1 A</p></nav><p>a</p><{tag} epub:type='sidebar'><p>b</p></{tag}><p>c</p></body>")
    assert text.split() == ["a", "b", "c"]


def test_time_grows_with_the_buttons_of_a_heading_and_not_with_their_square() -> None:
    """40,000 take 0.5 s here; where each asks for the text of the heading anew, 10 s."""
    start = time.process_time()
    to_markdown(f"<h1>{'<button>a</button>' * 40_000}</h1>", "faq")
    assert time.process_time() - start < 5


@pytest.mark.parametrize("part", ["word <button>x</button> ", "word <b class=gdpr>x</b> ", "word <iframe></iframe> "])
def test_time_grows_with_what_is_dropped_and_not_with_its_square(part: str) -> None:
    """80,000 take 2 s here; where the texts between them are joined one by one, 10 s and more."""
    start = time.process_time()
    text = (whole_markdown if "iframe" in part else partial(to_markdown, doc_type="faq"))(f"<p>{part * 80_000}</p>")
    assert text.count("word") == 80_000
    assert "x" not in text
    assert time.process_time() - start < 8
