"""A page as runs of text and the boxes that hold them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.sanitize.outline import WORD, Outline, outline
from stages.sanitize.tree import parse


def _outline(html: str) -> Outline:
    tree = parse(f"<html><body>{html}</body></html>")
    assert tree is not None
    return outline(tree.find("body"))


@pytest.mark.parametrize(
    ("html", "texts"),
    [
        ('<div class="card"><h3>X200</h3>12 €<p>A <a>drill</a>.</p></div>', ["X200", "12 €", "A drill."]),
        ("a<br>b", ["a", "b"]),
        ("a <b>b</b><i>c</i>\n d", ["a bc d"]),
        ("<script>x</script>a<style>y</style>b", ["ab"]),
        ("<noscript><p>a</p></noscript>", ["a"]),
        ("<p>a<!-- x -->b</p>", ["ab"]),
        ("<p> </p><p>…</p>", []),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", ["a", "b", "c"]),
        ("<textarea>a</textarea><template><p>b</p></template>c", ["c"]),
    ],
)
def test_runs(html: str, texts: list[str]) -> None:
    assert [run.text for run in _outline(html).runs] == texts


def test_words_in_links_are_counted() -> None:
    page = _outline("<p>One <a>two three</a> four</p><li> <a>Five</a>\n</li>")
    assert [(run.words, run.linked) for run in page.runs] == [(["one", "two", "three", "four"], 2), (["five"], 1)]


def test_a_box_knows_its_runs() -> None:
    page = _outline("<div>a<p>b</p><p>c</p></div><p>d</p>")
    assert [(box.tag, box.parent, box.first, box.end) for box in page.boxes] == [
        ("body", -1, 0, 4), ("div", 0, 0, 3), ("p", 1, 1, 2), ("p", 1, 2, 3), ("p", 0, 3, 4),
    ]  # fmt: skip


def test_a_deep_page_has_an_outline() -> None:
    assert [run.text for run in _outline("<div>" * 200 + "x" + "</div>" * 200).runs] == ["x"]


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from(["<p>", "</p>", "<div>", "</div>", "<a>", "</a>", "x ", "y\n", "<br>", "<ul><li>", "<script>"]),
        max_size=20,
    )
)
def test_no_word_is_lost_or_said_twice(parts: list[str]) -> None:
    tree = parse(f"<html><body>{''.join(parts)}</body></html>")
    assert tree is not None
    body = tree.find("body")
    shown = (
        [text for element in body.iter() if element.tag != "script" for text in (element.text,) if text]
        if body is not None
        else []
    )
    page = outline(tree if body is None else body)
    said = sum(len(run.words) for run in page.runs)
    assert said == sum(len(WORD.findall(run.text)) for run in page.runs)
    assert said >= sum(len(WORD.findall(text)) for text in shown) - len(shown)
