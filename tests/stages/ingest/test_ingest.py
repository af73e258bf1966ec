"""The store: every file of a tree is in it or in its ledger, once, with its bytes and what is known about it."""

import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stages.command import Failure
from stages.documents import Row, document_id, read_shards
from stages.ingest.__main__ import files_below, ingest
from stages.params import Ingest, Params
from tests.conftest import ROOT

_picture = io.BytesIO()
Image.new("RGB", (4, 3)).save(_picture, "PNG")
PNG = _picture.getvalue()
LOCKED_PDF = (
    b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"
    b"3 0 obj\n<</Filter/Standard/V 1/R 2/P -4/O(" + b"o" * 32 + b")/U(" + b"u" * 32 + b")>>\nendobj\n"
    b"trailer\n<</Root 1 0 R/Encrypt 3 0 R/ID[(a)(a)]/Size 4>>\n%%EOF\n"
)
FRENCH = "Le café était fermé.\n".encode("latin-1")


@pytest.fixture
def section(loaded: Params) -> Ingest:
    return loaded.ingest.model_copy(update={"max_bytes": 10_000, "shards": 3})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A raw root with one file of every kind that the stage tells apart."""
    root = tmp_path / "raw"
    files = {
        "top.txt": b"A line at the top.\n",
        "_metadata.yaml": b"licence: CC-BY-4.0\ntitle: root\n",
        "a/_metadata.yaml": b"doc_type: technical\n",
        "a/drill.md": b"---\ntitle: The drill\nlanguage: en\n---\n# Drill\n\nTurn the **key**.\n",
        "a/drill.md.meta.yaml": b"title: sidecar\nauthor: me\n",
        "a/b/cafe.txt": FRENCH,
        "a/b/empty.txt": b"",
        "a/b/blank.txt": b" \n",
        "a/b/large.txt": b"x" * 10_001,
        "a/b/most.txt": b"y" * 10_000,
        "a/picture.png": PNG,
        "a/picture.png.meta.yaml": b"caption: A grey key\n",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "secret.txt").write_text("outside")
    (root / "a" / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (root / "a" / "inside.txt").symlink_to(root / "top.txt")
    (root / "a" / "dangling.txt").symlink_to(root / "none.txt")
    (root / "a" / "again").symlink_to(root)
    (root / "a" / "zero.txt").write_bytes(b"\0" * 100)
    os.mkfifo(root / "a" / "pipe.txt")
    return root


LEDGER = {
    "_metadata.yaml": "metadata_file",
    "a/_metadata.yaml": "metadata_file",
    "a/drill.md.meta.yaml": "metadata_file",
    "a/picture.png.meta.yaml": "metadata_file",
    "a/b/empty.txt": "empty",
    "a/b/blank.txt": "empty",
    "a/b/large.txt": "too_large",
    "a/outside.txt": "outside_source",
    "a/dangling.txt": "unreadable",
    "a/again": "unreadable",
    "a/zero.txt": "empty",
    "a/pipe.txt": "not_a_file",
}
STORED = ["a/b/cafe.txt", "a/b/most.txt", "a/drill.md", "a/inside.txt", "a/picture.png", "top.txt"]


def _stored(store: Path) -> dict[str, Row]:
    return {row["source_uri"]: row for row in read_shards(store, "documents")}


def test_every_file_is_stored_or_in_the_ledger_once(tree: Path, tmp_path: Path, section: Ingest) -> None:
    assert ingest(tree, tmp_path / "store", section) == (len(STORED), len(LEDGER))
    stored = [row["source_uri"] for row in read_shards(tmp_path / "store", "documents")]
    ledger = list(read_shards(tmp_path / "store", "ledger"))
    assert sorted(stored) == STORED
    assert {row["source_uri"]: row["drop_reason"] for row in ledger} == LEDGER
    assert sorted([*stored, *(row["source_uri"] for row in ledger)]) == files_below(tree)
    assert {row["source_uri"]: row["detail"] for row in ledger}["a/b/large.txt"] == "10001 bytes > 10000"


def test_the_content_is_the_original_bytes(tree: Path, tmp_path: Path, section: Ingest) -> None:
    ingest(tree, tmp_path / "store", section)
    for uri, row in _stored(tmp_path / "store").items():
        content = (tree / uri).read_bytes()
        assert row["content"] == content
        assert row["bytes"] == len(content)
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert row["doc_id"] == document_id(uri)


def test_what_is_known_about_a_file(tree: Path, tmp_path: Path, section: Ingest) -> None:
    ingest(tree, tmp_path / "store", section)
    rows = _stored(tmp_path / "store")
    drill = {
        key: rows["a/drill.md"][key] for key in ("collection", "title", "author", "licence", "language", "doc_type", "mime")
    }
    assert drill == {
        "collection": "a", "title": "The drill", "author": "me", "licence": "CC-BY-4.0", "language": "en",
        "doc_type": "technical", "mime": "text/markdown",
    }  # fmt: skip
    picture = {key: rows["a/picture.png"][key] for key in ("mime", "charset", "width", "height", "caption")}
    assert picture == {"mime": "image/png", "charset": None, "width": 4, "height": 3, "caption": "A grey key"}
    assert rows["a/drill.md"]["origin"] == {
        "author": "sidecar", "doc_type": "folder", "language": "document", "licence": "folder", "title": "document",
    }  # fmt: skip
    assert (rows["a/drill.md"]["doc_type_score"], rows["a/drill.md"]["charset_evidence"]) == (None, "utf-8")
    top = {key: rows["top.txt"][key] for key in ("collection", "doc_type", "doc_type_score", "fault")}
    assert top == {"collection": "", "doc_type": "other", "doc_type_score": 1.0, "fault": None}
    assert rows["top.txt"]["origin"]["doc_type"] == "rule"
    assert FRENCH.decode(rows["a/b/cafe.txt"]["charset"]) == "Le café était fermé.\n"


def test_two_runs_write_the_same_bytes(tree: Path, tmp_path: Path, section: Ingest) -> None:
    for name in ("one", "two"):
        ingest(tree, tmp_path / name, section)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert sorted(one) == [
        "croissant.json",
        "documents-00000.parquet",
        "documents-00001.parquet",
        "documents-00002.parquet",
        "ledger-00000.parquet",
    ]
    assert one == two


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe" + "# Drill\n\nTurn the **key**.\n".encode("utf-16-le") + b"a",
        b"---\nsplit: nowhere\n---\ntext",
        b'---\ntitle: "\xff\x81\n---\n\x81\x8d\x8f\x90\x9d',
        b"\x00\x01\x02\xff\xfe" * 50,
    ],
)
def test_one_bad_markdown_file_stops_nothing(tmp_path: Path, section: Ingest, content: bytes) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "bad.md").write_bytes(content)
    (tmp_path / "raw" / "good.md").write_text("# Good\n\nA **good** text.\n")
    ingest(tmp_path / "raw", tmp_path / "store", section)
    rows = _stored(tmp_path / "store")
    assert "good.md" in rows
    assert rows.get("bad.md", {"split": None})["split"] is None


def test_a_link_that_leads_to_itself_stops_nothing(tmp_path: Path, section: Ingest) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "loop.md").symlink_to(tmp_path / "raw" / "loop.md")
    (tmp_path / "raw" / "good.md").write_text("# Good\n\nA **good** text.\n")
    assert ingest(tmp_path / "raw", tmp_path / "store", section) == (1, 1)


def _ingested(tmp_path: Path, section: Ingest, files: dict[str, bytes]) -> tuple[dict[str, Row], dict[str, tuple[str, str]]]:
    """The rows of a tree of `files`, and the reason and detail of what went to the ledger."""
    for name, content in files.items():
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    ingest(tmp_path / "raw", tmp_path / "store", section)
    ledger = {row["source_uri"]: (row["drop_reason"], row["detail"]) for row in read_shards(tmp_path / "store", "ledger")}
    return _stored(tmp_path / "store"), ledger


def test_names_that_are_no_text_are_spelled(tmp_path: Path, section: Ingest) -> None:
    stored, ledger = _ingested(
        tmp_path, section, {"caf\udce9.txt": b"A.", "a\nb.txt": b"B.", "\udcff/c.txt": b"C.", "d\n.txt": b""}
    )
    assert sorted(stored) == [r"\xff/c.txt", r"a\x0ab.txt", r"caf\xe9.txt"]
    assert ledger == {r"d\x0a.txt": ("empty", "0 bytes")}


def test_a_folder_that_may_not_be_listed_is_accounted_for(
    tmp_path: Path, section: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def forbidding(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    stored, ledger = _ingested(tmp_path, section, {"locked/a.txt": b"A.", "b.txt": b"B."})
    assert list(stored) == ["b.txt"]
    assert ledger == {"locked": ("unreadable", "a folder that may not be listed")}


def test_a_file_that_may_not_be_read_is_named_without_the_machine_s_path(
    tmp_path: Path, section: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def forbidding(path: Path, *options: Any, **more: Any) -> Any:
        if path.name == "locked.txt" and options == ("rb",):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *options, **more)

    monkeypatch.setattr(Path, "open", forbidding)
    _, ledger = _ingested(tmp_path, section, {"locked.txt": b"A."})
    assert ledger == {"locked.txt": ("unreadable", "Permission denied")}


def test_a_long_line_is_a_document_or_too_large(tmp_path: Path, section: Ingest) -> None:
    roomy = section.model_copy(update={"max_bytes": 3_000_000})
    stored, ledger = _ingested(tmp_path, roomy, {"line.html": b"<p>" + b"word " * 500_000, "line.txt": b"x" * 3_000_001})
    assert stored["line.html"]["bytes"] == 2_500_003
    assert ledger == {"line.txt": ("too_large", "3000001 bytes > 3000000")}


def test_broken_files_are_stored_whole_with_their_fault(tmp_path: Path, section: Ingest) -> None:
    stored, _ = _ingested(
        tmp_path,
        section.model_copy(update={"max_bytes": 100_000}),
        {
            "cut.pdf": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog",
            "cut.docx": (ROOT / "data/raw/assistant/technical/politique-de-retour.docx").read_bytes()[:-1000],
            "locked.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600,
            "locked.pdf": LOCKED_PDF,
            "cut.png": PNG[:30],
            "good.md": b"# Good",
        },
    )
    faults = {uri: row["fault"] for uri, row in stored.items() if row["fault"]}
    assert "Data format error" in faults["cut.pdf"]
    assert faults["cut.docx"].startswith("no ZIP file")
    assert faults["cut.png"] == "no picture that Pillow can read"
    assert (faults["locked.docx"], faults["locked.pdf"]) == ("encrypted", "encrypted")
    assert (stored["cut.pdf"]["mime"], len(stored)) == ("application/pdf", 6)


def test_a_parser_that_hangs_is_killed_and_the_next_document_is_read(
    tmp_path: Path, section: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'stages.ingest.worker' in sys.orig_argv:\n"
        "    import time, PIL.Image\n"
        "    PIL.Image.open = lambda *_: time.sleep(1000)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(slow))
    page = b"<title>Good</title><p>A good page."
    stored, _ = _ingested(
        tmp_path, section.model_copy(update={"parser_timeout_s": 1}), {"a.png": PNG, "b.png": PNG, "c.html": page}
    )
    assert {uri: row["fault"] for uri, row in stored.items()} == {
        "a.png": "parser killed after 1 s", "b.png": "parser killed after 1 s", "c.html": None,
    }  # fmt: skip
    assert stored["c.html"]["title"] == "Good"


def test_an_image_is_called_what_the_page_that_shows_it_calls_it(tmp_path: Path, section: Ingest) -> None:
    pages = {
        "a/page.html": b'<img src="../img/one.png?v=2" alt="A drill"><figure><img src="two.png"><figcaption>A key</figcaption>',
        "a/page.md": b"![Not first](../img/one.png) ![A lock](three%20.png) ![Away](https://x.org/x.png) ![Up](../../x.png)",
        "a/page.rst": b"Text.\n\n.. image:: four.png\n   :alt: A hinge\n",
    }
    images = dict.fromkeys(("img/one.png", "a/two.png", "a/three .png", "a/four.png", "a/five.png"), PNG)
    sidecar = {"a/four.png.meta.yaml": b"caption: From the sidecar\n"}
    stored, _ = _ingested(tmp_path, section, {**pages, **images, **sidecar})
    assert {uri: stored[uri]["caption"] for uri in images} == {
        "img/one.png": "A drill", "a/two.png": "A key", "a/three .png": "A lock", "a/four.png": "From the sidecar",
        "a/five.png": None,
    }  # fmt: skip
    assert stored["a/two.png"]["origin"]["caption"] == "page"


def test_one_more_document_changes_one_shard(tmp_path: Path, section: Ingest) -> None:
    files = {f"{n}.txt": b"Text number %d." % n for n in range(30)}
    _ingested(tmp_path, section, files)
    before = {path.name: path.read_bytes() for path in (tmp_path / "store").glob("documents-*")}
    shutil.rmtree(tmp_path / "store")
    _ingested(tmp_path, section, {"new.txt": b"A new text."})
    after = {path.name: path.read_bytes() for path in (tmp_path / "store").glob("documents-*")}
    assert len([name for name in before if before[name] != after[name]]) == 1


def test_a_missing_root_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="raw does not exist; put your documents there, or restore it with git or dvc pull"):
        files_below(tmp_path / "raw")


def test_an_empty_root_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(Failure, match="is empty; put your documents there"):
        files_below(tmp_path)
