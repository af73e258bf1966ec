"""Parquet shards: stable ids and bytes, one shard changed by one document, nothing lost or doubled."""

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.command import Failure
from stages.documents import KEPT, LEDGER, STORE, Row, Shards, document_id, fold_space, read_shards, shard_of, write_shards


def _rows(count: int) -> list[Row]:
    uris = [f"folder/{n}.md" for n in range(count)]
    return [{"doc_id": document_id(uri), "source_uri": uri, "drop_reason": "empty", "detail": "0 bytes"} for uri in uris]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_an_id_depends_on_the_place_only_and_never_changes() -> None:
    assert document_id("products/card.json") == "a2f59bdfa9707516"
    assert document_id("a/é.md") != document_id("b/é.md")


def test_a_key_has_its_shard_for_good() -> None:
    assert [shard_of(key, 8) for key in ("a", "b", "c", "d")] == [2, 2, 2, 1]
    assert {shard_of(str(n), 8) for n in range(200)} == set(range(8))


def test_one_more_row_changes_one_file(tmp_path: Path) -> None:
    for name, count in (("before", 60), ("after", 61)):
        assert write_shards(_rows(count), tmp_path / name, "ledger", LEDGER, 8, key="doc_id") == count
    before, after = _files(tmp_path / "before"), _files(tmp_path / "after")
    assert list(before) == list(after) == [f"ledger-{n:05d}.parquet" for n in range(8)]
    changed = [name for name in before if before[name] != after[name]]
    assert changed == [f"ledger-{shard_of(document_id('folder/60.md'), 8):05d}.parquet"]


def test_the_bytes_depend_on_neither_run_nor_order(tmp_path: Path) -> None:
    rows = _rows(40)
    write_shards(rows, tmp_path / "one", "ledger", LEDGER, 4, key="doc_id")
    random.Random(0).shuffle(rows)
    write_shards(iter(rows), tmp_path / "two", "ledger", LEDGER, 4, key="doc_id")
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def test_rows_are_written_as_they_come_in_bounded_groups(tmp_path: Path) -> None:
    row = dict.fromkeys(STORE.names) | {"origin": {"title": "folder"}, "content": b"x" * 3_000_000}
    rows = [row | {"doc_id": str(n), "source_uri": f"{9 - n}.txt"} for n in range(9)]
    with Shards(tmp_path, "documents", STORE, 1, key="doc_id") as out:
        for each in rows:
            out.add(each)
    assert out.count == 9
    file = pq.ParquetFile(tmp_path / "documents-00000.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [3, 3, 3]
    assert list(read_shards(tmp_path, "documents")) == rows


def test_every_row_comes_back_once(tmp_path: Path) -> None:
    rows = _rows(50)
    write_shards(rows, tmp_path, "ledger", LEDGER, 8, key="doc_id")
    found = list(read_shards(tmp_path, "ledger"))
    assert sorted(found, key=lambda row: row["doc_id"]) == sorted(rows, key=lambda row: row["doc_id"])


def test_nested_columns_come_back(tmp_path: Path) -> None:
    row = {
        **dict.fromkeys(KEPT.names),
        "doc_id": "1",
        "steps": [{"step": "html", "chars_in": 9, "chars_out": 4, "notes": ["5kg -> 5 kg"]}],
        "pii": {"email": 2},
        "text": "é\n",
    }
    write_shards([row, {**row, "doc_id": "2", "pii": {}}], tmp_path, "kept", KEPT, 1, key="doc_id")
    assert list(read_shards(tmp_path, "kept")) == [row, {**row, "doc_id": "2", "pii": {}}]


def test_an_error_leaves_no_part_of_a_store_that_would_pass_for_all_of_it(tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        yield from _rows(9)
        raise KeyboardInterrupt

    shards = Shards(tmp_path, "ledger", LEDGER, 2, key="doc_id")
    with pytest.raises(KeyboardInterrupt), shards as out:
        list(map(out.add, rows()))
    assert _files(tmp_path) == {}


def test_empty_shards_are_written_and_stems_kept_apart(tmp_path: Path) -> None:
    assert write_shards([], tmp_path, "ledger", LEDGER, 3, key="doc_id") == 0
    assert len(_files(tmp_path)) == 3
    assert list(read_shards(tmp_path, "ledger")) == []
    with pytest.raises(Failure, match=r"holds no kept-\*.parquet; run `dvc repro`"):
        list(read_shards(tmp_path, "kept"))


@pytest.mark.parametrize(
    ("text", "folded"),
    [("  a \n\t b ", "a b"), ("12\u00a0€", "12 €"), ("1\u202f299\u2009€", "1 299 €"), ("", ""), (" \u00a0 ", "")],
)
def test_fold_space(text: str, folded: str) -> None:
    assert fold_space(text) == folded
