"""Repairs of text: what changes, and what must stay as it is; and what holds for every transform of text."""

import time

import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages.sanitize.text import BY_DOC_TYPE, SUSPECT, repair_unicode, tidy_lines
from tests.stages.sanitize.odd import REPEATED, TEXTS

TRANSFORMS = {"unicode": repair_unicode, "lines": tidy_lines} | {
    name: lambda text, change=change: change(text)[0] for name, change in BY_DOC_TYPE.items()
}
EVERY_TRANSFORM = pytest.mark.parametrize("name", list(TRANSFORMS))
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
HINDI = "\u0915\u094d\u200d\u0937"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        pytest.param("caf\u00c3\u00a9", "café", id="mojibake"),
        pytest.param("it\u00e2\u20ac\u2122s", "it’s", id="mojibake of a quote"),
        pytest.param("e\u0301", "é", id="NFC"),
        pytest.param("a\u00adb\u200bc\ufeff\u2060", "abc", id="soft hyphen and what has no width"),
        pytest.param("12\u00a0€ 1\u202f299 a\u2009b", "12 € 1 299 a b", id="no-break and thin spaces"),
        pytest.param("a\r\nb\rc\u2028d\x0be", "a\nb\nc\nd\ne", id="line ends"),
        pytest.param("a\x0cb", "a\n\nb", id="end of a page"),
        pytest.param("a\x00b\x07\tc\x9d", "ab\tc", id="control characters"),
        pytest.param("a\x1b[31mb\x1b[0m", "ab", id="colours of a terminal"),
        pytest.param("“x”", "“x”", id="quotes"),
        pytest.param("&lt;b&gt; &amp; &quot;", "&lt;b&gt; &amp; &quot;", id="entities that would become markup"),
        pytest.param("<b>&lt;i&gt;</b>", "<b>&lt;i&gt;</b>", id="tags"),
        pytest.param("caf&eacute; &#8364; &#x2014;", "café € —", id="entities of letters and signs"),
        pytest.param("`&eacute;` &eacute;", "`&eacute;` é", id="entities in code"),
        pytest.param(FAMILY, FAMILY, id="a family of emoji"),
        pytest.param(PERSIAN, PERSIAN, id="Persian"),
        pytest.param(HINDI, HINDI, id="Hindi"),
        pytest.param(ENGLAND, ENGLAND, id="the flag of a region"),
        pytest.param("a\u200db \u200cc", "ab c", id="joiners between Latin letters"),
        pytest.param("a\U000e0068\U000e0069b", "ab", id="letters hidden as tags"),
        pytest.param("a\u202eb\u202c\u200ec", "abc", id="marks of direction where nothing runs right to left"),
        pytest.param("\u05d0\u200f!\u202e", "\u05d0\u200f!", id="marks of direction in Hebrew"),
        pytest.param("a\ud800b", "a\ufffdb", id="half a surrogate pair"),
        pytest.param("the vil\x02lage", "the village", id="a hyphen of a PDF"),
        pytest.param("well-known: a well\x02known key", "well-known: a well-known key", id="a compound of a PDF"),
        pytest.param("vil\u00ad\nlage", "village", id="a soft hyphen at the end of a line"),
    ],
)
def test_repair_unicode(text: str, repaired: str) -> None:
    assert repair_unicode(text) == repaired


@given(st.text())
def test_repaired_text_has_no_tag_that_was_not_there(text: str) -> None:
    assert repair_unicode(text).count("<") == text.count("<")


@given(st.text())
def test_repaired_text_can_be_written(text: str) -> None:
    repair_unicode(text).encode("utf-8")


@pytest.mark.parametrize(("text", "tidy"), [("a  \n\n\n\nb\t\n", "a\n\nb\n"), ("\n a\n", "a\n"), ("", "\n")])
def test_tidy_lines(text: str, tidy: str) -> None:
    assert tidy_lines(text) == tidy


@EVERY_TRANSFORM
@settings(max_examples=150)
@given(st.one_of(st.text(max_size=80), TEXTS))
def test_what_is_clean_stays(name: str, text: str) -> None:
    once = TRANSFORMS[name](text)
    assert TRANSFORMS[name](once) == once


@EVERY_TRANSFORM
def test_time_grows_with_the_text_and_not_with_its_square(name: str) -> None:
    """100 kB take 0.2 s at most here; with a square in it they take minutes."""
    for unit in REPEATED:
        text = (unit * (100_000 // len(unit) + 1))[:100_000]
        start = time.process_time()
        TRANSFORMS[name](text)
        assert time.process_time() - start < 5, repr(unit)


ODD = "".join(MOJIBAKE_CATEGORIES.values()).replace("-", "") + "ÂÃÎÐØÙŒœ‚ÄвЂГўВРСβ€ΒΓΞΟā√≈à"


@settings(max_examples=1000)
@example("Œ.")
@example("aÃ ")
@example("Â x")
@example("a\x81")
@given(st.text(st.one_of(st.sampled_from(ODD), st.sampled_from("aZ ,.5-\xa0\x81")), min_size=1, max_size=5))
def test_what_ftfy_calls_bad_is_always_asked_about(line: str) -> None:
    assert SUSPECT.search(line) or not is_bad(line)
