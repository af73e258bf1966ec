"""The numbers that Git keeps: rounding, headline, rows, counts."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stages import params
from stages.command import Failure
from stages.documents import KEPT, LEDGER, STORE, document_id, write_shards
from stages.report import collect


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0.123456, 0.1235),
        (1.00004, 1.0),
        (1.23456e-7, 1.235e-7),
        (123456.0, 123500.0),
        (0.0, 0.0),
        (123456, 123456),
        (True, True),
        ("0.123456", "0.123456"),
        (None, None),
        ({"a": [0.33333, {"b": 2 / 3}]}, {"a": [0.3333, {"b": 0.6667}]}),
    ],
)
def test_rounded(value: Any, rounded: Any) -> None:
    assert collect.rounded(value, 4) == rounded
    assert type(collect.rounded(value, 4)) is type(rounded)


@pytest.mark.parametrize(("n", "share", "loss"), [(9, 0.99, 0.0096), (100, 0.988, 0.00958), (1000, 0.9877, 0.009576)])
def test_a_score_has_the_digits_that_its_n_supports(n: int, share: float, loss: float) -> None:
    ends = {"loss": [0.0095757, 0.0095757], "drawn": "groups"}
    record = {"n": n, "exact_match": 0.98765, "loss": 0.0095757, "intervals": ends, "field_accuracy": {"name": 0.98765}}
    assert collect.supported(record) == {
        "exact_match": share,
        "field_accuracy": {"name": share},
        "intervals": {"drawn": "groups", "loss": [loss, loss]},
        "loss": loss,
        "n": n,
    }


def test_a_loss_without_answers_has_the_digits_of_its_tokens() -> None:
    assert collect.supported({"n": 0, "n_loss_tokens": 4000, "loss": 1.23456789})["loss"] == 1.2346


@pytest.mark.parametrize(
    ("record", "headline"),
    [
        ({"exact_match": 0.9, "json_parse_rate": 1.0}, "exact_match"),
        ({"exact_match": 0.1, "token_f1": 0.5}, "token_f1"),
        ({"exact_match": 0.2, "json_parse_rate": 1, "token_f1": 0.5}, "exact_match"),
        ({"loss": 2.0}, "loss"),
    ],
)
def test_headline(record: dict[str, Any], headline: str) -> None:
    assert collect.headline(record) == headline


def test_a_missing_record_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"scores.json does not exist; run `dvc repro`"):
        collect.scores(tmp_path, ["products"])


def _put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_records_by_adapter(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _put(tmp_path / "adapters" / name / "training.json", {"steps": 3, "curve": [{"step": 1, "loss": 2.0}]})
        _put(tmp_path / "merged" / name / "merge.json", {"of": name})
        _put(tmp_path / "gguf" / name / "gguf.json", {"f16": name})
        for variant in params.VARIANTS:
            _put(tmp_path / name / variant / "scores.json", {"n": 1, "loss": 2.0, "exact_match": 1.0})
    _put(tmp_path / "a" / "rules" / "scores.json", {"n": 1})
    curve = [{"step": 1, "loss": 2.0}]
    assert collect.training(tmp_path, ["a", "b"]) == ({"a": {"steps": 3}, "b": {"steps": 3}}, {"a": curve, "b": curve})
    assert collect.by_adapter(tmp_path, "merged", ["a", "b"]) == {"a": {"of": "a"}, "b": {"of": "b"}}
    assert collect.by_adapter(tmp_path, "gguf", ["b"]) == {"b": {"f16": "b"}}
    found = collect.scores(tmp_path, ["a", "b"])
    assert list(found["a"]) == ["rules", *params.VARIANTS]  # the baseline only where it was evaluated
    assert list(found["b"]) == list(params.VARIANTS)
    assert list(collect.row(found["a"]["base"])) == ["n", "exact_match", "loss"]


DATA = {
    "documents": {"stored": 3, "kept": 2, "dropped": {"empty": 2, "near": 1}},
    "examples": {"train": {"extract": 1, "faq": 2}, "valid": {}, "test": {"extract": 1}},
    "rejected": {"no_input": 1},
    "leaks": {"found": 2, "left": 0, "answers_known_on_purpose": 1},
    "groups_moved": 1,
    "tokens": {"p": {"train": {"rows": 3, "shortened": 1, "rejected": 2, "n_prompt": 30, "n_target": 20, "n_cut": 5}}},
}


def test_counts_from_raw_file_to_token(tmp_path: Path) -> None:
    kept = [{"doc_id": document_id(uri), "source_uri": uri} for uri in ("a", "b")]
    dropped = [
        {"doc_id": uri, "source_uri": uri, "drop_reason": reason}
        for uri, reason in (("c", "empty"), ("d", "near"), ("e", "empty"))
    ]
    write_shards([*kept, *dropped[1:2]], tmp_path / "documents", "documents", STORE, 2, key="doc_id")
    write_shards(kept, tmp_path / "clean", "kept", KEPT, 2, key="doc_id")
    write_shards(dropped, tmp_path / "clean", "dropped", LEDGER, 1, key="doc_id")
    _put(tmp_path / "tokens" / "p" / "tokens.json", DATA["tokens"]["p"])  # type: ignore[index]
    _put(tmp_path / "examples" / "examples.json", {"leaks": DATA["leaks"], "groups_moved": ["group 'a' follows b into test"]})
    lines = {
        "rejected": [{"reason": "leak"}, {"reason": "no_input", "detail": "a\u2028b"}, {"reason": "leak"}],
        "train": [{"task": "faq", "input": "a\u2028b\x85c"}, {"task": "extract"}, {"task": "faq"}],
        "valid": [],
        "test": [{"task": "extract"}],
    }
    for name, rows in lines.items():
        path = tmp_path / "examples" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert collect.data(tmp_path, ["p"]) == DATA


def test_the_funnel_loses_nothing() -> None:
    steps = collect.funnel(DATA)
    assert steps == {
        "raw files": {"kept": 2, "empty": 2, "near": 1},
        "examples": {"train": 3, "valid": 0, "test": 1, "no_input": 1, "near a test example": 2},
        "p: rows": {"whole": 2, "shortened": 1, "rejected": 2},
        "p: tokens": {"learned": 20, "prompt": 30, "cut": 5},
    }


def test_lengths_of_all_splits(tmp_path: Path) -> None:
    (tmp_path / "tokens/p").mkdir(parents=True)
    for split, values in (("train", [3, 4]), ("valid", [5])):
        table = pd.DataFrame({"n_prompt": values, "n_target": [1] * len(values), "input_ids": [[0]] * len(values)})
        table.to_parquet(tmp_path / f"tokens/p/{split}-00000.parquet")
    assert collect.lengths(tmp_path, ["p"]) == {"p": {"prompt": [3, 4, 5], "target": [1, 1, 1]}}
