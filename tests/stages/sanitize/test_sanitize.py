"""A small tree through ingest and sanitize: every file is kept or dropped once, with its reason."""

import re
from pathlib import Path

import pytest

from stages.documents import Row, read_shards
from stages.ingest.__main__ import files_below, ingest
from stages.params import Params
from stages.sanitize import parsers
from stages.sanitize.__main__ import Cleaning, first_heading, language_of, mask_pii, sanitize, without_front_matter
from tests.conftest import ROOT

LONG = " ".join(f"Sentence number {n} tells of the key and of the door that it opened at last." for n in range(12))
FILES = {
    "_metadata.yaml": b"licence: CC-BY-4.0\n",
    "a.md": f"---\ntitle: Keys\n---\n# Drill\n\n{LONG}\n".encode(),
    "b.md": f"# Drill\n\n{LONG}\n".encode(),
    "c.md": f"# Drill\n\n{LONG.replace('number 7', 'number seven')}\n".encode(),
    "d.html": b"<html><head><title>Page</title></head><body><p>"
    b"Write to ann.lee+shop@example.co.uk or bob@example.com from 192.168.0.1, not 1.2.3.</p></body></html>",
    "e.json": b'[{"input": "<p>x</p>", "output": {',
    "f.pdf": (ROOT / "data/raw/assistant/technical/key-cutting-bench.pdf").read_bytes()[:700],
    "g.txt": b"Too short.\n",
    "h.txt": b"",
    "i.png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 30,
}
DROPPED = {
    "_metadata.yaml": "metadata_file",
    "b.md": "exact_duplicate",
    "c.md": "near_duplicate",
    "e.json": "unreadable",
    "f.pdf": "unreadable",
    "g.txt": "too_short",
    "h.txt": "empty",
    "i.png": "too_short",
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, loaded: Params) -> Path:
    """Two clean corpora, `one` and `two`, of FILES, with the store that they come from in `store`."""
    folder = tmp_path_factory.mktemp("sanitize")
    (folder / "raw").mkdir()
    for name, content in FILES.items():
        (folder / "raw" / name).write_bytes(content)
    ingest(folder / "raw", folder / "store", loaded.ingest)
    for name in ("one", "two"):
        sanitize(folder / "store", folder / name, loaded.sanitize)
    return folder


def _rows(clean: Path, stem: str) -> dict[str, Row]:
    return {row["source_uri"]: row for row in read_shards(clean / "one", stem)}


def test_every_file_is_kept_or_dropped_once(clean: Path) -> None:
    found = [row["source_uri"] for stem in ("kept", "dropped") for row in read_shards(clean / "one", stem)]
    assert sorted(found) == files_below(clean / "raw")
    assert {uri: row["drop_reason"] for uri, row in _rows(clean, "dropped").items()} == DROPPED


def test_duplicates_name_their_twin(clean: Path) -> None:
    dropped = _rows(clean, "dropped")
    assert dropped["b.md"]["detail"] == "of a.md"
    assert dropped["c.md"]["detail"].startswith("of a.md, similarity 0.")
    assert dropped["g.txt"]["detail"] == "10 < 30 characters"


def test_an_unreadable_file_is_named_on_stderr(
    clean: Path, tmp_path: Path, loaded: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    sanitize(clean / "store", tmp_path, loaded.sanitize)
    assert sorted(re.findall(r"warning: sanitize: (\S+): .+; left out", capsys.readouterr().err)) == ["e.json", "f.pdf"]
    assert _rows(clean, "dropped")["e.json"]["detail"].startswith("not JSON: ")


def test_addresses_are_masked_and_counted(clean: Path) -> None:
    page = _rows(clean, "kept")["d.html"]
    assert page["text"].strip() == "Write to [email] or [email] from [ip], not 1.2.3."
    assert page["pii"] == {"email": 2, "ip": 1}
    assert (page["title"], page["mime"]) == ("Page", "text/html")


def test_the_steps_are_recorded(clean: Path) -> None:
    row = _rows(clean, "kept")["a.md"]
    assert [step["step"] for step in row["steps"]] == ["front_matter", "unicode", "lines", "pii"]
    first, last = row["steps"][0], row["steps"][-1]
    assert (first["chars_in"], last["chars_out"]) == (len(FILES["a.md"]), len(row["text"]))
    assert (row["title"], row["language"]) == ("Keys", "en")
    assert row["language_score"] > 0.9
    assert row["text"] == f"# Drill\n\n{LONG}\n"


def test_two_runs_write_the_same_bytes(clean: Path) -> None:
    one, two = ({path.name: path.read_bytes() for path in (clean / name).iterdir()} for name in ("one", "two"))
    assert len(one) == 9
    assert one == two


@pytest.mark.parametrize(
    ("name", "mime", "words"),
    [("key-cutting-bench.pdf", parsers.PDF, "key"), ("politique-de-retour.docx", parsers.DOCX, "<p>")],
)
def test_a_whole_document_is_parsed(name: str, mime: str, words: str) -> None:
    text = parsers.parse(mime, (ROOT / "data/raw/assistant/technical" / name).read_bytes(), 20)
    assert words in text
    assert len(text) > 500


def test_a_parser_that_hangs_is_killed() -> None:
    with pytest.raises(parsers.Unreadable, match=r"parser killed after 0.01 s"):
        parsers.parse(parsers.PDF, b"", 0.01)


@pytest.mark.parametrize(
    ("text", "masked", "counts"),
    [
        ("a.b+c@d-e.example.org!", "[email]!", {"email": 1}),
        ("255.255.255.255 and 256.1.1.1", "[ip] and 256.1.1.1", {"ip": 1}),
        ("@name, a@b, 12 €", "@name, a@b, 12 €", {}),
    ],
)
def test_mask_pii(text: str, masked: str, counts: dict[str, int]) -> None:
    cleaning = Cleaning(text)
    assert mask_pii(cleaning) == counts
    assert cleaning.text == masked


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The shop on the corner has been open since the year in which the old bridge was built.", "en"),
        ("Le magasin du coin est ouvert depuis l'année où le vieux pont a été construit en pierre.", "fr"),
        ("Short.", "und"),
        ("1234567890 " * 10, "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text, 80)[0] == language


@pytest.mark.parametrize(
    ("text", "content"),
    [("---\ntitle: T\n---\n# X", "# X"), ("# X", "# X"), ("---\ntitle: [broken\n---\n# X", "---\ntitle: [broken\n---\n# X")],
)  # fmt: skip
def test_front_matter_goes(text: str, content: str) -> None:
    assert without_front_matter(text) == content


@pytest.mark.parametrize(("text", "heading"), [("a\n## B c \n# D", "B c"), ("#none", None), ("", None)])
def test_first_heading(text: str, heading: str | None) -> None:
    assert first_heading(text) == heading
