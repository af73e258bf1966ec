"""Files of inputs: what is read, what a kill leaves, and that the next call goes on from there."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.answers import Reply
from stages.command import Failure
from stages.engines.engine import Answer
from stages.params import Params, Predict
from stages.predict import batch
from stages.predict.batch import alone, answer_file, key_of, read_lines, taken_up, write
from stages.predict.model import Model, open_model
from tests.conftest import ROOT
from tests.warm import Command


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ('{"input": "<p>é</p>"}\n{"input": "", "id": 4}\n', ["<p>é</p>", ""]),
        ('{"input": "a\u2028b\u0085c"}\n', ["a\u2028b\u0085c"]),
        ('\ufeff{"input": "a"}\r\n{"input": "b"}\n', ["a", "b"]),
        ("", []),
    ],
)
def test_inputs(tmp_path: Path, text: str, inputs: list[str]) -> None:
    (tmp_path / "in.jsonl").write_text(text, encoding="utf-8")
    assert read_lines(tmp_path / "in.jsonl", "input") == [[text] for text in inputs]


def test_several_texts_a_line(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"input": "a", "adapter": "b"}\n', encoding="utf-8")
    assert read_lines(tmp_path / "in.jsonl", "adapter", "input") == [["b", "a"]]


@pytest.mark.parametrize(
    "line", ["{", '{"html": "x"}', '{"input": 5}', "[1]", "5", "null", '"text"', "", '{"input": ' + "[" * 100_000]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"input": "good"}}\n{line}\n{{"input": "good"}}\n', encoding="utf-8")
    with pytest.raises(Failure) as caught:
        read_lines(path, "input")
    assert str(caught.value) == f'{path}, line 2: expected {{"input": text}}, found {line[:60]!r}'


def test_a_file_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes('{"input": "é"}\n'.encode("latin-1"))
    with pytest.raises(Failure, match=r"in\.jsonl.*UTF-8"):
        read_lines(tmp_path / "in.jsonl", "input")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none.jsonl does not exist"):
        read_lines(tmp_path / "none.jsonl", "input")


@pytest.mark.parametrize(
    ("journal", "found", "left"),
    [
        ("key\n1 0 {}\n0 3 {}\n", {1: "0 {}", 0: "3 {}"}, "key\n1 0 {}\n0 3 {}\n"),
        ("key\n1 0 {}\n0 3 {\xff", {1: "0 {}"}, "key\n1 0 {}\n"),  # cut in half, in a character too
        ("other\n1 0 {}\n", {}, "key\n"),
        ("ke", {}, "key\n"),
        ("", {}, "key\n"),
    ],
)
def test_what_a_killed_run_left(tmp_path: Path, journal: str, found: dict[int, str], left: str) -> None:
    path = tmp_path / "journal"
    path.write_bytes(journal.encode("latin-1"))
    assert taken_up(path, "key") == found
    assert path.read_text() == left


def test_the_key_changes_with_settings_weights_and_inputs(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    file = tmp_path / "w" / "f16.gguf"
    file.write_bytes(b"one")
    first = key_of(["f16"], file, ["a", "b"])
    assert key_of(["f16"], file, ["a", "b"]) == first
    others = {key_of(["f17"], file, ["a", "b"]), key_of(["f16"], file, ["a", "c"]), key_of(["f16"], file, ["ab"])}
    file.write_bytes(b"three")
    others |= {key_of(["f16"], file, ["a", "b"]), key_of(["f16"], tmp_path / "w", ["a", "c"])}
    assert len(others | {first}) == 6


def test_one_process_at_a_time_writes_a_file(tmp_path: Path) -> None:
    said = pytest.raises(Failure, match=r"another process writes .*out\.jsonl already")
    with alone(tmp_path / "new" / "out.jsonl"), said, alone(tmp_path / "new" / "out.jsonl"):
        pass
    with alone(tmp_path / "new" / "out.jsonl"):
        pass
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    said = pytest.raises(Failure, match=r"out is a folder; name a file in it: --output .*out/answers\.jsonl")
    (tmp_path / "out").mkdir()
    with said, alone(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_broken_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("former")
    with pytest.raises(TypeError, match="not JSON serializable"):
        write(path, (batch.line_of(reply) for reply in [Reply(None, "é", True, 0), Reply({1, 2}, "", True, 0)]))
    assert path.read_text() == "former"


@pytest.mark.slow
class TestWithAModel:
    """Answers of a tiny model in llama.cpp."""

    INPUTS = tuple(f"<h1>X{n}</h1>" + "<p>word</p>" * (n % 7) for n in range(30))

    @pytest.fixture(scope="class")
    def model(self, models: Path, loaded: Params) -> Model:
        evaluate = loaded.evaluate.model_copy(update={"threads": 1})
        short = loaded.model_copy(update={"evaluate": evaluate, "predict": Predict(max_new_tokens=6)})
        return open_model(short, "f16", "products", models, False, slots=7)

    def test_answers_stand_in_the_order_of_the_inputs(self, model: Model, tmp_path: Path) -> None:
        assert answer_file(model, list(self.INPUTS), tmp_path / "out.jsonl", "key") == {}
        lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
        wanted = model.engine.answer([model.encode(text).ids for text in self.INPUTS], model.max_new_tokens)
        assert [line["raw"] for line in lines] == [answer.text for answer in wanted]
        assert all(list(line) == ["output", "raw"] for line in lines)
        assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]

    def test_answers_of_a_killed_run_are_not_made_again(
        self, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer_file(model, list(self.INPUTS), tmp_path / "whole.jsonl", "key")
        whole = (tmp_path / "whole.jsonl").read_text("utf-8").splitlines()
        lengths = [len(model.encode(text).ids) for text in self.INPUTS]
        order = sorted(range(len(self.INPUTS)), key=lambda place: lengths[place])
        known = [*order[:6], order[9], order[-1]]  # the first of five batches of six, and single answers of two others
        journal = "".join(f"{place} 0 {whole[place]}\n" for place in known)
        (tmp_path / "out.jsonl.answered.partial").write_text(f'key\n{journal}{order[20]} 0 {{"out', encoding="utf-8")
        asked: list[list[int]] = []
        each = model.engine.each

        def counted(prompts: list[list[int]], limit: int) -> Iterator[tuple[int, Answer]]:
            asked.append([len(prompt) for prompt in prompts])
            return each(prompts, limit)

        monkeypatch.setattr(model.engine, "each", counted)
        assert answer_file(model, list(self.INPUTS), tmp_path / "out.jsonl", "key") == {}
        assert asked == [[lengths[place] for place in order[start : start + 6]] for start in (6, 12, 18, 24)]
        assert (tmp_path / "out.jsonl").read_text("utf-8").splitlines() == whole

    def test_what_was_cut_is_told_by_line(self, model: Model, tmp_path: Path) -> None:
        long = "<p>" + " ".join(f"w{n}" for n in range(2000))
        cut = answer_file(model, ["<p>short", long], tmp_path / "out.jsonl", "key")
        assert list(cut) == [2]
        assert cut[2] == model.encode(long).n_cut > 1000

    def test_no_inputs_give_an_empty_file(self, model: Model, tmp_path: Path) -> None:
        assert answer_file(model, [], tmp_path / "out.jsonl", "key") == {}
        assert (tmp_path / "out.jsonl").read_bytes() == b""

    def test_kill_minus_nine_and_again(self, models: Path, tmp_path: Path) -> None:
        text = (ROOT / "params.yaml").read_text(encoding="utf-8")
        assert "max_new_tokens: 160" in text
        (tmp_path / "params.yaml").write_text(text.replace("max_new_tokens: 160", "max_new_tokens: 4"), encoding="utf-8")
        lines = [json.dumps({"input": f"<h1>Item {n}</h1>"}) + "\n" for n in range(1000)]
        (tmp_path / "in.jsonl").write_text("".join(lines))
        words = ["--variant", "f16", "--models", str(models), "--input", "in.jsonl"]
        journal = tmp_path / "out.jsonl.answered.partial"
        killed = Command("stages.predict", *words, "--output", "out.jsonl", cwd=tmp_path)
        while not (journal.is_file() and journal.read_bytes().count(b"\n") > 30):
            assert killed.returncode is None, killed.said()
            time.sleep(0.005)
        killed.send(signal.SIGKILL)
        killed.said()
        assert not (tmp_path / "out.jsonl").exists()
        kept = journal.read_bytes().count(b"\n") - 1
        assert 0 < kept < 1000
        again = Command("stages.predict", *words, "--output", "out.jsonl", cwd=tmp_path).finish()
        assert f"{kept}/1000" in again  # the bar starts where the kill was
        Command("stages.predict", *words, "--output", "whole.jsonl", cwd=tmp_path).finish()
        assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
        assert not list(tmp_path.glob("*.partial"))
