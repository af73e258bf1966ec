"""Archives: members become documents, the archive stands in the ledger, and nothing in it can do harm."""

import contextlib
import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.documents import Row, read_shards
from stages.ingest import archives
from stages.ingest.__main__ import ingest
from stages.ingest.containers import Budget, members_of
from stages.ingest.entry import Refused, unspelled
from stages.params import Ingest, Params
from tests.stages.files import zipped

Ledger = dict[str, tuple[str, str]]


@pytest.fixture
def section(loaded: Params) -> Ingest:
    limits = loaded.ingest.archives.model_copy(
        update={"max_members": 20, "max_unpacked_bytes": 5_000_000, "max_ratio": 100, "max_nesting": 1}
    )
    return loaded.ingest.model_copy(update={"max_bytes": 100_000, "shards": 2, "archives": limits})


def tarred(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def ingested(folder: Path, section: Ingest, files: dict[str, bytes]) -> tuple[dict[str, Row], Ledger]:
    (folder / "raw").mkdir()
    for name, content in files.items():
        (folder / "raw" / name).write_bytes(content)
    ingest(folder / "raw", folder / "store", section)
    ledger = {row["source_uri"]: (row["drop_reason"], row["detail"]) for row in read_shards(folder / "store", "ledger")}
    return {row["source_uri"]: row for row in read_shards(folder / "store", "documents")}, ledger


PAGE = b'<html lang="fr"><title>Une page</title><img src="../img/a.png" alt="Une image"><p>Du texte.</p></html>'
FILES = {"a/page.html": PAGE, "a/_metadata.yaml": b"licence: MIT\n", "text.txt": b"Some text."}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("docs.zip", zipped(FILES)),
        ("docs.tar", tarred([(info(f"./{name}"), content) for name, content in FILES.items()])),
        ("docs.tar.gz", gzip.compress(tarred([(info(name), content) for name, content in FILES.items()]))),
        ("docs.TGZ", gzip.compress(tarred([(info(name), content) for name, content in FILES.items()]))),
    ],
)
def test_members_are_documents(tmp_path: Path, section: Ingest, name: str, content: bytes) -> None:
    stored, ledger = ingested(tmp_path, section, {name: content, f"{name}.meta.yaml": b"author: me\n"})
    assert sorted(stored) == [f"{name}!/a/page.html", f"{name}!/text.txt"]
    page = stored[f"{name}!/a/page.html"]
    assert (page["content"], page["collection"], page["mime"]) == (PAGE, name, "text/html")
    assert (page["licence"], page["author"], page["language"], page["title"]) == ("MIT", "me", "fr", "Une page")
    assert ledger == {
        name: ("archive", "3 members"),
        f"{name}.meta.yaml": ("metadata_file", "describes other files"),
        f"{name}!/a/_metadata.yaml": ("metadata_file", "describes other files"),
    }


def test_a_packed_file_is_one_member(tmp_path: Path, section: Ingest) -> None:
    pairs = b'{"input": "a", "output": "b"}\n'
    stored, ledger = ingested(tmp_path, section, {"pairs.jsonl.gz": gzip.compress(pairs)})
    assert {uri: (row["content"], row["mime"]) for uri, row in stored.items()} == {
        "pairs.jsonl.gz!/pairs.jsonl": (pairs, "application/jsonl")
    }
    assert ledger == {"pairs.jsonl.gz": ("archive", "1 members")}


def test_a_packed_file_keeps_the_bytes_of_its_name(tmp_path: Path, section: Ingest) -> None:
    name = b"caf\xe9.txt"
    stored, _ = ingested(tmp_path, section, {os.fsdecode(name + b".gz"): gzip.compress(b"A text.")})
    assert [unspelled(uri) for uri in stored] == [name + b".gz!/" + name]


@pytest.mark.parametrize("text", [b"a: [", b"doc_type: blog\n", b"title: &a [x, x]\nauthor: *a\n", b"#" * 10_001])
def test_a_mistake_in_the_metadata_of_an_archive_refuses_its_members(tmp_path: Path, section: Ingest, text: bytes) -> None:
    members = {"_metadata.yaml": text, "a.txt": b"A text.", "b/c.txt": b"Another."}
    stored, ledger = ingested(tmp_path, section, {"x.zip": zipped(members), "good.txt": b"Good."})
    assert list(stored) == ["good.txt"]
    assert {uri: reason for uri, (reason, _) in ledger.items()} == {
        "x.zip": "archive", "x.zip!/_metadata.yaml": "metadata_file",
        "x.zip!/a.txt": "unreadable", "x.zip!/b/c.txt": "unreadable",
    }  # fmt: skip
    assert "x.zip!/_metadata.yaml" in ledger["x.zip!/a.txt"][1]


PNG = bytes.fromhex(  # one pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def test_pages_come_before_the_images_that_they_show(tmp_path: Path, section: Ingest) -> None:
    stored, _ = ingested(tmp_path, section, {"docs.zip": zipped({"img/a.png": PNG, "p/page.html": PAGE})})
    assert stored["docs.zip!/img/a.png"]["caption"] == "Une image"


def test_an_archive_in_an_archive_is_opened_to_the_limit(tmp_path: Path, section: Ingest) -> None:
    inner = zipped({"c.txt": b"Inside."})
    outer = zipped({"a.zip": inner, "b.zip": zipped({"a.zip": inner}), "d.txt": b"Outside."})
    stored, ledger = ingested(tmp_path, section, {"o.zip": outer})
    assert sorted(stored) == ["o.zip!/a.zip!/c.txt", "o.zip!/d.txt"]
    assert ledger == {
        "o.zip": ("archive", "3 members"),
        "o.zip!/a.zip": ("archive", "1 members"),
        "o.zip!/b.zip": ("archive", "1 members"),
        "o.zip!/b.zip!/a.zip": ("archive_nested", "2 deep > 1"),
    }


def test_dangerous_members_of_a_zip_are_refused_by_name(tmp_path: Path, section: Ingest) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("../up.txt", "/absolute.txt", "C:/drive.txt", "a/../../up.txt", "good.txt", "good.txt"):
            archive.writestr(name, name)
        link, pipe = zipfile.ZipInfo("link.txt"), zipfile.ZipInfo("pipe")
        link.external_attr, pipe.external_attr = (stat.S_IFLNK | 0o777) << 16, (stat.S_IFIFO | 0o644) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr(pipe, "")
        archive.writestr("strong.txt", b"x", zipfile.ZIP_LZMA)
        archive.writestr("large.txt", b"x" * 100_001, zipfile.ZIP_DEFLATED)
    stored, ledger = ingested(tmp_path, section, {"d.zip": out.getvalue()})
    assert [row["content"] for row in stored.values()] == [b"good.txt"]
    assert {uri.removeprefix("d.zip!/"): reason for uri, (reason, _) in ledger.items()} == {
        "d.zip": "archive",
        "../up.txt": "unsafe_path",
        "/absolute.txt": "unsafe_path",
        "C:/drive.txt": "unsafe_path",
        "a/../../up.txt": "unsafe_path",
        "good.txt#2": "duplicate",
        "link.txt": "link",
        "pipe": "not_a_file",
        "strong.txt": "unreadable",
        "large.txt": "too_large",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "store"]


def test_an_encrypted_member_is_named(tmp_path: Path, section: Ingest) -> None:
    content = bytearray(zipped({"secret.txt": b"Secret."}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(signature) + offset] |= 1
    _, ledger = ingested(tmp_path, section, {"e.zip": bytes(content)})
    assert ledger["e.zip!/secret.txt"] == ("encrypted", "needs a password")


def test_dangerous_members_of_a_tar_are_refused_by_name(tmp_path: Path, section: Ingest) -> None:
    members = [
        (info("../up.txt"), b"x"),
        (info("link.txt", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (info("hard.txt", tarfile.LNKTYPE, "good.txt"), b""),
        (info("device", tarfile.CHRTYPE), b""),
        (info("pipe", tarfile.FIFOTYPE), b""),
        (info("caf\udce9.txt"), b"A."),
        (info("good.txt"), b"B."),
    ]
    stored, ledger = ingested(tmp_path, section, {"d.tar": tarred(members)})
    assert sorted(stored) == [r"d.tar!/caf\xe9.txt", "d.tar!/good.txt"]
    assert ledger == {
        "d.tar": ("archive", "7 members"),
        "d.tar!/../up.txt": ("unsafe_path", "a path that leads outside the archive"),
        "d.tar!/link.txt": ("link", "to /etc/passwd"),
        "d.tar!/hard.txt": ("link", "to good.txt"),
        "d.tar!/device": ("not_a_file", "type b'3' of tar"),
        "d.tar!/pipe": ("not_a_file", "type b'6' of tar"),
    }


ZEROS = bytes(4_000_000)


@pytest.mark.parametrize(
    ("name", "content", "detail"),
    [
        ("ratio.zip", zipped({"a.txt": ZEROS}), "more than 1000000 bytes unpacked"),
        ("ratio.tar.gz", gzip.compress(tarred([(info("a.txt"), ZEROS)])), "more than 1000000 bytes unpacked"),
        ("members.zip", zipped({f"{n}.txt": b"x" for n in range(21)}), "more than 20 members"),
        ("members.tar", tarred([(info(f"{n}.txt"), b"x") for n in range(21)]), "more than 20 members"),
    ],
)
def test_a_bomb_is_refused_whole(tmp_path: Path, section: Ingest, name: str, content: bytes, detail: str) -> None:
    stored, ledger = ingested(tmp_path, section, {name: content, "good.txt": b"Good."})
    assert (list(stored), ledger) == (["good.txt"], {name: ("archive_bomb", detail)})


def test_a_bomb_in_an_archive_takes_nothing_with_it(tmp_path: Path, section: Ingest) -> None:
    inner = zipped({"a.txt": ZEROS})
    stored, ledger = ingested(tmp_path, section, {"o.zip": zipped({"b.txt": b"Good.", "bomb.zip": inner})})
    assert list(stored) == ["o.zip!/b.txt"]
    assert ledger["o.zip!/bomb.zip"][0] == "archive_bomb"


def test_a_header_that_claims_gigabytes_is_read_within_limits(section: Ingest) -> None:
    bomb = bytearray(tarred([(info("x", tarfile.XHDTYPE), b"")]))
    bomb[124:136] = b"77777777777\0"
    bomb[148:156] = b" " * 8
    bomb[148:156] = b"%06o\0 " % sum(bomb[:512])
    packed = gzip.compress(bytes(bomb[:512]) + ZEROS)
    with pytest.raises(Refused, match=r"archive_bomb|unreadable"):
        members_of("tar.gz", "x.tar.gz", io.BytesIO(packed), archives.budget_of(len(packed), section), section.max_bytes)


def test_a_directory_too_long_to_be_read_is_refused(section: Ingest) -> None:
    content = zipped({f"{n}" * 1000: b"x" for n in range(9)})
    with pytest.raises(Refused, match="a directory of 9414 bytes"):
        members_of("zip", "x.zip", io.BytesIO(content), Budget(9, 1000), section.max_bytes)
    assert len(members_of("zip", "x.zip", io.BytesIO(content), Budget(10, 1000), section.max_bytes)) == 9


WHOLE = zipped({"a.txt": b"A text.", "b.txt": b"B text."})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.zip", WHOLE[:-30]),
        ("cut.tar.gz", gzip.compress(tarred([(info("a.txt"), bytes(range(256)) * 40)]))[:-100]),
        ("cut.tar", tarred([(info("a.txt"), b"A"), (info("b.txt"), b"B" * 2000)])[:2100]),
        ("odd.tar", tarred([(info("a.txt"), b"A")])[:1024] + b"x" * 1024),
    ],
)
def test_a_broken_archive_is_unreadable(tmp_path: Path, section: Ingest, name: str, content: bytes) -> None:
    stored, ledger = ingested(tmp_path, section, {name: content, "good.txt": b"Good."})
    assert list(stored) == ["good.txt"]
    assert ledger[name][0] == "unreadable"
    assert ledger[name][1].startswith("broken ")


def test_a_damaged_member_leaves_its_neighbours(tmp_path: Path, section: Ingest) -> None:
    stored, ledger = ingested(tmp_path, section, {"d.zip": zipped(FILES).replace(b"\x93", b"\x00", 1)})
    assert len(stored) + len(ledger) == 4


def test_the_name_alone_makes_no_archive(tmp_path: Path, section: Ingest) -> None:
    stored, ledger = ingested(tmp_path, section, {"page.zip": PAGE, "page.gz": PAGE, "docs.tar": b"No archive."})
    assert {uri: row["mime"] for uri, row in stored.items()} == {
        "page.zip": "text/html", "page.gz": "text/html", "docs.tar": "text/plain",
    }  # fmt: skip
    assert ledger == {}


MADE = {
    "zip": WHOLE,
    "tar": tarred([(info("a.txt"), b"A text."), (info("b" * 120), b"B")]),
    "gz": gzip.compress(b"A text."),
    "tar.gz": gzip.compress(tarred([(info("a.txt"), b"A text.")])),
}


@given(
    st.sampled_from(sorted(MADE)),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=12)), max_size=6),
    st.integers(0, 400),
)
def test_no_bytes_stop_it(kind: str, changes: list[tuple[int, bytes]], cut: int) -> None:
    section = Ingest.model_construct(max_bytes=1000, archives=None)
    content = bytearray(MADE[kind])
    for place, piece in changes:
        place %= len(content)
        content[place : place + len(piece)] = piece
    file = io.BytesIO(bytes(content[: len(content) - cut]))
    try:
        members = members_of(kind, "x." + kind, file, Budget(20, 1_000_000), 1000)
    except Refused:
        return
    for entry in archives.entries("x." + kind, members, (), section):
        with contextlib.suppress(Refused):
            assert len(entry.open().read()) <= 1000
