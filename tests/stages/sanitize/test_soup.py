"""The tree that markdownify reads is the one that BeautifulSoup would have made of the same page."""

import lxml.html
import pytest
from bs4 import BeautifulSoup
from bs4.element import PageElement, Tag
from hypothesis import given
from hypothesis import strategies as st

from stages.sanitize.soup import soup


def _element(name: str, parts: list[str]) -> str:
    return f'<{name} class="x y">{"".join(parts)}</{name}>'


NAMES = st.sampled_from("div p b ul li table tr td pre br wbr img code".split())
PAGES = st.recursive(st.sampled_from(["a", " b ", "\n", "&amp;"]), lambda inside: st.builds(_element, NAMES, st.lists(inside)))


def _shape(part: PageElement) -> object:
    """A tree as nested lists, and what its links say."""
    if not isinstance(part, Tag):
        return str(part).strip() or " ", isinstance(part.next_sibling, Tag)
    children = [_shape(child) for child in part.children]
    return part.name, children, len(part.find_all(["td", "li"])), part.find_parent("pre") is not None


@given(PAGES)
def test_it_is_what_a_parser_makes_of_the_page(page: str) -> None:
    tree = lxml.html.fragment_fromstring(page, create_parent="div")
    html = lxml.html.tostring(tree, encoding="unicode", method="xml")
    assert _shape(soup(tree)) == _shape(BeautifulSoup(html, "html.parser"))


@pytest.mark.parametrize(("page", "text"), [("a<!-- b -->c", "ac"), ("a<?b?>c", "ac")])
def test_what_is_never_read_is_not_in_it(page: str, text: str) -> None:
    assert soup(lxml.html.fragment_fromstring(page, create_parent="div")).text == text


def test_attributes_are_as_written() -> None:
    (cell,) = soup(lxml.html.fragment_fromstring('<td colspan="2" class="a b">c</td>')).find_all("td")
    assert cell.attrs == {"colspan": "2", "class": "a b"}
