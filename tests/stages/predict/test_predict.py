"""The command: its arguments, a dialogue, one page."""

import io
import json
import sys
from pathlib import Path

import pytest

from stages.answers import Reply
from stages.command import Failure
from stages.predict import __main__ as predict
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--variant"),
        ("--variant f16", "give exactly one of --input, --html and --chat"),
        ("--variant f16 --chat --html x.html", "give exactly one of --input, --html and --chat"),
        ("--variant f16 --input a.jsonl --output b.jsonl --chat", "give exactly one of"),
        ("--variant f16 --input a.jsonl", "--input and --output belong together"),
        ("--variant f16 --html a.html --output b.jsonl", "--input and --output belong together"),
    ],
)
def test_wrong_arguments_end_with_their_usage(
    words: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["predict", *words.split()])
    with pytest.raises(SystemExit) as caught:
        predict.main()
    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--variant f17 --html page.html", "no variant 'f17'; there are base, adapter, merged, f16, q4_k_m"),
        ("--variant f16 --adapter sofas --html page.html", "params.yaml has no adapter 'sofas'; it has products, assistant"),
        ("--variant f16 --models none --html page.html", "none/gguf/products/f16.gguf does not exist; run `dvc repro`"),
        ("--variant merged --models none --html page.html", "none/merged/products holds no model"),
        ("--variant f16 --input none.jsonl --output out.jsonl", "none.jsonl does not exist"),
    ],
)
def test_what_is_not_there_is_one_line(words: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["predict", *words.split()])
    with pytest.raises(Failure) as caught:
        predict.main()
    assert message in str(caught.value)


class _Loud:
    """Stands for a model: answers in capitals."""

    def reply(self, text: str) -> Reply:
        return Reply(None, f" {text.upper()}\n", True, 1234 if text == "Where?" else 0)


def test_a_dialogue_answers_line_after_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Open?\n\n  Where? \n caf\xe9\n"), encoding="utf-8"))
    predict.chat(_Loud())  # type: ignore[arg-type]
    shown = capsys.readouterr()
    assert shown.out == "OPEN?\nWHERE?\nCAF\ufffd\n"
    assert shown.err == "predict: 1,234 tokens from its middle did not fit and were left out\n"


@pytest.mark.slow
def test_one_page_gives_json_on_stdout_and_the_rest_on_stderr(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    fields = "    sold: {type: boolean, required: true}\n"
    head, _, rest = text.partition("    name: {type: text, required: false}\n")
    (tmp_path / "params.yaml").write_text(head + fields + rest.partition("manufacturer: {type: text, required: false}\n")[2])
    (tmp_path / "page.html").write_text("<h1>X200</h1><b class=price>12 €")
    monkeypatch.chdir(tmp_path)
    words = f"predict --variant f16 --models {models} --html page.html --schema"
    monkeypatch.setattr(sys, "argv", words.split())
    predict.main()
    shown = capsys.readouterr()
    assert list(json.loads(shown.out)) == ["sold"]
    assert "predict: 32 characters of the page are 19 of text" in shown.err
