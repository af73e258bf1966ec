"""Planted changes between two commits of a repository: what the review calls them, and what fails."""

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from stages import command
from stages.review.__main__ import main
from stages.review.cells import table
from stages.review.changes import _adds_up, outcome
from tests.stages.review.repository import commit, git, outcomes, publish

BEFORE = {"price": [3, 4], "name": [50]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one published run."""
    git(tmp_path, "init", "-q", "-b", "main")
    publish(tmp_path, {"adapter": outcomes({}), "q4_k_m": outcomes(BEFORE)})
    (tmp_path / "metrics/plots/products.png").write_bytes(b"\x89PNG before")
    (tmp_path / "data/raw").mkdir(parents=True)
    for name in ("a", "prix réels"):
        (tmp_path / f"data/raw/{name}.json").write_text("[]", encoding="utf-8")
    commit(tmp_path, "Before")
    return tmp_path


@dataclass
class Done:
    """What a command left: its exit code and its words."""

    returncode: int
    stdout: str
    stderr: str


def _review(root: Path, *words: str) -> Done:
    """`python -m stages.review --base main` in a folder, without the second that a process takes."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    before = Path.cwd()
    os.chdir(root)
    try:
        with (
            mock.patch.object(sys, "argv", ["review", "--base", "main", *words]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            command.run(main)
    except SystemExit as end:
        code = int(bool(end.code))
        err.write(f"{end.code}\n" if isinstance(end.code, str) else "")
    finally:
        os.chdir(before)
    return Done(code, out.getvalue(), err.getvalue())


def _row(text: str, name: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_nothing_changed(root: Path) -> None:
    done = _review(root)
    assert done.returncode == 0, done.stderr
    assert "**All gates passed.** 0 scores worse, 0 better, 0 changed within noise." in done.stdout
    assert "No score changed." in done.stdout
    for section in ("### Data", "### Parameters", "### Plots"):
        assert section not in done.stdout


def test_three_points_on_one_field_fail_their_gate(root: Path) -> None:
    publish(root, {"adapter": outcomes({}), "q4_k_m": outcomes({**BEFORE, "price": [3, 4, 20, 40, 60]})})
    done = _review(root)
    assert done.returncode == 1
    line = "`scores.products.q4_k_m.field_accuracy.price` dropped from 0.98 to 0.95, by 0.03; at most 0.02 is allowed"
    assert line in done.stdout
    assert done.stderr == f"gate failed: {line}\n"
    before, after, difference, lost_won, p, verdict = _row(done.stdout, "products · q4_k_m · field_accuracy · price")
    assert (before, after, difference, lost_won, p) == ("0.98", "0.95", "-0.03", "3 / 0 of 100", "0.250")
    assert verdict == "❌ gate, within noise"  # of the test; the gate is stricter
    unfolded = done.stdout.partition("<details>")[0]
    assert "| products · q4_k_m · field_accuracy · price |" in unfolded  # and what it names is not folded away


def test_one_point_is_noise_and_passes(root: Path) -> None:
    publish(root, {"adapter": outcomes({}), "q4_k_m": outcomes({**BEFORE, "price": [3, 20, 40]})})
    done = _review(root)
    assert done.returncode == 0, done.stderr
    assert _row(done.stdout, "products · q4_k_m · field_accuracy · price")[2:] == [
        "-0.01",
        "2 / 1 of 100",
        "1.000",
        "within noise",
    ]
    assert "0 scores worse, 0 better" in done.stdout


def test_pairs_show_what_intervals_hide(root: Path) -> None:
    lost = outcomes({**BEFORE, "price": [3, 4, 10, 20, 30, 40, 60, 70]})
    publish(root, {"adapter": outcomes({}), "q4_k_m": lost})
    assert _row(_review(root).stdout, "products · q4_k_m · field_accuracy · price")[-1] == "❌ gate, worse"
    (root / "metrics/outcomes.json").unlink()
    without = _review(root)
    row = _row(without.stdout, "products · q4_k_m · field_accuracy · price")
    assert row[-3:] == ["–", "–", "❌ gate, within noise"]  # 0.98 and 0.92: the intervals overlap
    assert "dropped from 0.98 to 0.92" in without.stdout  # but the gate needs no test


def test_outcomes_of_another_run_are_not_believed(root: Path) -> None:
    kept = (root / "metrics/outcomes.json").read_bytes()
    publish(root, {"adapter": outcomes({}), "q4_k_m": outcomes({**BEFORE, "price": [3, 4, 5]})})
    (root / "metrics/outcomes.json").write_bytes(kept)
    done = _review(root)
    row = _row(done.stdout, "products · q4_k_m · field_accuracy · price")
    assert row[2:] == ["-0.01", "–", "–", "within noise"]
    assert done.returncode == 0


def test_the_worst_comes_first_and_what_is_new_is_folded(root: Path) -> None:
    worse, lower = outcomes({"name": list(range(8))}, loss=0.02), outcomes({**BEFORE, "price": [3, 4, 20, 40, 60]})
    publish(root, {"adapter": worse, "q4_k_m": lower, "f16": outcomes({}), "base": outcomes({})})
    text = _review(root).stdout
    assert "5 scores worse, 0 better, 3 changed within noise, 24 new." in text
    names = [
        line.split("|")[1].strip() for line in text.partition("<details>")[0].splitlines() if line.startswith("| products")
    ]
    assert names == [
        "products · adapter · field_accuracy · name",  # these two break a gate
        "products · q4_k_m · field_accuracy · price",
        "products · adapter · exact_match",
        "products · adapter · loss",
        "products · adapter · mean_field_accuracy",
        "products · adapter · perplexity",
    ]
    folded = text.partition("<summary>24 new</summary>")[2]
    assert "| products · f16 · exact_match | – | 1 |" in folded


def test_a_better_score_is_called_so(root: Path) -> None:
    worse = outcomes({"price": list(range(10))})
    publish(root, {"adapter": worse, "q4_k_m": outcomes(BEFORE)})
    commit(root, "Worse adapter")
    publish(root, {"adapter": outcomes({}), "q4_k_m": outcomes(BEFORE)})
    done = _review(root)
    assert done.returncode == 0
    assert _row(done.stdout, "products · adapter · exact_match")[-1] == "🟢 better"


def test_loss_is_paired_too(root: Path) -> None:
    publish(root, {"adapter": outcomes({}, loss=0.0102), "q4_k_m": outcomes(BEFORE)})
    row = _row(_review(root).stdout, "products · adapter · loss")
    assert row[3] == "100 / 0 of 100"  # a loss is worse where it rose
    assert row[-1] == "🔴 worse"


def test_perplexity_is_judged_as_its_loss(root: Path) -> None:
    one, other = outcomes({}, loss=0.5), outcomes({}, loss=0.5)
    other["nats"] += [4.0 if i % 2 else -3.0 for i in range(100)]
    publish(root, {"adapter": one, "q4_k_m": outcomes(BEFORE)})
    commit(root, "One")
    publish(root, {"adapter": other, "q4_k_m": outcomes(BEFORE)})
    text = _review(root).stdout
    loss, perplexity = (_row(text, f"products · adapter · {score}") for score in ("loss", "perplexity"))
    assert perplexity[3:] == loss[3:]
    assert perplexity[-1] == "within noise"


def test_what_is_forgotten_is_judged_by_the_paragraphs(root: Path) -> None:
    publish(root, {"adapter": outcomes({}), "q4_k_m": outcomes(BEFORE)}, neutral=30.5)
    row = _row(_review(root).stdout, "products · adapter · probe_loss")
    assert row[3] == "12 / 0 of 12"
    assert row[-1] == "🔴 worse"  # the two intervals cover the difference many times


def test_other_examples_are_no_verdict_on_the_shared_ones(root: Path) -> None:
    publish(root, {"adapter": outcomes({"name": list(range(60, 70))}), "q4_k_m": outcomes(BEFORE)})
    commit(root, "Ten wrong")
    harder = outcomes({"name": list(range(40))})  # of them 60 are asked for the first time, the shared 40 are right now
    harder["example_id"] = [f"new-{name}" if i < 60 else name for i, name in enumerate(harder["example_id"])]
    publish(root, {"adapter": harder, "q4_k_m": outcomes(BEFORE)})
    row = _row(_review(root).stdout, "products · adapter · exact_match")
    assert row == ["0.9", "0.6", "-0.3", "0 / 10 of 40", "0.002", "changed"]


def test_few_examples_are_paired_too() -> None:
    seven = {"variants": ["base"], "scores": ["exact_match"], "right": {f"g/{i}": str(int(i < 1)) for i in range(7)}}
    values = outcome(seven, "base", "exact_match")
    assert values is not None
    assert _adds_up(values, 0.14, "exact_match")  # 1/7, with the two digits that 7 examples support
    assert not _adds_up(values, 0.2, "exact_match")


def _edit(root: Path, change: Any) -> None:
    path = root / "metrics/scores.json"
    scores = json.loads(path.read_text(encoding="utf-8"))
    change(scores["products"]["q4_k_m"])
    path.write_text(json.dumps(scores), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda row: row.pop("exact_match"),
            "`scores.products.q4_k_m.exact_match` was 0.97 and is gone: a metric may not disappear",
        ),
        (lambda row: row.clear(), "- ❌ `scores.products.q4_k_m` held 12 metrics and is gone: a metric may not disappear\n"),
        (lambda row: row.pop("field_accuracy"), "`scores.products.q4_k_m.field_accuracy` held 2 metrics and is gone"),
        (lambda row: row.update(exact_match=float("nan")), "`scores.products.q4_k_m.exact_match` is nan: not a number"),
        (lambda row: row.update(exact_match=None), "`scores.products.q4_k_m.exact_match` is nan: not a number"),
        (lambda row: row.update(loss=float("inf")), "`scores.products.q4_k_m.loss` is inf: not a number"),
        (lambda row: row.update(exact_match=0.8), "`scores.products.q4_k_m.exact_match` is 0.8, below its minimum 0.85"),
    ],
)
def test_what_fails(root: Path, change: Any, line: str) -> None:
    _edit(root, change)
    done = _review(root)
    assert done.returncode == 1
    assert line in done.stdout
    assert done.stderr.startswith("gate failed: ")


def test_no_test_of_a_number_that_is_none(root: Path) -> None:
    _edit(root, lambda row: row.update(loss=float("nan")))
    row = _row(_review(root).stdout, "products · q4_k_m · loss")
    assert row == ["0.0395", "nan", "–", "–", "–", "❌ gate, not a number"]


def test_a_variant_that_is_gone_is_one_line_and_its_scores_are_folded(root: Path) -> None:
    publish(root, {"adapter": outcomes({})})
    (root / SHOWN).unlink()
    done = _review(root)
    assert [line for line in done.stderr.splitlines() if "is gone" in line] == [
        "gate failed: `scores.products.q4_k_m` held 12 metrics and is gone: a metric may not disappear"
    ]
    assert "<summary>11 gone</summary>" in done.stdout  # the twelfth is named by a gate of its own


def test_a_change_that_sets_its_own_gates_is_called_so(root: Path) -> None:
    assert "sets its own gates" not in _review(root).stdout
    path = root / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("drop, value: 0.02", "drop, value: 0.2"), encoding="utf-8")
    done = _review(root)
    assert done.returncode == 0, done.stderr
    assert "**This change sets its own gates**" in done.stdout.partition("### Scores")[0]
    assert _row(done.stdout, "`review.gates: drop of scores.*.field_accuracy.*`") == ["`0.02`", "`0.2`"]
    assert done.stdout.count("review.gates") == 1


def test_what_no_test_judges_has_no_colour(root: Path) -> None:
    tables = {"adapter": outcomes({}), "q4_k_m": outcomes(BEFORE)}
    publish(root, tables, train={"products": {"steps": 284, "tokens": 247537, "train_loss": 0.5}})
    commit(root, "Losses")
    publish(root, tables, train={"products": {"steps": 284, "tokens": 1247037, "train_loss": 0.6}})
    text = _review(root).stdout
    assert _row(text, "train · products · train_loss") == ["0.5", "0.6", "+0.1", "worse"]
    assert _row(text, "train · products · tokens") == ["247,537", "1,247,037", "+999,500", ""]
    assert "### Training, merge and files\n\nOne run on each side" in text


SHOWN = "metrics/scores/products/q4_k_m.json"  # what `dvc metrics show` reads


@pytest.mark.parametrize(("value", "said"), [(0.99, "0.99"), (float("nan"), "nan")])
def test_the_files_that_dvc_shows_must_say_the_same(root: Path, value: float, said: str) -> None:
    record = json.loads((root / SHOWN).read_text(encoding="utf-8"))
    (root / SHOWN).write_text(json.dumps(record | {"exact_match": value}), encoding="utf-8")
    assert _review(root).stderr == (
        f"gate failed: `{SHOWN}` says exact_match is {said}, metrics/scores.json 0.97: `dvc repro -f -s report` writes both\n"
    )


def test_a_number_that_the_shown_file_has_lost_fails(root: Path) -> None:
    (root / SHOWN).write_text('{"n": 100}', encoding="utf-8")
    assert f"`{SHOWN}` has lost exact_match, which stands in metrics/scores.json" in _review(root).stderr
    (root / SHOWN).unlink()
    assert f"`{SHOWN}` has lost n, which stands in metrics/scores.json" in _review(root).stderr


def test_a_nan_in_an_interval_or_a_detail_fails(root: Path) -> None:
    _edit(root, lambda row: row["intervals"].update(exact_match=[0.9, float("nan")]))
    (root / "metrics/pairs.json").write_text('{"products": {"f16 → q4_k_m": {"exact_match": {"p": NaN}}}}', encoding="utf-8")
    assert _review(root).stderr.splitlines() == [
        "gate failed: `pairs.products.f16 → q4_k_m.exact_match.p` holds nan: not a number",
        "gate failed: `scores.products.q4_k_m.intervals.exact_match` holds nan: not a number",
    ]


def test_the_histogram_of_lengths_stays_out_of_the_comment(root: Path) -> None:
    tokens = {"products": {"train": {"rows": 3, "lengths": {"32": 1, "64": 2}}}}
    publish(root, {"adapter": outcomes({}), "q4_k_m": outcomes(BEFORE)}, data={"tokens": tokens})
    text = _review(root).stdout
    assert _row(text, "tokens.products.train.rows") == ["0", "3", "+3"]
    assert "lengths" not in text


def test_a_metrics_file_that_is_gone_fails(root: Path) -> None:
    (root / "metrics/train.json").unlink()
    assert "`train.products.steps` was 284 and is gone" in _review(root).stderr


def test_other_test_examples_are_no_missing_metric(root: Path) -> None:
    (root / "metrics/breakdown.json").write_text('{"products": {"group": {"story": {"base": {"n": 3}}}}}', encoding="utf-8")
    commit(root, "Groups")
    (root / "metrics/breakdown.json").write_text("{}", encoding="utf-8")
    assert _review(root).returncode == 0


def test_a_reason_that_no_longer_occurs_is_no_missing_metric(root: Path) -> None:
    kept = {"adapter": outcomes({}), "q4_k_m": outcomes(BEFORE)}
    publish(root, kept, data={"documents": {"kept": 12, "dropped": {"empty": 1}}})
    done = _review(root)
    assert done.returncode == 0, done.stderr
    assert _row(done.stdout, "documents.dropped.too_short") == ["2", "0", "-2"]
    assert _row(done.stdout, "documents.dropped.empty") == ["0", "1", "+1"]
    assert _row(done.stdout, "documents.kept") == ["10", "12", "+2"]


def test_a_gate_that_no_metric_meets_fails(root: Path) -> None:
    path = root / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("scores.products.q4_k_m.exact_match", "scores.products.q2.exact_match"), encoding="utf-8")
    assert "no metric is named `scores.products.q2.exact_match`" in _review(root).stderr


def test_data_parameters_and_plots_are_named(root: Path) -> None:
    (root / "data/raw/a.json").write_text("[1]", encoding="utf-8")
    (root / "data/raw/prix réels.json").write_text("[1]", encoding="utf-8")
    (root / "data/raw/été.json").write_text("[]", encoding="utf-8")
    (root / "metrics/plots/products.png").write_bytes(b"\x89PNG after")
    path = root / "params.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("learning_rate: 1.0e-3", "learning_rate: 2.0e-3"), encoding="utf-8"
    )
    words = ("--page", "review/review.html", "--out", "review/review.md")  # into a folder that is not there
    done = _review(root, "--pictures", "https://example.org/raw", *words)
    assert done.returncode == 0, done.stderr
    text = (root / "review/review.md").read_text(encoding="utf-8")
    assert "- changed: `data/raw/a.json`\n- changed: `data/raw/prix réels.json`\n- added: `data/raw/été.json`" in text
    assert _row(text, "`adapters.products.train.learning_rate`") == ["`0.001`", "`0.002`"]
    base = git(root, "rev-parse", "main")
    assert f"![{base[:9]}](https://example.org/raw/{base}/metrics/plots/products.png) | in review.html" in text
    page = (root / "review/review.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "https://" not in page


def test_same_words_every_time(root: Path) -> None:
    publish(root, {"adapter": outcomes({"name": [1]}), "q4_k_m": outcomes({})})
    assert _review(root).stdout == _review(root).stdout != ""


def test_an_unknown_revision_is_one_line(root: Path) -> None:
    git(root, "branch", "-m", "main", "trunk")
    done = _review(root)
    assert done.returncode == 1
    assert done.stderr == (
        "error: review: no commit 'main' here; fetch it first, e.g. `git fetch origin main`, and name it as `origin/main`\n"
    )


def test_broken_metrics_are_one_line(root: Path) -> None:
    (root / "metrics/data.json").write_text("{", encoding="utf-8")
    done = _review(root)
    assert done.returncode == 1
    assert done.stderr.startswith("error: review: metrics/data.json is not JSON")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("metrics/data.json", "[1]", "metrics/data.json holds no object; `dvc repro -f -s report` writes it again"),
        (
            "metrics/scores.json",
            '{"products": 5}',
            "metrics/scores.json does not hold scores by adapter and variant; `dvc repro",
        ),
        ("metrics/scores.json", '{"products": {"base": 5}}', "metrics/scores.json does not hold scores"),
        ("dvc.lock", "<<<<<<< HEAD\nstages: {}\n=======\n", "dvc.lock is not YAML; is a merge conflict left in it?"),
    ],
)
def test_a_file_of_another_form_is_one_line(root: Path, name: str, text: str, reason: str) -> None:
    (root / name).write_text(text, encoding="utf-8")
    done = _review(root)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: review: {reason}")
    assert done.stderr.count("\n") == 1


def test_a_value_of_many_lines_is_one_cell() -> None:
    assert table(("a", "b"), [("one\ntwo | three", 1)]).split("\n")[2] == "| one two \\| three | 1 |"
