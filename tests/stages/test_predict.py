"""The parts of `predict` around the model: inputs, replies, arguments."""

import io
import json
import sys
from pathlib import Path

import pytest

from stages import predict
from stages.answers import Reply
from stages.command import Failure
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ('{"input": "<p>é</p>"}\n{"input": "", "id": 4}\n', ["<p>é</p>", ""]),
        ('{"input": "a\u2028b\u0085c"}\n', ["a\u2028b\u0085c"]),
        ("", []),
    ],
)
def test_inputs(tmp_path: Path, text: str, inputs: list[str]) -> None:
    (tmp_path / "in.jsonl").write_text(text, encoding="utf-8")
    assert predict.read_inputs(tmp_path / "in.jsonl") == inputs


@pytest.mark.parametrize("line", ["{", '{"html": "x"}', '{"input": 5}', "[1]", "5", "null", '"text"', ""])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"input": "good"}}\n{line}\n{{"input": "good"}}\n', encoding="utf-8")
    with pytest.raises(Failure) as caught:
        predict.read_inputs(path)
    assert str(caught.value) == f'predict: {path}, line 2: expected {{"input": text}}, found {line!r}'


def test_a_file_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes('{"input": "é"}\n'.encode("latin-1"))
    with pytest.raises(Failure, match=r"in\.jsonl.*UTF-8"):
        predict.read_inputs(tmp_path / "in.jsonl")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none.jsonl does not exist"):
        predict.read_inputs(tmp_path / "none.jsonl")


REPLIES = [Reply({"name": "é"}, '{"name": "é"}', True, 0), Reply(None, "no\nobject", False, 3)]


def test_replies(tmp_path: Path) -> None:
    predict.write_replies(tmp_path / "out.jsonl", REPLIES)
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"output": {"name": "é"}, "raw": '{"name": "é"}'},
        {"output": None, "raw": "no\nobject"},
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_broken_run_leaves_the_former_replies(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("former")
    with pytest.raises(TypeError, match="not JSON serializable"):
        predict.write_replies(path, [*REPLIES, Reply({1, 2}, "", True, 0)])
    assert path.read_text() == "former"


def test_replies_go_into_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    predict.write_replies(tmp_path / "new" / "out.jsonl", REPLIES)
    assert (tmp_path / "new" / "out.jsonl").is_file()


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


def test_a_dialogue_answers_line_after_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Open?\n\n  Where? \n"))
    predict.chat(lambda inputs: [Reply(None, f" {inputs[0].upper()}\n", True, 0)])
    assert capsys.readouterr().out == "OPEN?\nWHERE?\n"
