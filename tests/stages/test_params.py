"""params.yaml and its schema: what loads, and the one line that a mistake gives."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from stages import params
from stages.command import Failure
from stages.params import Params, Section
from tests.conftest import ROOT

PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
DELETED = object()


def _changed(folder: Path, key: str, value: Any) -> Path:
    """The committed params.yaml with one value changed, in `folder`."""
    values = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    *above, last = key.split(".")
    section = values
    for part in above:
        section = section[part]
    if value is DELETED:
        del section[last]
    else:
        section[last] = value
    path = folder / "params.yaml"
    with path.open("w", encoding="utf-8") as out:
        YAML(typ="safe", pure=True).dump(values, out)
    return path


def test_the_committed_file_loads_with_its_values(loaded: Params) -> None:
    assert loaded.base.name == "SmolLM2-135M-Instruct"
    assert list(loaded.adapters) == ["products", "assistant"]
    assert loaded.adapter("assistant").tasks == ["faq", "continue"]
    assert list(loaded.prepare.fields) == ["name", "price", "category", "manufacturer"]


def test_load_reads_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _changed(tmp_path, "ingest.shards", 3)
    monkeypatch.chdir(tmp_path)
    assert params.load().ingest.shards == 3


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_a_complete_params_file_for_this_dvc_yaml(path: Path, loaded: Params) -> None:
    profile = params.load(path)
    assert list(profile.adapters) == list(loaded.adapters)


def test_there_is_a_profile() -> None:
    assert PROFILES


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("evaluate.batch_sise", 24, "evaluate.batch_sise is unknown; evaluate takes batch_size, context, decoding, dtype,"),
        ("colour", "red", "colour is unknown; the file takes adapters, base, evaluate, fusion, gguf,"),
        ("base.source.url", "x", "base.source.url is unknown; base.source takes file, kind, requirement, sha256"),
        ("adapters.products.lora.rank", 4, "adapters.products.lora.rank is unknown; adapters.products.lora takes alpha, bias,"),
        ("sanitize.near_duplicates.words", 3, "sanitize.near_duplicates takes permutations, shingle_words, threshold"),
        ("adapters.products.train.learning_rate", "2e-4", "adapters.products.train.learning_rate = '2e-4': input should be"),
        ("ingest.shards", "8", "ingest.shards = '8': input should be a valid integer"),
        ("train.packing", 1, "train.packing = 1: input should be a valid boolean"),
        ("prepare.salt", 0, "prepare.salt = 0: input should be a valid string"),
        ("train.backend", "jax", "train.backend = 'jax': input should be 'auto', 'unsloth' or 'peft'"),
        ("adapters.products.tasks", ["sing"], "tasks.0 = 'sing': input should be 'extract', 'faq', 'continue' or 'raft'"),
        ("adapters.products.mix.weights", {"faq": 1.0}, "mix.weights must name its tasks, no more and no less: extract"),
        ("prepare.tasks", ["extract"], "prepare.tasks lacks continue, faq, which an adapter learns"),
        ("prepare.tasks", ["extract", "continue", "raft"], "tasks must hold faq where they hold raft"),
        ("prepare.fields.name.type", "date", "prepare.fields.name.type = 'date': input should be 'text', 'number', 'boolean'"),
        ("adapters.products.lora.r", 0, "adapters.products.lora.r = 0: input should be greater than 0"),
        ("prepare.test_share", 1.5, "prepare.test_share = 1.5: input should be less than or equal to 1"),
        ("prepare.valid_share", -0.1, "prepare.valid_share = -0.1: input should be greater than or equal to 0"),
        ("gguf.quantisations", ["f16"], "must hold q4_k_m: dvc.yaml evaluates them"),
        ("prompt.system", {"faq": "Answer."}, "has no system prompt for extract"),
        ("adapters", {}, "adapters = {}: dictionary should have at least 1 item"),
        ("adapters.products.lora.target_modules", 5, "adapters.products.lora.target_modules"),
        ("base.source.kind", "ftp", "tag 'ftp' found using 'kind' does not match any of the expected tags: 'package', 'hub'"),
        ("ingest.sources", [], "ingest.sources = []: list should have at least 1 item"),
        ("ingest.sources", [{"kind": "url", "options": {}, "metadata": {}}], "ingest.sources.0.url is missing"),
        ("ingest.sources", [{"kind": "tree", "path": ".", "metadata": {}, "glob": "*"}],
         "ingest.sources.0.glob is unknown; ingest.sources.0 takes kind, metadata, path"),
        ("ingest.sources", [{"kind": "tree", "path": ".", "metadata": {"tilte": "x"}}],
         "ingest.sources.0.metadata.tilte = 'tilte': input should be 'title', 'source',"),
        ("ingest.sources", [{"kind": "table", "path": "a.csv", "metadata": {}, "columns": {"input": "a"}}],
         "columns must name text, or content, or messages, or both input and output"),
        ("evaluate.dtype", DELETED, "evaluate.dtype is missing and has no default"),
        ("merge", DELETED, "merge is missing and has no default"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_the_key_and_what_it_takes(tmp_path: Path, key: str, value: Any, message: str) -> None:
    path = _changed(tmp_path, key, value)
    with pytest.raises(Failure) as caught:
        params.load(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="does not exist here; run from the root of the repository"):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize("content", [b"base: [\n", b"a: 1\n b: 2\n", "base: {name: é}".encode("latin-1")])
def test_a_file_that_is_no_yaml_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    code = "from stages import command, params; command.run(params.load)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml is not YAML: ")
    assert done.stderr.count("\n") == 1


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").touch()
    with pytest.raises(Failure, match="Input should be a valid dictionary"):
        params.load(tmp_path / "params.yaml")


def test_an_unknown_adapter_names_those_that_exist(loaded: Params) -> None:
    with pytest.raises(Failure, match="no adapter 'sofas'; it has products, assistant"):
        loaded.adapter("sofas")


def _sections(section: type[Section] = Section) -> Iterator[type[Section]]:
    yield section
    for below in section.__subclasses__():
        yield from _sections(below)


def test_no_field_has_a_default() -> None:
    optional = [
        f"{s.__name__}.{name}" for s in _sections() for name, field in s.model_fields.items() if not field.is_required()
    ]
    assert optional == []


def test_every_section_is_closed_strict_and_frozen(loaded: Params) -> None:
    for section in _sections():
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["strict"] is True
        assert section.model_config["frozen"] is True
    with pytest.raises(ValidationError, match="frozen"):
        loaded.ingest.shards = 1  # type: ignore[misc]
