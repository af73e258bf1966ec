"""What is sent, what is only shown, and what is refused."""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import examples
from stages.command import Failure
from stages.examples import Example
from stages.publish import __main__ as publish
from stages.publish import ledger
from tests.conftest import ROOT
from tests.stages.publish.test_card import COUNTS, MERGE, SCORES


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository after `dvc repro`, with a few bytes for every file."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    model = tmp_path / "models" / "gguf" / "products"
    for folder in (model, tmp_path / "data" / "examples", tmp_path / "data" / "documents", tmp_path / "metrics",
                   tmp_path / "data" / "tokens" / "products"):  # fmt: skip
        folder.mkdir(parents=True)
    for name in ("q4_k_m.gguf", "Modelfile", "base.json"):
        (model / name).write_bytes(name.encode())
    lines = (f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("q4_k_m.gguf", "Modelfile"))
    (model / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    learned = [
        Example(f"d-{n}", "extract", [f"d{n % 3}"], "g", ("fr", "en", "und")[n % 3], "i", {"name": "x"}) for n in range(5)
    ]
    examples.write(tmp_path / "data" / "examples" / "train.jsonl", learned)
    table = pa.table({"doc_id": ["d0", "d1", "d2", "d3"], "licence": ["CC0-1.0", "CC0-1.0", None, "MIT"]})
    pq.write_table(table, tmp_path / "data" / "documents" / "documents-0.parquet")
    scores = dict.fromkeys(("base", "adapter", "merged", "f16", "q4_k_m"), SCORES)
    train = {"steps": 1, "tokens": 2, "trainable": 3, "trainable_share": 0.5, "valid_loss": None}
    for name, value in {"scores": scores, "merge": MERGE, "gguf": {"f16": {"bytes": 1}}, "train": train}.items():
        (tmp_path / "metrics" / f"{name}.json").write_text(json.dumps({"products": value}), encoding="utf-8")
    (tmp_path / "metrics" / "data.json").write_text(json.dumps(COUNTS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["publish", "--adapter", "products", "--kind", "gguf", *words])
    publish.main()


def test_nothing_is_sent_unless_it_is_asked_for(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch, "--to", "folder:out")
    out = capsys.readouterr().out
    assert not (tree / "out").exists()
    assert "q4_k_m.gguf" in out
    assert "# SmolLM2-135M-Instruct products (GGUF)" in out
    assert out.endswith("publish: nothing was sent to folder:out; --send does it\n")


def test_a_folder_gets_the_files_and_the_card(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(monkeypatch, "--to", "folder:out", "--send")
    assert sorted(path.name for path in (tree / "out").iterdir()) == ["Modelfile", "README.md", "SHA256SUMS", "q4_k_m.gguf"]
    assert (tree / "out" / "README.md").read_text(encoding="utf-8").startswith("---\n")
    with pytest.raises(Failure, match="publish: out exists; remove it, or name another folder"):
        _run(monkeypatch, "--to", "folder:out", "--send")


def test_the_ledger_counts_the_documents_that_were_learned_by_licence(tree: Path) -> None:
    found = ledger.read(tree / "data", tree / "metrics", "products", ["extract"])
    assert found.documents == {"CC0-1.0": 2, "not stated": 1}
    assert found.languages == ["en", "fr"]


class _Hub:
    """What the hub's client is asked."""

    calls: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def create_repo(self, name: str, **options: Any) -> None:
        self.calls.append((name, options))

    def create_commit(self, name: str, operations: list[Any], **options: Any) -> Any:
        self.calls.append((name, {**options, "files": [operation.path_in_repo for operation in operations]}))
        return type("Commit", (), {"commit_url": "https://hub.example/me/products/commit/1"})


def test_a_hub_gets_one_commit_in_a_private_repository(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(publish, "HfApi", _Hub)
    _run(monkeypatch, "--to", "hub:me/products", "--send")
    (repository, made), (same, sent) = _Hub.calls
    assert repository == same == "me/products"
    assert made == {"private": True, "exist_ok": True}
    assert sent["files"] == ["README.md", "Modelfile", "SHA256SUMS", "q4_k_m.gguf"]
    assert capsys.readouterr().out == "publish: https://hub.example/me/products/commit/1\n"


@pytest.mark.parametrize(("said", "told"), [("connection refused\nand more", "connection refused"), ("", "ConnectError")])
def test_no_connection_is_one_line(said: str, told: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Down(_Hub):
        def create_repo(self, name: str, **options: Any) -> None:
            raise httpx.ConnectError(said)

    monkeypatch.setattr(publish, "HfApi", Down)
    with pytest.raises(Failure, match=rf"the hub refused me/products \({told}\); set HF_TOKEN to one that may write"):
        _run(monkeypatch, "--to", "hub:me/products", "--send")


@pytest.mark.parametrize("to", ["s3:bucket", "out", "hub:"])
def test_a_target_of_another_kind_is_refused(to: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=f"--to {to} is neither hub:OWNER/NAME nor folder:PATH"):
        _run(monkeypatch, "--to", to)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("adapter_model.bin", b"x", "may be a pickle, which runs code where it is loaded"),
        ("q4_k_m.gguf", b"changed", "is not the file that .*SHA256SUMS names; `dvc checkout` restores it"),
    ],
)
def test_a_file_that_should_not_go_out_stops_it(
    name: str, content: bytes, message: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "models" / "gguf" / "products" / name).write_bytes(content)
    with pytest.raises(Failure, match=message):
        _run(monkeypatch, "--to", "folder:out", "--send")
    assert not (tree / "out").exists()


def test_a_model_that_is_not_there_names_the_remedy(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["publish", "--adapter", "products", "--kind", "merged", "--to", "folder:out"])
    with pytest.raises(Failure, match=r"models/merged/products does not exist; run `dvc repro` to make it, or `dvc pull`"):
        publish.main()
    monkeypatch.setattr(sys, "argv", ["publish", "--adapter", "assistant", "--kind", "gguf", "--to", "folder:out"])
    with pytest.raises(Failure, match=r"models/gguf/assistant does not exist"):
        publish.main()
