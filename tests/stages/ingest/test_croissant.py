"""croissant.json: valid for mlcroissant, true to the files, and the same in every run."""

import json
from pathlib import Path

import mlcroissant
import pytest

from stages.documents import read_shards
from stages.ingest import croissant
from stages.ingest.__main__ import ingest
from stages.params import Params


@pytest.fixture(scope="module")
def store(loaded: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("croissant")
    for name, text in {
        "a/_metadata.yaml": "licence: MIT\ndate: 2024-05-01\n",
        "a/x.md": "# X",
        "a/y.md": "# Y",
        "b/z.txt": "A Z.",
        "b/empty.txt": "",
    }.items():
        (folder / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "raw" / name).write_text(text)
    ingest(folder / "raw", folder / "store", loaded.ingest.model_copy(update={"shards": 2}))
    return folder / "store"


def test_it_is_valid_and_its_records_are_the_rows(store: Path) -> None:
    dataset = mlcroissant.Dataset(jsonld=str(store / "croissant.json"))
    assert dataset.metadata.ctx.issues.errors == set()
    records = {record["documents/source_uri"].decode(): record["documents/content"] for record in dataset.records("documents")}
    assert records == {row["source_uri"]: row["content"] for row in read_shards(store, "documents")}
    dropped = {record["ledger/source_uri"].decode() for record in dataset.records("ledger")}
    assert dropped == {"a/_metadata.yaml", "b/empty.txt"}


def test_it_counts_collections_and_names_licences_and_files(store: Path) -> None:
    described = json.loads((store / "croissant.json").read_text("utf-8"))
    assert described["recordSet"][2]["data"] == [
        {"collections/collection": "a", "collections/licence": "MIT", "collections/documents": 2},
        {"collections/collection": "b", "collections/licence": "", "collections/documents": 1},
    ]
    assert (described["license"], described["datePublished"]) == (["MIT"], "2024-05-01")
    files = {node["@id"] for node in described["distribution"] if node["@type"] == "cr:FileObject"}
    assert files == {path.name for path in store.glob("*.parquet")}


def test_it_depends_on_the_shards_alone(store: Path, tmp_path: Path) -> None:
    for path in store.glob("*.parquet"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    croissant.write(tmp_path)
    assert (tmp_path / "croissant.json").read_bytes() == (store / "croissant.json").read_bytes()
