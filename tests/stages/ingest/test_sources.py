"""The four kinds of sources: which entries they give, and what each is called."""

import gzip
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from stages.command import Failure
from stages.documents import Row, read_shards
from stages.ingest.__main__ import ingest
from stages.params import DatasetSource, Params, TableSource, TreeSource, UrlSource

Stored = dict[str, Row]
Ledger = dict[str, tuple[str, str]]


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def _ingest(tmp_path: Path, loaded: Params, *sources: Any, **changes: Any) -> tuple[Stored, Ledger]:
    (tmp_path / "raw").mkdir(exist_ok=True)
    section = loaded.ingest.model_copy(update={"sources": list(sources), "shards": 2, "max_bytes": 10_000, **changes})
    ingest(tmp_path / "raw", tmp_path / "store", section)
    ledger = {row["source_uri"]: (row["drop_reason"], row["detail"]) for row in read_shards(tmp_path / "store", "ledger")}
    return {row["source_uri"]: row for row in read_shards(tmp_path / "store", "documents")}, ledger


def _tree(path: str, **metadata: str) -> TreeSource:
    return TreeSource(kind="tree", path=path, metadata=metadata)  # type: ignore[arg-type]


def _table(path: str, columns: dict[str, str], **metadata: str) -> TableSource:
    return TableSource(kind="table", path=path, columns=columns, metadata=metadata)  # type: ignore[arg-type]


# --- trees


def test_the_earlier_of_two_trees_brings_a_file_in(tmp_path: Path, loaded: Params) -> None:
    _write(tmp_path / "raw", {"a/x.txt": b"An X.", "b/y.txt": b"A Y."})
    stored, ledger = _ingest(tmp_path, loaded, _tree("a", licence="MIT", author="me"), _tree(".", licence="CC0-1.0"))
    assert {uri: (row["licence"], row["author"]) for uri, row in stored.items()} == {
        "a/x.txt": ("MIT", "me"), "b/y.txt": ("CC0-1.0", None),
    }  # fmt: skip
    assert stored["a/x.txt"]["origin"]["licence"] == "source"
    assert ledger == {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (_tree("../elsewhere"), "'../elsewhere' is not below"),
        (_tree("none"), "none does not exist; put your documents there"),
        (_tree(".", doc_type="blog"), "params.yaml: ingest.sources.0.metadata: doc_type = 'blog'; it takes technical,"),
        (_table("../x/*.csv", {"text": "a"}), "'../x/*.csv' is not below"),
        (_table("none.csv", {"text": "a"}), "no table none.csv below"),
        (_table("x.txt", {"text": "a"}), "x.txt is no table; a table is .json, .jsonl,"),
        (_table("t.csv", {"text": "body"}), "t.csv has no column 'body' for text; it has a, b"),
    ],
)
def test_a_mistake_in_a_source_is_one_line(tmp_path: Path, loaded: Params, source: Any, message: str) -> None:
    _write(tmp_path, {"elsewhere/x.txt": b"Outside.", "raw/x.txt": b"Inside.", "raw/t.csv": b"a,b\n1,2\n"})
    with pytest.raises(Failure) as caught:
        _ingest(tmp_path, loaded, source)
    assert message in str(caught.value)


def test_a_name_too_long_for_a_sidecar_is_a_document(tmp_path: Path, loaded: Params) -> None:
    name = "é" * 125 + ".txt"
    _write(tmp_path / "raw", {name: b"A text.", "b.txt": b"Another."})
    stored, ledger = _ingest(tmp_path, loaded, _tree("."))
    assert sorted(stored) == ["b.txt", name]
    assert ledger == {}


@pytest.mark.parametrize("name", ["_metadata.yaml", "a.txt.meta.yaml"])
def test_metadata_behind_a_link_that_leads_out_are_not_read(tmp_path: Path, loaded: Params, name: str) -> None:
    _write(tmp_path, {"secret": b"author: me\n", "raw/a.txt": b"A text."})
    (tmp_path / "raw" / name).symlink_to(tmp_path / "secret")
    stored, ledger = _ingest(tmp_path, loaded, _tree("."))
    assert stored["a.txt"]["author"] is None
    assert ledger == {name: ("metadata_file", "describes other files")}


def test_a_table_in_a_folder_that_leads_out_is_not_read(tmp_path: Path, loaded: Params) -> None:
    _write(tmp_path, {"elsewhere/t.csv": b"a\nsecret\n", "raw/x.txt": b"Inside."})
    (tmp_path / "raw" / "away").symlink_to(tmp_path / "elsewhere")
    stored, ledger = _ingest(tmp_path, loaded, _table("away/*.csv", {"text": "a"}))
    assert stored == {}
    assert ledger == {"away/t.csv": ("outside_source", "a link that leaves the source")}


# --- tables

TEXTS: list[Row] = [{"id": "k1", "body": "The first text.", "head": "One"}, {"id": "k2", "body": "The second.", "head": None}]


def _far_away() -> bytes:
    """A day beyond the year 9999, which Python cannot say."""
    out = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([10_000_000], pa.date32())}), out)
    return out.getvalue()


def _parquet(rows: list[Row]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", json.dumps(TEXTS).encode()),
        ("t.jsonl", "\n".join(map(json.dumps, TEXTS)).encode()),
        ("t.jsonl.gz", gzip.compress("\n".join(map(json.dumps, TEXTS)).encode())),
        ("t.csv", b"\xef\xbb\xbfid,body,head\nk1,The first text.,One\nk2,The second.,\n"),
        ("t.csv", b"id;body;head\nk1;The first text.;One\nk2;The second.;\n"),
        ("t.tsv", b"id\tbody\thead\nk1\tThe first text.\tOne\nk2\tThe second.\t\n"),
        ("t.parquet", _parquet(TEXTS)),
    ],
)
def test_a_row_is_a_document(tmp_path: Path, loaded: Params, name: str, content: bytes) -> None:
    _write(tmp_path / "raw", {name: content, "other.txt": b"Another file."})
    source = _table(name, {"text": "body", "title": "head", "id": "id"}, licence="MIT")
    stored, ledger = _ingest(tmp_path, loaded, _tree("."), source)
    assert sorted(stored) == ["other.txt", f"{name}#k1", f"{name}#k2"]
    first = stored[f"{name}#k1"]
    assert (first["content"], first["title"], first["licence"], first["collection"], first["mime"]) == (
        b"The first text.", "One", "MIT", name, "text/plain",
    )  # fmt: skip
    assert stored[f"{name}#k2"]["title"] in (None, "")
    assert ledger == {name: ("table", "2 rows")}


def test_a_row_of_a_pair_is_a_list_of_one_pair_with_the_rest_of_the_row(tmp_path: Path, loaded: Params) -> None:
    _write(tmp_path / "raw", {"p.csv": b'page,object,layout\n<b>X</b>,"{""name"": ""X""}",card\nWhy?,Because.,\n'})
    stored, _ = _ingest(tmp_path, loaded, _table("p.csv", {"input": "page", "output": "object"}))
    assert [json.loads(row["content"]) for _, row in sorted(stored.items())] == [
        [{"layout": "card", "input": "<b>X</b>", "output": {"name": "X"}}],
        [{"layout": "", "input": "Why?", "output": "Because."}],
    ]
    assert {row["mime"] for row in stored.values()} == {"application/json"}


def test_what_two_sources_name_the_first_brings_in(tmp_path: Path, loaded: Params, bucket: Any) -> None:
    _write(tmp_path / "raw", {"faq/a.csv": b"a,b\none,two\n"})
    tables = [_table(path, {"text": "a"}, author=path) for path in ("faq/*.csv", "faq/a.csv")]
    stored, ledger = _ingest(tmp_path, loaded, *tables, *[_url("memory://bucket/b.txt")] * 3)
    assert {uri: row["author"] for uri, row in stored.items()} == {"faq/a.csv#0": "faq/*.csv", "memory:///bucket/b.txt": None}
    assert len(list(read_shards(tmp_path / "store", "documents"))) == 2
    assert ledger == {
        "faq/a.csv": ("table", "1 rows"),
        "faq/a.csv#again2": ("table", "1 rows"),
        "faq/a.csv#0#again2": ("duplicate", "faq/a.csv#0 is there already"),
        "memory:///bucket/b.txt#again2": ("duplicate", "memory:///bucket/b.txt is there already"),
        "memory:///bucket/b.txt#again3": ("duplicate", "memory:///bucket/b.txt is there already"),
    }


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("before", [0, 30])
def test_a_table_is_read_in_its_encoding(tmp_path: Path, loaded: Params, charset: str, before: int) -> None:
    """Also where the first letter that tells comes late."""
    text = "a,b\r\n" + f"x,{'y' * 9_000}\r\n" * before + "Le café était déjà fermé: la clé est perdue,z"
    _write(tmp_path / "raw", {"t.csv": text.encode(charset)})
    stored, _ = _ingest(tmp_path, loaded, _table("t.csv", {"text": "a"}))
    assert stored[f"t.csv#{before}"]["content"].decode() == "Le café était déjà fermé: la clé est perdue"


def test_a_conversation_of_a_table_is_a_list_of_its_row(tmp_path: Path, loaded: Params) -> None:
    turns = [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "No."}]
    _write(tmp_path / "raw", {"chat.parquet": _parquet([{"chat": turns, "topic": "hours"}])})
    stored, _ = _ingest(tmp_path, loaded, _table("chat.parquet", {"messages": "chat"}))
    row = stored["chat.parquet#0"]
    assert row["mime"] == "application/json"
    (item,) = json.loads(row["content"])
    assert (item["messages"], item["topic"]) == (turns, "hours")


def test_a_bad_row_goes_to_the_ledger_and_its_neighbours_come_through(tmp_path: Path, loaded: Params) -> None:
    lines = [b'{"id": 1, "body": "Good."}', b"{broken", b"[1]", b'{"id": 2, "body": 3}', b'{"id": 1, "body": "Again."}',
             b'{"id": 4, "body": "' + b"x" * 30_000 + b'"}', b'{"id": 5, "body": ""}', b"[" * 5000,
             b'{"id": "\\ud800\\n", "body": "Last."}']  # fmt: skip
    _write(tmp_path / "raw", {"t.jsonl": b"\n".join(lines)})
    stored, ledger = _ingest(tmp_path, loaded, _table("t.jsonl", {"text": "body", "id": "id"}))
    assert {uri: row["content"] for uri, row in stored.items()} == {"t.jsonl#1": b"Good.", r"t.jsonl#\\ud800\x0a": b"Last."}
    assert {uri: reason for uri, (reason, _) in ledger.items()} == {
        "t.jsonl#1#again2": "unreadable",  # the row with the id 1 has that address
        "t.jsonl#2": "unreadable",
        "t.jsonl#2#again2": "unreadable",
        "t.jsonl#1#4": "duplicate",
        "t.jsonl#5": "too_large",
        "t.jsonl#5#again2": "empty",
        "t.jsonl#7": "unreadable",
        "t.jsonl": "table",
    }
    assert ledger["t.jsonl"] == ("table", "9 rows")


@pytest.mark.parametrize(
    ("name", "content", "detail"),
    [
        ("t.json", b'{"a": 1}', "a list of objects was expected, not a JSON dict"),
        ("t.json", b'[{"a": 1}', "after 0 rows: Expecting"),
        ("t.csv", b'a\nx\n"' + b"y" * 20_000, "after 1 rows: field larger than field limit"),
        ("t.parquet", b"PAR1 no", "after 0 rows: "),
        ("t.jsonl.gz", gzip.compress(b'{"a": "x"}\n' * 2000)[:-20], "after "),
        ("t.csv.gz", gzip.compress(b"a\nx\n")[:10] + b"\xff" * 40, "after 0 rows: Error -3"),
        ("t.parquet", _far_away(), "after 0 rows: "),
    ],
)
def test_a_broken_table_is_accounted_for(tmp_path: Path, loaded: Params, name: str, content: bytes, detail: str) -> None:
    _write(tmp_path / "raw", {name: content})
    _, ledger = _ingest(tmp_path, loaded, _table(name, {"text": "a"}))
    assert ledger[name][0] == "unreadable"
    assert ledger[name][1].startswith(detail)


# --- datasets


def test_the_rows_of_a_dataset_are_documents_and_its_files_are_accounted_for(
    tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    picture = io.BytesIO()
    Image.new("RGB", (4, 3)).save(picture, "PNG")
    rows = [{"image": {"bytes": picture.getvalue(), "path": "a.png"}, "alt": "A grey key"}]
    _write(tmp_path / "raw", {"set/train.parquet": _parquet(rows)})
    source = DatasetSource(
        kind="dataset", path="set", name=None, revision=None, split="train",
        columns={"content": "image", "caption": "alt"}, metadata={"licence": "MIT"},
    )  # fmt: skip
    stored, ledger = _ingest(tmp_path, loaded, _tree("."), source)
    row = stored["set#train/0"]
    assert (row["content"], row["mime"], row["width"], row["caption"], row["licence"], row["collection"]) == (
        picture.getvalue(), "image/png", 4, "A grey key", "MIT", "set",
    )  # fmt: skip
    assert ledger == {"set/train.parquet": ("dataset_file", "its rows are documents")}


def test_a_dataset_that_cannot_be_loaded_is_one_line(tmp_path: Path, loaded: Params) -> None:
    (tmp_path / "raw" / "set").mkdir(parents=True)
    source = DatasetSource(
        kind="dataset", path="set", name=None, revision=None, split="train", columns={"text": "a"}, metadata={}
    )
    with pytest.raises(Failure, match="the dataset set cannot be loaded: "):
        _ingest(tmp_path, loaded, source)


# --- URLs


@pytest.fixture
def bucket() -> Iterator[Any]:
    """Any fsspec file system with folders: here one in memory."""
    memory = fsspec.filesystem("memory")
    for name, content in {
        "/bucket/a/page.html": b'<title>Page</title><img src="../img/one.png" alt="A drill"><p>Text.',
        "/bucket/img/one.png": _PNG,
        "/bucket/b.txt": b"A text.",
        "/bucket/large.txt": b"x" * 10_001,
    }.items():
        memory.pipe(name, content)
    yield memory
    memory.rm("/bucket", recursive=True)


_picture = io.BytesIO()
Image.new("RGB", (4, 3)).save(_picture, "PNG")
_PNG = _picture.getvalue()


def _url(url: str) -> UrlSource:
    return UrlSource(kind="url", url=url, options={}, metadata={"licence": "MIT"})


def test_a_folder_behind_a_url(tmp_path: Path, loaded: Params, bucket: Any) -> None:
    stored, ledger = _ingest(tmp_path, loaded, _url("memory://bucket/"))
    assert sorted(stored) == ["memory:///bucket/a/page.html", "memory:///bucket/b.txt", "memory:///bucket/img/one.png"]
    assert stored["memory:///bucket/img/one.png"]["caption"] == "A drill"
    assert {row["licence"] for row in stored.values()} == {"MIT"}
    assert ledger == {"memory:///bucket/large.txt": ("too_large", "10001 bytes > 10000")}


def test_a_pattern_behind_a_url(tmp_path: Path, loaded: Params, bucket: Any) -> None:
    stored, _ = _ingest(tmp_path, loaded, _url("memory://bucket/**/*.html"))
    assert list(stored) == ["memory:///bucket/a/page.html"]


def test_a_url_that_names_nothing_is_one_line(tmp_path: Path, loaded: Params, bucket: Any) -> None:
    with pytest.raises(Failure, match=r"memory://bucket/\*\.pdf names no file; correct it in params.yaml"):
        _ingest(tmp_path, loaded, _url("memory://bucket/*.pdf"))
    with pytest.raises(Failure, match="nosuch://x cannot be listed: Protocol not known"):
        _ingest(tmp_path, loaded, _url("nosuch://x"))


class _Web(http.server.SimpleHTTPRequestHandler):
    """Two good files, one that is missing, and one that begins and then never ends."""

    def do_GET(self) -> None:
        if self.path == "/slow.txt":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"begun")
            self.wfile.flush()
            self.server.released.wait(20)  # type: ignore[attr-defined]
            return
        found = {"/good.html": b"<title>Good</title><p>A page.", "/t.jsonl": b'{"a": "One."}\n'}.get(self.path)
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    server.released = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()


def test_a_web_server_that_fails_or_hangs_stops_nothing(tmp_path: Path, loaded: Params, web: str) -> None:
    sources = [_url(f"{web}/{name}") for name in ("slow.txt", "none.html", "good.html")]
    stored, ledger = _ingest(tmp_path, loaded, *sources, _table(f"{web}/t.jsonl", {"text": "a"}), url_timeout_s=1)
    assert {uri.removeprefix(web): row["title"] for uri, row in stored.items()} == {"/good.html": "Good", "/t.jsonl#0": None}
    assert {uri.removeprefix(web): reason for uri, (reason, _) in ledger.items()} == {
        "/slow.txt": "unreadable", "/none.html": "unreadable", "/t.jsonl": "table",
    }  # fmt: skip
