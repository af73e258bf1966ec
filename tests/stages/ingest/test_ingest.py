"""The store: every file of a tree is in it or in its ledger, once, with its bytes and what is known about it."""

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from stages.command import Failure
from stages.documents import Row, document_id, read_shards
from stages.ingest.__main__ import files_below, ingest
from stages.params import Ingest, Params

FRENCH = "Le café était fermé.\n".encode("latin-1")


@pytest.fixture
def section(loaded: Params) -> Ingest:
    return loaded.ingest.model_copy(update={"max_bytes": 10_000, "shards": 3})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A raw root with one file of every kind that the stage tells apart."""
    root = tmp_path / "raw"
    picture = io.BytesIO()
    Image.new("RGB", (4, 3)).save(picture, "PNG")
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
        "a/picture.png": picture.getvalue(),
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
    assert (rows["top.txt"]["collection"], rows["top.txt"]["doc_type"]) == ("", "other")
    assert FRENCH.decode(rows["a/b/cafe.txt"]["charset"]) == "Le café était fermé.\n"


def test_two_runs_write_the_same_bytes(tree: Path, tmp_path: Path, section: Ingest) -> None:
    for name in ("one", "two"):
        ingest(tree, tmp_path / name, section)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert sorted(one) == [
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


def test_a_missing_root_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="raw does not exist; put your documents there, or restore it with git or dvc pull"):
        files_below(tmp_path / "raw")


def test_an_empty_root_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(Failure, match="is empty; put your documents there"):
        files_below(tmp_path)
