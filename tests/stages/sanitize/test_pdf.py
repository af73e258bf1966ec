"""Text of PDFs: paragraphs whole, words whole, running heads gone; what cannot be read says why."""

import pytest

from stages.sanitize import pdf as pdf_module
from stages.sanitize.pdf import pdf_text
from stages.sanitize.records import Encrypted, Unreadable
from tests.stages.files import pdf

LINE = "These words fill a line of the column from the left to the right"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([LINE, "and end here."], f"{LINE} and end here."),
        ([f"{LINE} exam-", "ple of it."], f"{LINE} example of it."),
        (["A well-known fact.", f"{LINE} well-", "known to all."], f"A well-known fact.\n\n{LINE} well-known to all."),
        ([f"{LINE}.", "What we cut", f"{LINE}.", "and so on."], f"{LINE}.\n\nWhat we cut\n{LINE}. and so on."),
        ([f"{LINE} 1998-", "1999 and on."], f"{LINE} 1998-1999 and on."),
        ([LINE, "- one", "- two"], f"{LINE}\n\n- one\n- two"),
    ],
)
def test_lines_become_paragraphs(lines: list[str], text: str) -> None:
    assert pdf_text(pdf([lines])).strip() == text


def test_running_heads_and_page_numbers_go() -> None:
    pages = [
        ["The Manual", f"Page {n} tells of the {word} one.", f"{n} of 5"]
        for n, word in enumerate(["red", "blue", "old", "new"], 1)
    ]
    text = pdf_text(pdf(pages))
    assert "The Manual" not in text
    assert "of 5" not in text
    assert [f"the {word} one" in text for word in ("red", "blue", "old", "new")] == [True] * 4


def test_a_paragraph_goes_on_over_the_page_end() -> None:
    assert pdf_text(pdf([[LINE], ["and ends here."]])).strip() == f"{LINE} and ends here."


def test_a_password_is_a_reason_of_its_own() -> None:
    with pytest.raises(Encrypted, match="asks for a password"):
        pdf_text(pdf([["x"]], encrypted=True))


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n", pdf([["x"]])[:100], b"<html>"])
def test_what_is_no_whole_pdf_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable, match="pdfium"):
        pdf_text(content)


def test_ligatures_of_a_font_are_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "_pages", lambda content: ["The e\ufb03cient \ufb01lter \ufb02ows o\ufb00."])
    assert pdf_text(b"") == "The efficient filter flows off.\n\n"
