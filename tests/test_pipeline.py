"""The whole line on a few documents: real weights, real training, real llama.cpp, in a clone of this repository."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages import params
from tests.stages.test_prompt import assert_same_ids
from tests.warm import Command

ROOT = Path(__file__).parent.parent
FAMILIES = ("simple_card", "spec_table", "split_price", "story", "whole_page", "jsonld_only")
SMALL: dict[str, object] = {
    "prepare.test_share": 0.34,
    "prepare.valid_share": 0.17,
    "tokenize.max_seq_len": 256,  # half the tokens of every forward pass: the documents' pages are longer
    "tokenize.max_truncated_share": 1.0,
    "adapters.products.train.max_steps": 2,
    "adapters.products.train.warmup_steps": 0,  # the first step of a warm-up learns nothing
    "adapters.assistant.train.max_steps": 2,
    "adapters.assistant.train.warmup_steps": 0,
    "merge.probes": 2,
    "merge.continuation": 8,
    "gguf.probes": 1,
    "evaluate.max_examples": 3,
    "evaluate.max_new_tokens": 12,
    "predict.max_new_tokens": 12,
    "evaluate.batch_size": 4,
    "evaluate.dtype": "float32",
    "evaluate.slots": 2,
    "evaluate.intervals.resamples": 200,
}
VARIANTS = ("base", "adapter", "merged", "f16", "q4_k_m")

pytestmark = pytest.mark.slow


def edit(root: Path, changes: dict[str, object]) -> None:
    """Set values of params.yaml by their dotted keys."""
    yaml = YAML()
    path = root / "params.yaml"
    values = yaml.load(path)
    for key, value in changes.items():
        *parents, last = key.split(".")
        section = values
        for parent in parents:
            section = section[parent]
        assert last in section
        section[last] = value
    with path.open("w", encoding="utf-8") as out:
        yaml.dump(values, out)


def call(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)


def repro(root: Path) -> tuple[list[str], list[str]]:
    """The stages that `dvc repro` ran, and those that it took from the run cache."""
    done = call(root, "dvc", "repro")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    ran = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
    cached = [line.split("'")[1] for line in lines if "is cached - skipping run" in line]
    return ran, cached


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with little data and tiny settings, after one `dvc repro`."""
    root = tmp_path_factory.mktemp("line") / "repo"
    files = call(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    (root / "dvc.lock").unlink(missing_ok=True)
    for path in (root / "data/raw/products").glob("*.json"):
        if path.stem not in FAMILIES:
            path.unlink()
        else:
            path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))[::5]), encoding="utf-8")
    edit(root, SMALL)
    assert call(root, "git", "init", "-q").returncode == 0
    ran, _ = repro(root)
    assert len(ran) == 26
    return root


def test_second_run_has_nothing_to_do(line: Path) -> None:
    started = time.monotonic()
    assert repro(line) == ([], [])
    assert time.monotonic() - started < 10  # 3 s when nothing else runs


def test_scorecard_has_every_variant(line: Path) -> None:
    scores = json.loads((line / "metrics/scores.json").read_text(encoding="utf-8"))
    assert {name: set(found) for name, found in scores.items()} == {
        "products": {"rules", *VARIANTS},
        "assistant": set(VARIANTS),
    }
    assert {"exact_match", "field_accuracy", "json_parse_rate", "mean_field_accuracy", "n", "stop_rate"} <= set(
        scores["products"]["q4_k_m"]
    )
    for name, found in scores.items():
        assert all({"loss", "probe_loss"} <= set(found[variant]) for variant in VARIANTS)
        assert all(found[variant]["intervals"] for variant in found)
        assert {path.stem for path in (line / "metrics/scores" / name).glob("*.json")} == set(found)
    pairs, outcomes = (json.loads((line / f"metrics/{kind}.json").read_text("utf-8")) for kind in ("pairs", "outcomes"))
    assert set(pairs) == set(outcomes) == set(scores)
    page = (line / "metrics/report.html").read_text(encoding="utf-8")
    assert "q4_k_m" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    shown = call(line, sys.executable, "-m", "stages.report", "--show", "metrics")
    assert "q4_k_m" in shown.stdout
    for name in ("products.png", "assistant.png", "loss.png"):
        assert (line / "metrics/plots" / name).read_bytes().startswith(b"\x89PNG")


def test_every_file_is_kept_or_dropped_once(line: Path) -> None:
    import pandas as pd

    parts = [pd.read_parquet(path) for path in sorted((line / "data/clean").glob("*.parquet"))]
    found = sorted(uri for part in parts for uri in part["source_uri"])
    assert found == sorted(p.relative_to(line / "data/raw").as_posix() for p in (line / "data/raw").rglob("*") if p.is_file())


def test_merge_is_proven(line: Path) -> None:
    proof = json.loads((line / "metrics/merge.json").read_text(encoding="utf-8"))["products"]
    assert proof["same_tensors"] is True
    assert 0 < proof["max_logit_difference"] < 0.25


def test_the_ids_are_the_same_in_training_transformers_llama_cpp_and_the_modelfile(line: Path) -> None:
    made = line / "models/gguf/products"
    prompt = params.load(line / "params.yaml").prompt
    assert_same_ids(line / "models/base", made / "f16.gguf", made / "Modelfile", prompt, "extract")


def test_predict_with_every_variant(line: Path) -> None:
    page = '<div class="card"><h2>X200</h2><b>12,00&nbsp;€</b></div>'
    (line / "in.jsonl").write_text(json.dumps({"input": page}) + "\n" + json.dumps({"input": ""}) + "\n", encoding="utf-8")
    raw = {}
    for variant in VARIANTS:
        words = ("-m", "stages.predict", "--variant", variant, "--input", "in.jsonl", "--output", "out.jsonl")
        done = call(line, sys.executable, *words)
        assert done.returncode == 0, done.stderr
        rows = [json.loads(text) for text in (line / "out.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [set(row) for row in rows] == [{"output", "raw"}] * 2
        raw[variant] = rows[0]["raw"]
    assert raw["adapter"] == raw["merged"] != ""


def test_predict_refuses_in_one_line(line: Path) -> None:
    for words, expected in (
        (("--variant", "q2", "--html", "-"), "no variant 'q2'; there are base, adapter"),
        (("--variant", "f16", "--adapter", "poet", "--html", "-"), "no adapter 'poet'; it has products, assistant"),
        (("--variant", "f16", "--html", "nowhere.html"), "nowhere.html does not exist"),
        (("--variant", "f16", "--models", "nowhere", "--html", "-"), "nowhere/gguf/products/f16.gguf does not exist"),
    ):
        done = Command("stages.predict", *words, cwd=line)
        said = done.said()
        assert done.returncode == 1
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert expected in said


def test_same_bytes_from_a_second_training(line: Path) -> None:
    adapter = line / "models/adapters/assistant/adapter_model.safetensors"
    before = adapter.read_bytes()
    words = ["--adapter", "assistant", "--base", "models/base", "--tokens", "data/tokens/assistant"]
    words += ["--checkpoints", "checkpoints", "--out", "again"]
    done = call(line, sys.executable, "-m", "stages.train", *words)
    assert done.returncode == 0, done.stderr
    assert (line / "again/adapter_model.safetensors").read_bytes() == before


def test_an_edit_reruns_its_part_and_reverting_trains_nothing(line: Path) -> None:
    below = ["evaluate@assistant-adapter", "evaluate@assistant-f16", "evaluate@assistant-merged", "evaluate@assistant-q4_k_m"]
    below = ["compare@assistant", *below, "gguf@assistant", "merge@assistant"]
    edit(line, {"adapters.assistant.train.learning_rate": 3.0e-4})
    ran, _ = repro(line)
    assert sorted(ran) == [*below, "report", "train@assistant"]
    edit(line, {"adapters.assistant.train.learning_rate": 5.0e-4})
    ran, cached = repro(line)
    assert ran == ["report"]
    assert sorted(cached) == [*below, "train@assistant"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"evaluate.max_new_tokens": 10}, {"evaluate", "report"}),
        ({"report.digits": 3}, {"report"}),
        ({"sanitize.min_characters": 29}, {"sanitize"}),
        ({"ingest.max_bytes": 20000001}, {"ingest"}),
    ],
)
def test_only_what_changed_runs(line: Path, changes: dict[str, object], expected: set[str]) -> None:
    if "evaluate.max_new_tokens" in changes:
        dry = call(line, "dvc", "status", "--json")
        assert json.loads(dry.stdout) == {}
    edit(line, changes)
    changed = set(json.loads(call(line, "dvc", "status", "--json").stdout))
    assert {name.split("@")[0] for name in changed} == expected - ({"report"} if "evaluate" in expected else set())
    if "evaluate" not in expected:
        assert {name.split("@")[0] for name in repro(line)[0]} == expected
    edit(line, {key: {"evaluate.max_new_tokens": 12, "report.digits": 4, "sanitize.min_characters": 30,
                      "ingest.max_bytes": 20000000}[key] for key in changes})  # fmt: skip
    repro(line)


def test_broken_input_is_one_line(line: Path) -> None:
    broken = line / "data/raw/products/broken.json"
    broken.write_text('[{"input": "<b>x</b>", "output": {"name": "x"}}, ', encoding="utf-8")
    half = line / "data/raw/products/half.json"
    pairs = [{"input": "<b>A lamp 12 €</b>", "output": {"name": "A lamp"}}, {"input": "<b>b</b>", "output": {"colour": "red"}}]
    half.write_text(json.dumps(pairs), encoding="utf-8")
    try:
        for stage, words in (
            ("ingest", ("--raw", "data/raw", "--store", "other/store")),
            ("sanitize", ("--store", "other/store", "--clean", "other/clean")),
            ("prepare", ("--clean", "other/clean", "--examples", "other/examples")),
        ):
            done = call(line, sys.executable, "-m", f"stages.{stage}", *words)
            assert done.returncode == 0
            warnings = [text for text in done.stderr.splitlines() if text.startswith("warning")]
            if stage == "sanitize":
                assert len(warnings) == 1
                assert "products/broken.json: markup: not JSON" in warnings[0]
            if stage == "prepare":
                assert warnings == [
                    "warning: prepare: products/half.json, item 1: unknown_field: 'colour' is not in prepare.fields "
                    "(name, price, category, manufacturer)"
                ]
    finally:
        broken.unlink()
        half.unlink()
