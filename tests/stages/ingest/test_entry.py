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
    ("uri", "collection"),
    [
        ("a.txt", ""),
        ("manual/a/b.txt", "manual"),
        ("docs.zip!/a/b.html", "docs.zip"),
        ("old/docs.zip!/a/b.html", "old"),
        ("prices.csv#17", "prices.csv"),
        ("https://example.org/a/b.pdf", "example.org"),
        ("s3://bucket/a.txt", "bucket"),
        ("hf://datasets/owner/name@v1#train/3", "owner/name"),
    ],
)
def test_collection(uri: str, collection: str) -> None:
    assert collection_of(uri) == collection
