"""Repairs of text: what changes, and what must stay as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.sanitize.text import faq, narrative, repair_unicode, technical, tidy_lines


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("caf\u00c3\u00a9", "café"),
        ("it\u00e2\u20ac\u2122s", "it’s"),
        ("e\u0301", "é"),
        ("a\u00adb\u200bc\ufeff", "abc"),
        ("12\u00a0€ 1\u202f299", "12 € 1 299"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x00b\x07\tc", "ab\tc"),
        ("“x”", "“x”"),
        ("&lt;b&gt; &amp;", "&lt;b&gt; &amp;"),
        ("<b>&lt;i&gt;</b>", "<b>&lt;i&gt;</b>"),
    ],
)
def test_repair_unicode(text: str, repaired: str) -> None:
    assert repair_unicode(text) == repaired


@given(st.text())
def test_repaired_text_has_no_tag_that_was_not_there(text: str) -> None:
    assert repair_unicode(text).count("<") == text.count("<")


@pytest.mark.parametrize(
    ("text", "spaced"),
    [
        ("5kg at 72°F", "5 kg at 72 °F"),
        ("1,5mm and 2.5kW", "1,5 mm and 2.5 kW"),
        ("10min, then 250ms.", "10 min, then 250 ms."),
        ("3 kg", "3 kg"),
        ("`5kg` and 5kg", "`5kg` and 5 kg"),
        ("```\n5kg\n```\n5kg\n", "```\n5kg\n```\n5 kg\n"),
        ("A4 10W-40 3D M8x20 5G 4K 1990s", "A4 10W-40 3D M8x20 5G 4K 1990s"),
        ("v1.5m 5kg-bag part-5mm", "v1.5m 5kg-bag part-5mm"),
    ],
)
def test_technical_puts_a_space_before_units_outside_code(text: str, spaced: str) -> None:
    assert technical(text) == spaced
    assert technical(spaced) == spaced


VERSE = "The key is small,\nthe door is tall,\nI turn it once\nand hear it fall."
DASHES = (
    "— Is the shop open on Sunday, or does it close at noon as it did?\n"
    "— It is closed on Sunday, and has been for the whole of this year."
)
WRAPPED = (
    "He had waited a long time in the cold for the tram that never came to the vil-\n"
    "lage on that day, and he had thought of the key in his pocket,\nand of the door."
)
UNWRAPPED = (
    "He had waited a long time in the cold for the tram that never came to the village"
    " on that day, and he had thought of the key in his pocket, and of the door."
)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (WRAPPED, UNWRAPPED),
        (f"{WRAPPED}\n\n{VERSE}", f"{UNWRAPPED}\n\n{VERSE}"),
        (VERSE, VERSE),
        (DASHES, DASHES),
        (DASHES.replace("— ", "« "), DASHES.replace("— ", "« ")),
        (DASHES.replace("— ", "- "), DASHES.replace("— ", "- ")),
        ("Wait... then", "Wait… then"),
        ("He left -- quickly--for home.", "He left — quickly — for home."),
        ("a  double   space", "a double space"),
        ("---\n\nAfter the rule.", "---\n\nAfter the rule."),
        ("    indented verse\n  another line", "    indented verse\n  another line"),
    ],
)
def test_narrative(text: str, mended: str) -> None:
    assert narrative(text) == mended


@pytest.mark.parametrize(
    ("text", "uniform"),
    [
        ("Q: Open on Sunday?\nA: No.", "## Open on Sunday?\n\nNo."),
        ("Q : Ouvert le dimanche ?\n\nR : Non.", "## Ouvert le dimanche ?\n\nNon."),
        ("Question : Ouvert ?\nRéponse : Non.", "## Ouvert ?\n\nNon."),
        ("Question 1: Open?\nAnswer: No.", "## Open?\n\nNo."),
        ("Q1: Open?\nA1: No.", "## Open?\n\nNo."),
        ("**Q: Open?**\n\n**A:** No.", "## Open?\n\nNo."),
        ("1. Q: Open?\nA: No.", "## Open?\n\nNo."),
        ("### 3. Ouvert ?\nOui.", "## Ouvert ?\n\nOui."),
        ("## Open on Sunday?\n\nNo.", "## Open on Sunday?\n\nNo."),
        ("# Questions\n\nQ: a?\nA: b\nc\n\nQ: d?\nA: e", "# Questions\n\n## a?\n\nb\nc\n\n## d?\n\ne"),
        ("Quality: good\nAre you?\nQuiz night?", "Quality: good\nAre you?\nQuiz night?"),
        ("Q: Which?\nA: One of\na) the first\nA. Smith's", "## Which?\n\nOne of\na) the first\nA. Smith's"),
    ],
)
def test_faq_has_one_form(text: str, uniform: str) -> None:
    assert [line.strip() for line in tidy_lines(faq(text)).splitlines()] == uniform.splitlines()


@pytest.mark.parametrize(("text", "tidy"), [("a  \n\n\n\nb\t\n", "a\n\nb\n"), ("\n a\n", "a\n"), ("", "\n")])
def test_tidy_lines(text: str, tidy: str) -> None:
    assert tidy_lines(text) == tidy
