"""How things are named: spellings that give the name back, collections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.entry import collection_of, spelled, unspelled


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("manual/drill é.md", "manual/drill é.md"),
        ("caf\udce9.txt", r"caf\xe9.txt"),
        ("two\nlines.txt", r"two\x0alines.txt"),
        (r"caf\xe9.txt", r"caf\\xe9.txt"),
    ],
)
def test_spelling(name: str, uri: str) -> None:
    assert spelled(name) == uri


@given(st.binary(max_size=30))
def test_a_spelling_is_utf_8_on_one_line_and_gives_the_name_back(raw: bytes) -> None:
    uri = spelled(raw.decode("utf-8", "surrogateescape"))
    assert uri.encode("utf-8").find(b"\n") == -1
    assert unspelled(uri) == raw


@pytest.mark.parametrize(
    ("uri", "table", "collection"),
    [
        ("a.txt", None, ""),
        ("C#.md", None, ""),
        ("C#/a.md", None, "C#"),
        ("manual/a/b.txt", None, "manual"),
        ("docs.zip!/a/b.html", None, "docs.zip"),
        ("old/docs.zip!/a/b.html", None, "old"),
        ("prices.csv#17", "prices.csv", "prices.csv"),
        ("prices.csv#a/b", "prices.csv", "prices.csv"),
        ("old/prices.csv#17", "old/prices.csv", "old"),
        ("set#train/3", "set", "set"),
        ("https://example.org/a/b.pdf", None, "example.org"),
        ("s3://bucket/a.txt", None, "bucket"),
        ("hf://datasets/owner/name@v1#train/3", "hf://datasets/owner/name@v1", "owner/name"),
    ],
)
def test_collection(uri: str, table: str | None, collection: str) -> None:
    assert collection_of(uri, table) == collection
