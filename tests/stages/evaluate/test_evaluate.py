"""From examples and replies to the files of an evaluation, and which examples are drawn."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from stages import examples
from stages.answers import Reply
from stages.command import Failure
from stages.engines.hf import Transformers
from stages.evaluate import failures
from stages.evaluate.__main__ import PROBE, by_rules, chosen, main, outcomes, record, write
from stages.evaluate.models import opened
from stages.examples import Example
from stages.params import Intervals, Params
from tests.conftest import ROOT

FIELDS = ["name", "price"]
SECTION = Intervals(confidence=0.95, resamples=100, min_groups=3, seed=1)
WANTED = {"name": "X", "price": "1"}


def _example(task: str, output: dict[str, str] | str, number: int = 0) -> Example:
    return Example(f"d-{task}-{number}", task, ["d"], f"g{number}", "en", "input", output)


ASKED = [_example("extract", output, n) for n, output in enumerate((WANTED, WANTED, WANTED, WANTED, {"name": "X"}))]
REPLIES = [
    Reply(WANTED, "", True, 0),
    Reply(None, "no object", False, 0),
    Reply({**WANTED, "colour": "red"}, "", True, 0),
    Reply({"name": "x"}, "", True, 0),
    Reply({"name": "X"}, "", True, 0),
]


def _table(asked: list[Example], replies: list[Reply], losses: list[tuple[float, int]] | None = None) -> pd.DataFrame:
    given = {item.example_id: reply for item, reply in zip(asked, replies, strict=True)}
    return outcomes([*asked, _example("continue", "Text.")], given, losses or [], FIELDS)


def test_objects_right_broken_invented_and_incomplete() -> None:
    scored = record(_table(ASKED, REPLIES), [], SECTION)
    ends = scored.pop("intervals")
    assert scored == {
        "n": 5,
        "n_groups": 5,
        "exact_match": 2 / 5,
        "stop_rate": 4 / 5,
        "field_accuracy": {"name": 4 / 5, "price": 3 / 5},
        "mean_field_accuracy": pytest.approx(7 / 10),
        "json_parse_rate": 4 / 5,
        "hallucinated_rate": 0.0,
        "missed_rate": pytest.approx(3 / 9),
    }
    assert ends["exact_match"][0] < 2 / 5 < ends["exact_match"][1]
    assert ends["drawn"] == "groups"


def test_texts_have_no_scores_of_objects() -> None:
    asked = [_example("faq", "It is open."), _example("faq", "No.", 1)]
    replies = [Reply("it is open.", " It is open.", True, 0), Reply("Yes", "Yes", True, 0)]
    scored = record(_table(asked, replies), [], SECTION)
    assert scored.pop("intervals")["drawn"] == "examples"
    wanted = {"n": 2, "n_groups": 2, "exact_match": 0.5, "stop_rate": 1.0, "token_f1": 0.5, "rouge_l": 0.5}
    assert scored == wanted


def test_the_loss_counts_every_token_and_the_probe_stands_apart() -> None:
    scored = record(_table(ASKED[:1], REPLIES[:1], [(2.0, 4), (6.0, 4)]), [(3.0, 1), (3.0, 2)], SECTION)
    assert (scored["loss"], scored["n_loss_tokens"], scored["n"]) == (1.0, 8, 1)
    assert scored["perplexity"] == pytest.approx(2.718, abs=1e-3)
    assert scored["intervals"]["perplexity"] == [math.exp(end) for end in scored["intervals"]["loss"]]
    assert scored["probe_loss"] == 2.0
    assert scored["intervals"]["probe_loss"] == [1.5, 3.0]


def test_only_continued_text_has_a_loss_and_no_answer() -> None:
    scored = record(_table([], [], [(1.0, 2)]), [], SECTION)
    assert (scored["n"], scored["loss"]) == (0, 0.5)
    assert "exact_match" not in scored


def test_the_probe_is_text_in_both_languages() -> None:
    paragraphs = PROBE.read_text(encoding="utf-8").split("\n\n")
    assert len(paragraphs) == 12
    assert sum(bool(set("éèàâîû") & set(paragraph)) for paragraph in paragraphs) == 6


def test_what_an_evaluation_leaves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = _table(ASKED, REPLIES, [(1.0, 2)] * 6)
    given = {item.example_id: reply for item, reply in zip(ASKED, REPLIES, strict=True)}
    (tmp_path / "out").mkdir()
    (tmp_path / "out/stale.txt").write_text("of an earlier run", encoding="utf-8")
    write(tmp_path / "out", ASKED, given, table, [(3.5, 2), (1.0, 1)], record(table, [], SECTION))
    files = ["outcomes.csv", "predictions.jsonl", "probe.csv", "scores.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    assert (tmp_path / "out/probe.csv").read_text(encoding="utf-8") == "paragraph,nats,loss_tokens\n0,3.5,2\n1,1.0,1\n"
    lines = (tmp_path / "out/predictions.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    assert first["scores"]["exact_match"] == 1.0
    assert (first["wanted"], first["output"]) == (WANTED, WANTED)
    failures.show(tmp_path / "out")
    shown = capsys.readouterr().out
    assert "3 of 5 answers" in shown
    assert "d-extract-0 " not in shown
    assert "colour" in shown  # the key that nobody asked for
    assert "no object" in shown  # what stood there instead of JSON


def test_a_variant_loads_only_what_it_needs(models: Path, loaded: Params) -> None:
    examined = opened("base", "products", models, 256, loaded.evaluate, loaded.prompt)
    assert isinstance(examined.engine, Transformers)
    assert examined.prompter._tokenizer is examined.engine.tokenizer
    lines = (
        "import sys, stages.evaluate.__main__, stages.evaluate.models; print(*{'xllamacpp', 'nltk', 'peft'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", lines], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_no_evaluation_to_show(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"predictions.jsonl does not exist; run `dvc repro`"):
        failures.show(tmp_path)


class Stub:
    """A model that shortened two prompts, and knows an answer longer than a row."""

    def losses(self, found: list[Example], neutral: str) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
        return [(1.0, 2) for _ in found], [(1.0, len(neutral))]

    def replies(self, asked: list[Example]) -> list[Reply]:
        return [Reply(WANTED, "", True, n_cut) for n_cut in (0, 30, 12)[: len(asked)]]

    def n_target_cut(self, asked: list[Example]) -> int:
        return 7 * len(asked)


@pytest.mark.parametrize(
    ("variant", "counts"),
    [
        ("base", {"n_shortened": 2, "n_cut": 42, "n_target_cut": 21}),
        ("rules", {"n_shortened": 0, "n_cut": 0, "n_target_cut": 0}),
    ],
)
def test_what_was_cut_is_counted_in_the_scores(
    variant: str, counts: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.evaluate.models.opened", lambda *_: Stub())
    shutil.copy(ROOT / "params.yaml", tmp_path)
    examples.write(tmp_path / "test.jsonl", ASKED[:3])
    monkeypatch.chdir(tmp_path)
    words = ["--adapter", "products", "--variant", variant, "--models", "models", "--examples", "test.jsonl", "--out", "out"]
    monkeypatch.setattr(sys, "argv", ["evaluate", *words])
    main()
    scored = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert {key: scored[key] for key in counts} == counts


def test_rules_answer_pages_only() -> None:
    replies = by_rules([Example("d-extract-0", "extract", ["d"], "g", "en", "# X200\n[price] 12 €", WANTED)], FIELDS)
    assert replies == [Reply({"name": "X200", "price": "12 €"}, '{"name": "X200", "price": "12 €"}', True, 0)]
    with pytest.raises(Failure, match="the variant rules only extracts"):
        by_rules([_example("faq", "No.")], FIELDS)


def test_more_examples_change_few_of_those_drawn(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    items = [_example(task, "x", number) for number in range(60) for task in ("faq", "continue")]
    examples.write(path, items[:100])
    before = chosen(path, ["faq", "continue"], 10)
    examples.write(path, items[::-1])
    after = chosen(path, ["faq", "continue"], 10)
    assert [item.task for item in before].count("faq") == [item.task for item in after].count("faq") == 10
    assert len({item.example_id for item in before} & {item.example_id for item in after}) >= 14
    assert {item.task for item in chosen(path, ["faq"], 100)} == {"faq"}


def test_no_test_example_names_the_remedy(tmp_path: Path) -> None:
    examples.write(tmp_path / "test.jsonl", [_example("faq", "x")])
    with pytest.raises(Failure, match=r"has no example of extract; add documents, or raise prepare\.test_share"):
        chosen(tmp_path / "test.jsonl", ["extract"], 5)
