"""Paragraphs of a site go; what is the same for a good reason stays."""

import numpy as np
import pytest

from stages.params import Boilerplate
from stages.sanitize.boilerplate import Counts, hashes

SECTION = Boilerplate(min_words=4, min_documents=3, min_share=0.5)
BANNER = "We use cookies to\nimprove your experience."


def _cleared(texts: list[str], collections: list[str] | None = None) -> list[tuple[str, list[str]]]:
    names = collections or ["site"] * len(texts)
    counts = Counts(SECTION)
    found = [np.array(hashes(text, name, SECTION), dtype=np.uint64) for text, name in zip(texts, names, strict=True)]
    for paragraphs, name in zip(found, names, strict=True):
        counts.estimate([name], paragraphs)
    for paragraphs in found:
        counts.count(paragraphs)
    return [counts.without(text, name, own.tolist()) for text, name, own in zip(texts, names, found, strict=True)]


def _site(paragraph: str, pages: int = 4, others: int = 0) -> list[str]:
    return [f"Page {n} says this.\n\n{paragraph}\n\nAnd that, page {n}.\n" for n in range(pages)] + [
        f"Other page {n} is without.\n" for n in range(others)
    ]


def test_a_repeated_paragraph_goes_with_a_note() -> None:
    text, notes = _cleared(_site(BANNER))[2]
    assert text == "Page 2 says this.\n\nAnd that, page 2.\n"
    assert notes == ["42 characters that stand in 4 documents"]


@pytest.mark.parametrize(
    "paragraph", ["WE USE COOKIES to improve your experience.", "We use  cookies to improve\nyour experience."]
)
def test_case_and_line_ends_do_not_matter(paragraph: str) -> None:
    assert _cleared([*_site(BANNER, 3), f"Last.\n\n{paragraph}\n"])[3][0] == "Last.\n"


@pytest.mark.parametrize(
    "paragraph",
    [
        "## How to use the command",
        "The command takes these options:",
        "    indented code of four words",
        "| a | b | c | d |\n| --- | --- | --- | --- |",
        "```\nsame code in all pages\n\nsecond part of the code\n```",
        "See also above.",
    ],
)
def test_headings_lead_ins_tables_code_and_short_lines_stay(paragraph: str) -> None:
    pages = _site(paragraph)
    assert [text for text, _ in _cleared(pages)] == pages


def test_a_chinese_paragraph_has_words_though_no_spaces() -> None:
    assert _cleared(_site("我们使用饼干来改善您的体验。"))[0][0] == "Page 0 says this.\n\nAnd that, page 0.\n"
    pages = _site("另见上文。")
    assert [text for text, _ in _cleared(pages)] == pages


def test_few_documents_or_a_small_share_are_no_boilerplate() -> None:
    for pages in (_site(BANNER, 2), _site(BANNER, 3, others=5)):
        assert [text for text, _ in _cleared(pages)] == pages


def test_collections_are_counted_apart() -> None:
    pages = _site(BANNER, 4)
    assert [text for text, _ in _cleared(pages, ["a", "a", "b", "b"])] == pages


def test_the_same_paragraph_twice_in_one_document_counts_once() -> None:
    pages = [f"Page {n} here.\n\n{BANNER}\n\n{BANNER}\n" for n in range(2)]
    assert [text for text, _ in _cleared(pages)] == pages
