"""What the steps make of one document: its text, its record, or the reason why there is none."""

import json
from typing import Any

import pytest
from datatrove.data import Document
from hypothesis import given
from hypothesis import strategies as st

from stages.params import Params, Sanitize
from stages.sanitize import parsers
from stages.sanitize.notes import Notes
from stages.sanitize.records import MAX_NOTES, Change, Drop, Transform, drop, record_of, record_step
from stages.sanitize.rst import RST
from stages.sanitize.steps import PDF, first_heading, steps
from tests.conftest import ROOT
from tests.stages.files import epub, pdf

TECHNICAL = ROOT / "data/raw/assistant/technical"
PROSE = "The shop on the corner has been open since the year in which the old bridge was built of stone. "
ROW = {
    "doc_id": "1",
    "source_uri": "a",
    "title": None,
    "language": None,
    "doc_type": "other",
    "charset": "utf-8",
    "caption": None,
}


def _through(section: Sanitize, content: bytes, mime: str, **row: Any) -> Document:
    data: Any = iter([record_of({**ROW, "content": content, "mime": mime, **row})])
    for step in steps(section):
        data = step.run(data)
    (document,) = data
    assert isinstance(document, Document)
    return document


@pytest.mark.parametrize(
    ("content", "mime", "row", "names"),
    [
        (b"<p>" + PROSE.encode() + b"</p>", "text/html", {}, ["decode", "html", "unicode", "lines", "pii"]),
        (PROSE.encode(), "text/plain", {"doc_type": "technical"}, ["decode", "unicode", "technical", "lines", "pii"]),
        (PROSE.encode(), "text/markdown", {}, ["decode", "front_matter", "unicode", "lines", "pii"]),
        (
            b"<h1>" + PROSE.encode() + b"</h1>",
            "text/html",
            {"doc_type": "product"},
            ["decode", "product", "unicode", "lines", "pii"],
        ),
        (PROSE.encode(), RST, {}, ["rst", "html", "unicode", "lines", "pii"]),
        (epub({"a": f"<p>{PROSE}</p>"}), parsers.EPUB, {"charset": None}, ["epub", "html", "unicode", "lines", "pii"]),
        (pdf([[PROSE]]), PDF, {"charset": None}, ["pdf", "unicode", "lines", "pii"]),
        (b"", "image/png", {"caption": PROSE, "charset": None}, ["caption", "unicode", "lines", "pii"]),
    ],
)
def test_every_step_is_recorded(content: bytes, mime: str, row: dict[str, Any], names: list[str], loaded: Params) -> None:
    document = _through(loaded.sanitize, content, mime, **row)
    found = document.metadata["steps"]
    assert [step["step"] for step in found] == names
    assert [step["chars_in"] for step in found[1:]] == [step["chars_out"] for step in found[:-1]]
    assert found[-1]["chars_out"] == len(document.text)
    assert PROSE.strip() in document.text
    assert document.metadata["language"] == "en"


@pytest.mark.parametrize(
    ("content", "mime", "reason", "detail"),
    [
        (b"short", "text/plain", "too_short", "5 < 30 characters"),
        (b"[1, 2", "application/json", "unreadable", "markup: not JSON: "),
        (b"{}", "application/json", "unreadable", "markup: a list of pairs was expected, not a JSON dict"),
        (b"\x00", "application/octet-stream", "unreadable", "parse: no reader for application/octet-stream"),
        (pdf([["x"]], encrypted=True), PDF, "encrypted", "parse: the PDF asks for a password"),
        (b"PK", parsers.DOCX, "unreadable", "parse: not a whole zip file"),
        (b"?! -- " * 20, "text/plain", "garbled", "0.00 of the characters"),
    ],
)
def test_a_drop_has_a_reason_and_a_value(content: bytes, mime: str, reason: str, detail: str, loaded: Params) -> None:
    charset = None if mime in (PDF, parsers.DOCX, "application/octet-stream") else "utf-8"
    found = _through(loaded.sanitize, content, mime, charset=charset).metadata
    assert found["drop_reason"] == reason
    assert found["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("name", "mime", "words"), [("key-cutting-bench.pdf", PDF, "key"), ("politique-de-retour.docx", parsers.DOCX, "retour")]
)
def test_a_whole_document_is_read(name: str, mime: str, words: str, loaded: Params) -> None:
    document = _through(loaded.sanitize, (TECHNICAL / name).read_bytes(), mime, charset=None)
    assert words in document.text
    assert len(document.text) > 500


@pytest.mark.parametrize("mime", ["text/html", "application/json", "text/markdown", PDF, parsers.DOCX, parsers.EPUB, RST])
@given(content=st.binary(max_size=300) | st.text(alphabet="<>/&;:`*[]{}\"'.-=+| \nab1", max_size=200).map(str.encode))
def test_any_bytes_are_text_or_have_a_reason(mime: str, content: bytes, loaded: Params) -> None:
    found = _through(loaded.sanitize, content, mime)
    assert found.metadata["drop_reason"] or len(found.text.strip()) >= loaded.sanitize.min_characters


@pytest.mark.parametrize("mime", [PDF, parsers.EPUB])
@given(noise=st.binary(max_size=60), place=st.integers(0, 900))
def test_a_damaged_file_is_text_or_has_a_reason(mime: str, noise: bytes, place: int, loaded: Params) -> None:
    whole = pdf([[PROSE, "and more"], ["another page"]]) if mime == PDF else epub({"a.xhtml": f"<p>{PROSE}</p>"})
    found = _through(loaded.sanitize, whole[:place] + noise + whole[place + len(noise) :], mime, charset=None)
    assert found.metadata["drop_reason"] in (None, "unreadable", "encrypted", "too_short", "garbled")


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 400 + PROSE + "</div>" * 400,
        "\x00".join(f"<p>{PROSE}</p>"),
        f"<html><body><p>{PROSE}</p>" + "<b><i><u>" * 2000,
        "<p>" + PROSE * 5000 + "</p>",
    ],
    ids=["nested", "nul", "unclosed", "one-line"],
)
def test_a_hostile_page_keeps_its_text(page: str, loaded: Params) -> None:
    document = _through(loaded.sanitize, page.encode(), "text/html", doc_type="web")
    assert document.metadata["drop_reason"] in (None, "repetitive")
    assert "old bridge was built" in document.text


@pytest.mark.parametrize(
    ("declared", "origin", "language"),
    [("de", {"language": "folder"}, "de"), ("de", {"language": "document"}, "en"), (None, {}, "en"), ("de", None, "de")],
)
def test_a_person_knows_the_language_better_than_a_page(declared: str, origin: Any, language: str, loaded: Params) -> None:
    document = _through(loaded.sanitize, PROSE.encode(), "text/plain", language=declared, origin=origin)
    assert document.metadata["language"] == language


def test_a_page_that_is_too_short_to_tell_has_the_language_that_it_names(loaded: Params) -> None:
    text = b"Une phrase bien trop courte ici."
    assert (
        _through(loaded.sanitize, text, "text/plain", language="fr", origin=[("language", "document")]).metadata["language"]
        == "fr"
    )


def _policy(loaded: Params, **policy: str) -> Sanitize:
    return loaded.sanitize.model_copy(update={"pii": {**loaded.sanitize.pii, **policy}})


@pytest.mark.parametrize(
    ("policy", "shown", "counts"),
    [("replace", "[email]", {"email": 1}), ("keep", "ann@example.org", {}), ("drop", "[email]", {"email": 1})],
)
def test_personal_data_are_treated_by_policy(policy: str, shown: str, counts: dict[str, int], loaded: Params) -> None:
    document = _through(_policy(loaded, email=policy), f"{PROSE} ann@example.org".encode(), "text/plain")
    assert shown in document.text
    assert document.metadata["pii"] == counts
    assert document.metadata["drop_reason"] == ("pii" if policy == "drop" else None)
    if policy == "drop":
        assert document.metadata["detail"] == "1 email"


def test_titles_notes_and_details_hold_no_personal_data(loaded: Params) -> None:
    page = f"<title>Ask ann@example.org</title><p>{PROSE}</p>".encode()
    assert _through(loaded.sanitize, page, "text/html").metadata["title"] == "Ask [email]"
    document = record_of({**ROW, "mime": "text/plain"})
    (told,) = Transform("x", lambda _: Change("x", PROSE, ["bob@example.org -> Bob"])).run(iter([document]))
    (masked,) = steps(loaded.sanitize)[-1].run(steps(loaded.sanitize)[-3].run(iter([told])))
    assert masked.metadata["steps"][0]["notes"] == ["[email] -> Bob"]
    broken = _through(loaded.sanitize, b'[{"a": "bob@example.org" x}]', "application/json").metadata
    assert "bob@" not in broken["detail"]


@pytest.mark.parametrize(
    "secret", ["jean.dupont@exemple-entreprise-longue.fr", "+33 6 12 34 56 78", "06 12 34 56 78", "DE89 3704 0044 0532 0130 00"]
)
def test_a_note_or_detail_that_is_cut_shows_no_half_of_personal_data(secret: str, loaded: Params) -> None:
    for before in range(20, 90):
        text = f"{'x' * before} {secret} and more of it that makes it too long"
        notes = Notes()
        notes.removed("line", text)
        notes.changed("short", text)
        document = record_of({**ROW, "mime": "text/plain", "language": "fr"})
        record_step(document, Change("x", PROSE, notes.listed()), 1)
        drop(document, Drop("unreadable", f"{'y' * 230}{text}"))
        shown = " ".join([*document.metadata["steps"][0]["notes"], document.metadata["detail"]])
        assert not any(secret[:size] in shown for size in (5, len(secret))), shown


def test_the_notes_of_a_dropped_document_hold_no_personal_data(loaded: Params) -> None:
    text = "Q: ann@example.org?\n\nA: No.\n"
    found = _through(_longer(loaded), text.encode(), "text/plain", doc_type="faq").metadata
    assert found["drop_reason"] == "too_short"
    assert [step["step"] for step in found["steps"]] == ["decode", "unicode", "faq", "lines"]
    assert "ann@" not in str(found["steps"])


def _longer(loaded: Params) -> Sanitize:
    return loaded.sanitize.model_copy(update={"min_characters": 1000})


def test_a_table_with_pairs_is_one_of_pairs(loaded: Params) -> None:
    table = b'input,output\n<h1>X200</h1>,"{""name"": ""X200""}"\n'
    document = _through(loaded.sanitize, table, "text/csv", doc_type="product")
    assert json.loads(document.text) == [{"input": "# X200", "output": {"name": "X200"}}]
    assert document.metadata["mime"] == "application/json"


@pytest.mark.parametrize("mime", ["text/csv", "text/tab-separated-values"])
@pytest.mark.parametrize("doc_type", ["narrative", "technical", "faq"])
def test_another_table_keeps_its_quotes_units_and_empty_cells(mime: str, doc_type: str, loaded: Params) -> None:
    text = 'name\tweight\tnote\n"the ""old"" lock"\t5kg\t\n"Is it\n\n\nopen?"\t6kg\t\n'
    assert _through(loaded.sanitize, text.encode(), mime, doc_type=doc_type).text == text


def test_pairs_are_masked_value_by_value_and_stay_json(loaded: Params) -> None:
    pairs = [{"input": "Mail ann@example.org", "output": {"name": "X"}, "card": 4111111111111111}]
    document = _through(loaded.sanitize, json.dumps(pairs).encode(), "application/json")
    found = json.loads(document.text)
    assert "[email]" in found[0]["input"]
    assert found[0]["card"] == 4111111111111111
    assert document.metadata["pii"] == {"email": 1}


def test_notes_are_few_and_short() -> None:
    notes = [f"{'long ' * 40}{n}" for n in range(50)]
    (document,) = Transform("x", lambda _: Change("x", "text", notes)).run(iter([record_of(ROW)]))
    found = document.metadata["steps"][0]["notes"]
    assert len(found) == MAX_NOTES
    assert max(map(len, found)) <= 80
    assert found[-1] == "… and 31 more"


@pytest.mark.parametrize(("text", "heading"), [("a\n## B c \n# D", "B c"), ("#none", None), ("", None)])
def test_first_heading(text: str, heading: str | None) -> None:
    assert first_heading(text) == heading


def test_comments_in_markdown_go_and_code_stays(loaded: Params) -> None:
    text = b"# Letter\n\nDear Paul <!-- draft --> and all.\n\n```html\n<!-- kept -->\n```\n"
    document = _through(loaded.sanitize, text, "text/markdown", doc_type="narrative")
    assert document.text == "# Letter\n\nDear Paul and all.\n\n```html\n<!-- kept -->\n```\n"
