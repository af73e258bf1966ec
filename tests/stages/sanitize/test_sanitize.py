"""A small tree through ingest and sanitize: every file is kept or dropped once, with its reason."""

import os
import random
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from datatrove.pipeline.base import PipelineStep

from stages.command import Failure
from stages.documents import LEDGER, STORE, Row, Shards, document_id, read_shards
from stages.ingest.__main__ import files_below, ingest
from stages.params import Params, Sanitize
from stages.sanitize import __main__ as stage
from stages.sanitize.__main__ import Summary, sanitize
from stages.sanitize.pipeline import pipeline
from tests.conftest import ROOT
from tests.stages.files import epub, pdf

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
    "j.pdf": pdf([["Nobody knows the password."]], encrypted=True),
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
    "j.pdf": "encrypted",
}


@pytest.fixture(autouse=True)
def _without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray was loaded, by a test before these, children begin afresh, and lack what these tests put in."""
    monkeypatch.delitem(sys.modules, "ray", raising=False)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, loaded: Params) -> Path:
    """Two clean corpora, `one` and `two`, of FILES, with the store that they come from in `store`."""
    folder = tmp_path_factory.mktemp("sanitize")
    (folder / "raw").mkdir()
    for name, content in FILES.items():
        (folder / "raw" / name).write_bytes(content)
    ingest(folder / "raw", folder / "store", loaded.ingest)
    for name in ("one", "two"):
        sanitize(folder / "store", folder / name, loaded.sanitize, folder / f"cache-{name}")
    return folder


def _rows(folder: Path, stem: str) -> dict[str, Row]:
    return {row["source_uri"]: row for row in read_shards(folder, stem)}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_file_is_kept_or_dropped_once(clean: Path) -> None:
    found = [row["source_uri"] for stem in ("kept", "dropped") for row in read_shards(clean / "one", stem)]
    assert sorted(found) == files_below(clean / "raw")
    assert {uri: row["drop_reason"] for uri, row in _rows(clean / "one", "dropped").items()} == DROPPED


def test_the_largest_shards_are_cleaned_first(clean: Path, loaded: Params, tmp_path: Path, monkeypatch: Any) -> None:
    orders: list[list[int]] = []

    def recorded(section: Sanitize, sources: list[Path], targets: list[Path]) -> list[PipelineStep]:
        orders.append([path.stat().st_size for path in sources])
        return pipeline(section, sources, targets)

    monkeypatch.setattr(stage, "pipeline", recorded)
    sanitize(clean / "store", tmp_path / "clean", loaded.sanitize, tmp_path / "cache")
    assert orders == [sorted(orders[0], reverse=True)]
    assert _files(tmp_path / "clean") == _files(clean / "one")


def test_duplicates_name_their_twin(clean: Path) -> None:
    dropped = _rows(clean / "one", "dropped")
    assert dropped["b.md"]["detail"] == "of a.md"
    assert dropped["c.md"]["detail"].startswith("of a.md, similarity 0.")
    assert dropped["g.txt"]["detail"] == "10 < 30 characters"


def test_a_dropped_document_keeps_the_steps_that_it_went_through(clean: Path) -> None:
    dropped = _rows(clean / "one", "dropped")
    assert [step["step"] for step in dropped["b.md"]["steps"]] == ["decode", "front_matter", "unicode", "lines", "pii"]
    assert [step["step"] for step in dropped["g.txt"]["steps"]] == ["decode", "unicode", "lines"]
    assert dropped["_metadata.yaml"]["steps"] is None


def test_a_text_in_capitals_is_no_exact_duplicate(tmp_path: Path, loaded: Params) -> None:
    store = write_store(tmp_path / "store", {"a.txt": LONG, "b.txt": LONG.upper(), "c.txt": f"{LONG}\n"})
    sanitize(store, tmp_path / "clean", loaded.sanitize, tmp_path / "cache")
    dropped = _rows(tmp_path / "clean", "dropped")
    assert (dropped["b.txt"]["drop_reason"], dropped["b.txt"]["detail"]) == ("near_duplicate", "of a.txt, similarity 1.00")
    assert (dropped["c.txt"]["drop_reason"], dropped["c.txt"]["detail"]) == ("exact_duplicate", "of a.txt")


def test_an_unreadable_file_is_named_on_stderr(
    clean: Path, tmp_path: Path, loaded: Params, capfd: pytest.CaptureFixture[str]
) -> None:
    done = sanitize(clean / "store", tmp_path / "clean", loaded.sanitize, tmp_path / "cache")
    said = capfd.readouterr().err
    assert sorted(re.findall(r"warning: sanitize: (\S+): .+; left out", said)) == ["e.json", "f.pdf", "j.pdf"]
    assert "datatrove" not in said
    assert "Traceback" not in said
    assert done == Summary(kept=2, dropped=9, cleaned=8, cached=0)


def test_addresses_are_masked_and_counted(clean: Path) -> None:
    page = _rows(clean / "one", "kept")["d.html"]
    assert page["text"].strip() == "Write to [email] or [email] from 192.168.0.1, not 1.2.3."
    assert page["pii"] == {"email": 2}
    assert (page["title"], page["mime"]) == ("Page", "text/html")


def test_the_steps_are_recorded(clean: Path) -> None:
    row = _rows(clean / "one", "kept")["a.md"]
    assert [step["step"] for step in row["steps"]] == ["decode", "front_matter", "unicode", "lines", "pii"]
    first, last = row["steps"][0], row["steps"][-1]
    assert (first["chars_out"], last["chars_out"]) == (len(FILES["a.md"]), len(row["text"]))
    assert (row["title"], row["language"]) == ("Keys", "en")
    assert row["language_score"] > 0.9
    assert row["text"] == f"# Drill\n\n{LONG}\n"


def test_two_runs_write_the_same_bytes_and_nothing_else(clean: Path) -> None:
    assert len(_files(clean / "one")) == 9
    assert _files(clean / "one") == _files(clean / "two")


def test_a_second_run_takes_all_from_the_cache_with_the_same_bytes(clean: Path, tmp_path: Path, loaded: Params) -> None:
    done = sanitize(clean / "store", tmp_path / "clean", loaded.sanitize, clean / "cache-one")
    assert (done.cleaned, done.cached) == (0, 8)
    assert _files(tmp_path / "clean") == _files(clean / "one")


# --- larger corpora, made without ingest

WORDS = [f"word{n}" for n in range(3000)]


def write_store(folder: Path, texts: dict[str, str], shards: int = 8) -> Path:
    """A store of plain texts by source_uri."""
    with Shards(folder, "documents", STORE, shards, key="doc_id") as store:
        for uri in sorted(texts):
            row = {"doc_id": document_id(uri), "source_uri": uri, "collection": uri.split("/")[0], "doc_type": "other",
                   "mime": "text/plain", "charset": "utf-8", "content": texts[uri].encode()}  # fmt: skip
            store.add({**dict.fromkeys(STORE.names), **row})
    with Shards(folder, "ledger", LEDGER, 1, key="doc_id"):
        pass
    return folder


def texts_of(count: int, folder: str = "site") -> dict[str, str]:
    """Texts that differ, from one seed."""
    return {f"{folder}/{n:05d}.txt": " ".join(random.Random(n).choices(WORDS, k=80)) for n in range(count)}


def test_one_more_document_cleans_one_shard_and_changes_no_other_result(tmp_path: Path, loaded: Params) -> None:
    texts = texts_of(60)
    sanitize(write_store(tmp_path / "store", texts), tmp_path / "one", loaded.sanitize, tmp_path / "cache")
    texts["site/new.txt"] = " ".join(random.Random("new").choices(WORDS, k=80))
    store = write_store(tmp_path / "more", texts)
    done = sanitize(store, tmp_path / "two", loaded.sanitize, tmp_path / "cache")
    assert (done.cleaned, done.cached, done.kept) == (1, 7, 61)
    sanitize(store, tmp_path / "fresh", loaded.sanitize, tmp_path / "other-cache")
    assert _files(tmp_path / "two") == _files(tmp_path / "fresh")


def test_which_twin_stays_depends_neither_on_shards_nor_on_workers(tmp_path: Path, loaded: Params) -> None:
    texts = texts_of(30)
    texts |= {f"copies/{n}.txt": texts[f"site/{n:05d}.txt"] + " more" * (n % 2) for n in range(10)}
    found = []
    for shards, workers in ((8, 1), (3, 2), (1, 1)):
        section = loaded.sanitize.model_copy(update={"workers": workers})
        store = write_store(tmp_path / f"store-{shards}", texts, shards)
        sanitize(store, tmp_path / f"clean-{shards}", section, tmp_path / "cache")
        found.append(_rows(tmp_path / f"clean-{shards}", "dropped"))
    assert found[0] == found[1] == found[2]
    assert {uri: row["drop_reason"] for uri, row in found[0].items()} == {
        f"site/{n:05d}.txt": "near_duplicate" if n % 2 else "exact_duplicate" for n in range(10)
    }
    assert found[0]["site/00000.txt"]["detail"] == "of copies/0.txt"


def test_boilerplate_goes_and_what_is_nothing_else_is_too_short(tmp_path: Path, loaded: Params) -> None:
    banner = "Sign up for our newsletter and save ten percent today."
    texts = {uri: f"{text}\n\n{banner}\n" for uri, text in texts_of(10).items()}
    texts["site/only.txt"] = f"Almost nothing here.\n\n{banner}\n"
    sanitize(write_store(tmp_path / "store", texts), tmp_path / "clean", loaded.sanitize, tmp_path / "cache")
    kept, dropped = _rows(tmp_path / "clean", "kept"), _rows(tmp_path / "clean", "dropped")
    assert len(kept) == 10
    assert not any(banner in row["text"] for row in kept.values())
    last = kept["site/00003.txt"]["steps"][-1]
    assert (last["step"], last["notes"]) == ("boilerplate", ["55 characters that stand in 11 documents"])
    assert dropped["site/only.txt"]["detail"] == "20 < 30 characters without boilerplate"


def test_formats_of_books_come_through(tmp_path: Path, loaded: Params) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/book.epub").write_bytes(epub({"one.xhtml": f"<h1>One</h1><p>{LONG}</p>"}))
    (tmp_path / "raw/guide.rst").write_text(f"Guide\n=====\n\n{LONG[:400]}\n\n.. note:: Mind the gap.\n", encoding="utf-8")
    ingest(tmp_path / "raw", tmp_path / "store", loaded.ingest)
    sanitize(tmp_path / "store", tmp_path / "clean", loaded.sanitize, tmp_path / "cache")
    kept = _rows(tmp_path / "clean", "kept")
    assert kept["book.epub"]["text"].startswith("# One\n\nSentence number 0 tells")
    assert kept["guide.rst"]["text"].startswith("# Guide\n\nSentence number 0 tells")


def test_a_store_of_nothing_is_a_clean_corpus_of_nothing(tmp_path: Path, loaded: Params) -> None:
    done = sanitize(write_store(tmp_path / "store", {}), tmp_path / "clean", loaded.sanitize, tmp_path / "cache")
    assert done == Summary(kept=0, dropped=0, cleaned=8, cached=0)
    assert list(read_shards(tmp_path / "clean", "kept")) == []


def test_a_missing_store_is_one_line(tmp_path: Path, loaded: Params) -> None:
    with pytest.raises(Failure, match=r"holds no documents-\*.parquet; run `dvc repro`"):
        sanitize(tmp_path, tmp_path / "clean", loaded.sanitize, tmp_path / "cache")


def test_what_depended_on_the_speed_of_the_machine_is_not_cached(tmp_path: Path, loaded: Params) -> None:
    """A page in which a pattern hangs is given up; the next run tries it again, and its neighbours are there."""
    section = loaded.sanitize.model_copy(update={"limits": loaded.sanitize.limits.model_copy(update={"seconds": 1})})
    texts = texts_of(5)
    store = write_store(tmp_path / "store", texts, shards=1)
    done = _with_slow_document(store, tmp_path, section)
    assert (done.kept, done.dropped) == (4, 1)
    again = sanitize(store, tmp_path / "again", section, tmp_path / "cache")
    assert (again.cleaned, again.kept) == (1, 5)


def _with_slow_document(store: Path, folder: Path, section: Sanitize) -> Summary:
    from stages.sanitize import steps, text

    mend = text.repair_unicode

    def slow(found: str) -> str:
        if found.startswith(texts_of(1)["site/00000.txt"][:20]):
            while True:
                os.getpid()
        return mend(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "repair_unicode", slow)
        done = sanitize(store, folder / "clean", section, folder / "cache")
    assert _rows(folder / "clean", "dropped")["site/00000.txt"]["detail"] == "given up after 1 s"
    return done
