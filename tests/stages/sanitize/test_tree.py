"""The tree of a page of whatever bytes."""

import pytest
from lxml import etree

from stages.sanitize.tree import CONTROL, parse


@pytest.mark.parametrize(
    "sign", ["\x01", "&#1;", "&#01;", "&#x1;", "&#X1F;", "&#x0b;", "&#31;", "&#65535;", "&#xFFFE;", "&#11"]
)
def test_control_characters_go_however_they_are_written(sign: str) -> None:
    tree = parse(f"<p title='a{sign}b'>a{sign} b</p>")
    assert tree is not None
    assert not CONTROL.search("".join([*tree.itertext(), *tree.xpath("//@title")]))


@pytest.mark.parametrize("space", ["\xa0", "&nbsp;", "&#160;"])
def test_a_garbled_space_is_mended_before_half_of_it_goes(space: str) -> None:
    tree = parse(f"<p>Ça alors.Â{space}</p><p>A Â circumflex</p>")
    assert tree is not None
    assert tree.text_content() == "Ça alors.\xa0A Â circumflex"


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("<body>a</body> b<p>c</p>d", "a b<p>c</p>d"),
        ("<body>a</body>&#1;b</html>&#2;c", "ab<div>c</div>"),
        ("<body>a</body><body>b</body>", "a<div>b</div>"),
        ("<p>a</p></html>b <i>c</i>", "<p>a</p><div>b <i>c</i></div>"),
        ("<p>a</p></body></html>\n<html><head><title>x</title></head><body>b</body></html>", "<p>a</p><div><div>b</div></div>"),
        ("<body><p>a</p></body>\n</html>\n", "<p>a</p>"),
    ],
)
def test_what_follows_the_body_is_in_it(page: str, body: str) -> None:
    tree = parse(page)
    assert tree is not None
    assert etree.tostring(tree, encoding="unicode") == f"<html><body>{body}</body></html>"


@pytest.mark.parametrize("sign", ["&#39;", "&#x27;", "&#10;", "&#160;", "&#8217;"])
def test_other_references_stay(sign: str) -> None:
    tree = parse(f"<p>a{sign}b</p>")
    assert tree is not None
    assert len(tree.text_content()) == 3
