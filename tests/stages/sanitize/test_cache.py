"""Cleaned shards are found by all that they depend on, and by nothing else."""

import os
from pathlib import Path

import pytest

import stages
from stages.params import Params
from stages.sanitize import cache
from stages.sanitize.cache import Cache


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "documents-00000.parquet"
    path.write_bytes(b"content")
    return path


def test_the_key_depends_on_content_code_versions_and_the_steps_parameters(
    tmp_path: Path, shard: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = loaded.sanitize
    key = Cache(tmp_path, section).key(shard)
    assert Cache(tmp_path, section).key(shard) == key
    other = section.model_copy(update={"min_characters": section.min_characters + 1})
    assert Cache(tmp_path, other).key(shard) != key
    elsewhere = section.model_copy(update={"workers": 7, "shards": 3, "executor": "ray", "cache_mb": 1})
    assert Cache(tmp_path, elsewhere).key(shard) == key
    shard.write_bytes(b"other content")
    assert Cache(tmp_path, section).key(shard) != key
    shard.write_bytes(b"content")
    monkeypatch.setattr(cache, "version", lambda library: "99")
    assert Cache(tmp_path, section).key(shard) != key


def test_the_key_depends_on_the_weights(tmp_path: Path, shard: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for weights in ("{}", "[]"):
        (tmp_path / "sanitize").mkdir(exist_ok=True)
        (tmp_path / "sanitize" / "content.json").write_text(weights)
        for name in cache.OTHER_CODE:
            (tmp_path / name).touch()
        monkeypatch.setattr(stages, "__file__", str(tmp_path / "__init__.py"))
        found.append(Cache(tmp_path / "cache", loaded.sanitize).key(shard))
    assert found[0] != found[1]


def test_the_key_depends_on_the_code_of_the_steps(
    tmp_path: Path, shard: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Cache(tmp_path, loaded.sanitize).key(shard)
    monkeypatch.setattr(cache, "OTHER_CODE", ("documents.py",))
    assert Cache(tmp_path, loaded.sanitize).key(shard) != key


def test_what_is_kept_is_found_and_outlives_a_prune_of_others(tmp_path: Path, shard: Path, loaded: Params) -> None:
    found = Cache(tmp_path / "cache", loaded.sanitize)
    with found.run_folder() as folder:
        assert not found.take("a" * 64, folder / "0.parquet")
        found.keep("a" * 64, shard)
        assert found.take("a" * 64, folder / "0.parquet")
        assert (folder / "0.parquet").read_bytes() == b"content"
        Cache(tmp_path / "cache", loaded.sanitize.model_copy(update={"cache_mb": 0})).prune()
        assert not found.take("a" * 64, folder / "1.parquet")
        assert (folder / "0.parquet").read_bytes() == b"content"
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_least_recently_used_goes_first(tmp_path: Path, shard: Path, loaded: Params) -> None:
    found = Cache(tmp_path / "cache", loaded.sanitize.model_copy(update={"cache_mb": 1}))
    for age, key in ((30, "old"), (10, "new")):
        shard.write_bytes(bytes(700_000))
        found.keep(key, shard)
        shard.unlink()
        os.utime(tmp_path / "cache" / f"{key}.parquet", (1_000_000 - age, 1_000_000 - age))
    found.prune()
    assert [path.stem for path in (tmp_path / "cache").iterdir()] == ["new"]
