"""What SECURITY.md promises of the whole repository: templates run in a sandbox, and personal data stay out of logs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2.exceptions import SecurityError
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from stages.params import Params
from stages.prompt import Prompter

ROOT = Path(__file__).parent.parent
PERSONAL = ("jane.roe@example.org", "+33 6 12 34 56 78", "FR1420041010050500013M02606", "4111 1111 1111 1111")
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}|\b[A-Z]{2}\d{2}(?:\s?\w{4}){3,}\w{0,3}\b|\+\d{2}[\s\d]{8,}")

ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('true') }}",
    "{{ raise_exception.__globals__['os'] }}",
    "{% set f = '{0.__class__.__mro__}' %}{{ f.format(messages) }}",
    "{{ messages.append(1) }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_a_chat_template_cannot_reach_python(loaded: Params, template: str) -> None:
    words = Tokenizer(WordLevel({"<unk>": 0, "<eos>": 1}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>")
    tokenizer.chat_template = template
    with pytest.raises(SecurityError):
        Prompter(tokenizer, loaded.prompt.model_copy(update={"style": "chat"})).text("extract", "x")


@pytest.mark.slow
def test_personal_data_stay_out_of_logs(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    body = " ".join(f"Please write to {value} about the order, as agreed in the spring." for value in PERSONAL)
    (raw / "letter.md").write_text(f"# A letter\n\n{body}\n", encoding="utf-8")
    (raw / "page.html").write_text(f"<html><body><h1>Contact</h1><p>{body}</p></body></html>", encoding="utf-8")
    (raw / "broken.json").write_text(f'[{{"input": "{PERSONAL[0]}", "output": ', encoding="utf-8")
    (raw / "half.json").write_text(json.dumps([{"input": PERSONAL[0], "output": 3}]), encoding="utf-8")
    shown = ""
    for stage, words in (
        ("ingest", ("--raw", "raw", "--store", "store")),
        ("sanitize", ("--store", "store", "--clean", "clean")),
        ("prepare", ("--clean", "clean", "--examples", "examples")),
    ):
        (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        command = [sys.executable, "-m", f"stages.{stage}", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        shown += done.stdout + done.stderr
    assert "broken.json" in shown
    assert [value for value in PERSONAL if value in shown] == []


def test_the_metrics_in_git_hold_no_personal_data() -> None:
    files = [path for path in (ROOT / "metrics").rglob("*") if path.suffix in (".json", ".csv")]
    assert files
    assert [
        (str(path), ADDRESS.findall(path.read_text(encoding="utf-8")))
        for path in files
        if ADDRESS.search(path.read_text("utf-8"))
    ] == []


def test_the_pattern_finds_what_it_is_for() -> None:
    assert all(ADDRESS.search(value) for value in PERSONAL[:3])
    assert not ADDRESS.search('{"loss": 0.6870000000000001, "n": 100000000000}')
