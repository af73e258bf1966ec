"""One page: its encoding, what of it the model reads, and what does not fit."""

import io
import re
import sys
from pathlib import Path

import pytest

from stages.command import Failure
from stages.params import Params, Task
from stages.predict.model import Cleaner, Model, open_model
from stages.predict.page import put, read_page


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>12 €".encode(), "<p>12 €"),
        ("<p>caf\u00e9 12 €".encode("cp1252"), "<p>café 12 €"),
        ('<meta charset="iso-8859-2"><p>kůň'.encode("iso-8859-2"), '<meta charset="iso-8859-2"><p>kůň'),
        ("<p>é".encode("utf-16"), "<p>é"),
    ],
)
def test_a_page_in_any_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, text: str) -> None:
    (tmp_path / "page.html").write_bytes(content)
    assert read_page(str(tmp_path / "page.html")) == text
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_page("-") == text


def test_a_missing_page_is_named() -> None:
    with pytest.raises(Failure, match=r"none\.html does not exist; give a file, or - for standard input"):
        read_page("none.html")


@pytest.mark.parametrize("task", ["extract", "faq"])
def test_half_a_surrogate_pair_becomes_a_question_mark(task: Task) -> None:
    assert Cleaner(task, frozenset())("a\0 \ud800 open") == "a ? open"


@pytest.fixture(scope="module")
def model(models: Path, loaded: Params) -> Model:
    return open_model(loaded, "base", "products", models, False, slots=1)


@pytest.mark.slow
def test_a_page_is_cleaned_as_in_training(model: Model) -> None:
    page = "<script>x()</script><nav>Home</nav><h1>X200</h1><b class=price>12&nbsp;€</b> a@b.example.org\0<p>end"
    assert model.clean(page) == "# X200\n[price] 12 € [email]\nend"


@pytest.mark.slow
def test_a_long_page_keeps_its_ends_and_says_what_it_lost(model: Model) -> None:
    page = "<h1>First</h1>" + "".join(f"<p>line {n}</p>" for n in range(3000)) + "<p>Last words</p>"
    encoded, said = put(model, page)
    shown = model.tokenizer.decode(encoded.ids)
    assert len(encoded.ids) <= model.budget
    assert "# First\nline 0" in shown and "Last words<|im_end|>" in shown
    assert f"{len(page):,} characters of the page are {len(model.clean(page)):,} of text" in said
    assert f"; {encoded.n_cut:,} tokens from its middle did not fit and were left out: … " in said
    before, _, after = said.rpartition(": … ")[2].partition(" […] ")
    assert re.search(r"line \d+", before)
    assert re.search(r"line \d+", after)


@pytest.mark.slow
def test_a_short_page_loses_nothing(model: Model) -> None:
    assert "left out" not in put(model, "<h1>X200</h1>")[1]


@pytest.mark.slow
def test_a_page_without_text_is_refused(model: Model) -> None:
    with pytest.raises(Failure, match="the page holds no text that a person would see, in 18 characters"):
        put(model, "<script>x</script>")
