"""What tells content from boilerplate, run by run."""

import pytest

from stages.sanitize import signs
from stages.sanitize.outline import outline
from stages.sanitize.tree import parse


def _column(name: str, body: str) -> list[float]:
    tree = parse(f"<html><body>{body}</body></html>")
    assert tree is not None
    return [float(value) for value in signs.signs(outline(tree.find("body")))[:, signs.names().index(name)]]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("© 2024 Morel", 1), ("All rights reserved", 1), ("Sign in or LOG IN to comment", 3), ("Login", 1), ("3 views", 1),
        ("Add to cart", 1), ("A sign, in the dark", 0), ("Views of a designer's cookiebook", 1), ("The key and the door", 0),
    ],
)  # fmt: skip
def test_phrases_of_boilerplate_are_counted(text: str, count: int) -> None:
    assert _column("phrases", f"<p>{text}</p>") == [pytest.approx(count / 3)]


def test_names_hold_for_what_is_inside_and_no_further() -> None:
    body = "<div class='sidebar'><p>a</p><div id='related'></div></div><div id='main-Content' role='main'><p hidden>b</p></div>"
    assert _column("side", body) == [1, 0]
    assert _column("content", body) == [0, 1]
    assert _column("role_main", body) == [0, 1]
    assert _column("concealed", body) == [0, 1]
    assert _column("related", body) == [0, 0]
