"""The tree of a page of whatever bytes."""

import pytest

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


@pytest.mark.parametrize("sign", ["&#39;", "&#x27;", "&#10;", "&#160;", "&#8217;"])
def test_other_references_stay(sign: str) -> None:
    tree = parse(f"<p>a{sign}b</p>")
    assert tree is not None
    assert len(tree.text_content()) == 3
