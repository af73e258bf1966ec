"""Shapes of questions on HTML pages, as Markdown in the uniform form."""

import json
import time

import pytest

from stages.sanitize.faq import faq
from stages.sanitize.html import to_markdown

DATA = {"@type": "FAQPage", "mainEntity": [
    {"@type": "Question", "name": "Open?", "acceptedAnswer": {"@type": "Answer", "text": "<p>No, <b>never</b>.</p>"}},
    {"@type": "Question", "name": "Paid?", "acceptedAnswer": {"@type": "Answer", "text": "Yes."}},
]}  # fmt: skip
JSON_LD = f'<script type="application/ld+json">{json.dumps(DATA)}</script>'


def _text(page: str) -> str:
    return faq(to_markdown(f"<html><body>{page}</body></html>", "faq"))[0]


SHAPES = {
    "headings": ["<h3>{}</h3><p>{}</p>"],
    "details": ["<details><summary>{}</summary>{}</details>", "<details><summary><b>{}</b></summary><p>{}</p></details>"],
    "labels": ["<p>Q: {}</p><p>A: {}</p>"],
    "bold": ["<p><strong>1. {}</strong><br>{}</p>", "<p><strong>2. {}</strong><br>{}</p>"],
    "aria-controls": [
        '<button aria-controls="a">{}</button><div id="a" hidden>{}</div>',
        '<button aria-controls="b">{}</button><div id="b" style="display:none">{}</div>',
    ],
    "button in a heading": ['<h2><button class="accordion-button">{}</button></h2><div class="accordion-body">{}</div>'],
    "bare button in a heading": ["<h3><button>{}</button></h3><div>{}</div>"],
    "table": [
        "<table><tr><th>Question</th><th>Answer</th></tr><tr><td>{}</td><td>{}</td></tr>",
        "<tr><td>{}</td><td>{}</td></tr></table>",
    ],
    "collapse": [
        '<a data-toggle="collapse" href="#a">{}</a><div id="a" class="collapse">{}</div>',
        '<a data-bs-toggle="collapse" class="collapse-title">{}</a><div>{}</div>',
    ],
    "class names": [
        '<div class="faq-item"><div class="faq-question"><span>{}</span></div><div class="faq-answer">{}</div></div>',
        '<div class="accordion-title">{}</div><div class="accordion-content">{}</div>',
    ],
    "microdata": ['<div itemscope itemtype="https://schema.org/Question"><span itemprop="name">{}</span><div>{}</div></div>'],
}


@pytest.mark.parametrize("shapes", [["<dl><dt>{}</dt><dd>{}</dd></dl>"], *SHAPES.values()], ids=["definition list", *SHAPES])
def test_shapes(shapes: list[str]) -> None:
    page = shapes[0].format("Open?", "No.") + shapes[-1].format("Paid?", "Yes.")
    assert _text(page) == "## Open?\n\nNo.\n\n## Paid?\n\nYes.\n"


def test_json_ld_alone() -> None:
    assert _text(f"{JSON_LD}<h1>Help</h1>") == "# Help\n\n## Open?\n\nNo, **never**.\n\n## Paid?\n\nYes.\n"


def test_json_ld_fills_in_what_the_page_does_not_show() -> None:
    page = f"{JSON_LD}<h3>Open?</h3><div></div><h3>Paid?</h3><p>Yes.</p>"
    assert _text(page) == "## Paid?\n\nYes.\n\n## Open?\n\nNo, **never**.\n"


def test_json_ld_that_the_page_shows_is_said_once() -> None:
    page = f"{JSON_LD}<h3>Open?</h3><p>No, <i>never</i>.</p><h3>Paid?</h3><p>Yes.</p>"
    assert _text(page).count("Open?") == _text(page).count("Paid?") == _text(page).count("Yes.") == 1


@pytest.mark.parametrize(
    "page",
    [
        '<nav><button aria-controls="menu">Menu</button></nav>',
        '<button aria-controls="menu" aria-expanded="false">Toggle navigation</button>',
        "<dl><dt>Rank</dt><dd>The size.</dd></dl>",
    ],
)
def test_menus_and_glossaries_are_no_questions(page: str) -> None:
    assert "##" not in _text(f"{page}<p>Text.</p>")


def test_boxes_in_boxes_that_name_no_panel_are_not_searched_for_one() -> None:
    """1.5 s here; where each asks what all boxes inside are named, 9 s."""
    start = time.process_time()
    deep = f"{'<div class=menu>' * 1900}Menu {'</div>' * 1900}"
    assert "Menu" in to_markdown(deep * 6, "faq")
    assert time.process_time() - start < 6
