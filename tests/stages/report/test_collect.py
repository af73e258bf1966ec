"""The numbers that Git keeps: rounding, headline, tables, counts."""

import json
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    ("record", "headline"),
    [
        ({"exact_match": 0.9, "json_parse_rate": 1.0}, ("exact_match", 0.9)),
        ({"exact_match": 0.1, "token_f1": 0.5}, ("token_f1", 0.5)),
        ({"exact_match": 0.2, "json_parse_rate": 1, "token_f1": 0.5}, ("exact_match", 0.2)),
    ],
)
def test_headline(record: dict[str, Any], headline: tuple[str, float]) -> None:
    assert collect.headline(record) == headline


def test_table() -> None:
    rows: list[dict[str, Any]] = [{"adapter": "products", "loss": "0.5"}, {"adapter": 'a "b", c', "loss": 1}]
    assert collect.table(rows) == 'adapter,loss\nproducts,0.5\n"a ""b"", c",1\n'


def test_a_missing_record_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"scores.json does not exist; run `dvc repro`"):
        collect.scores(tmp_path, ["products"], ("base",))


def _put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_records_by_adapter(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _put(tmp_path / "adapters" / name / "training.json", {"steps": 3, "curve": [{"step": 1, "loss": 2.0}]})
        _put(tmp_path / "merged" / name / "merge.json", {"of": name})
        _put(tmp_path / "gguf" / name / "gguf.json", {"f16": name})
        _put(tmp_path / name / "base" / "scores.json", {"n": 1})
    curve = [{"step": 1, "loss": 2.0}]
    assert collect.training(tmp_path, ["a", "b"]) == ({"a": {"steps": 3}, "b": {"steps": 3}}, {"a": curve, "b": curve})
    assert collect.by_adapter(tmp_path, "merged", ["a", "b"]) == {"a": {"of": "a"}, "b": {"of": "b"}}
    assert collect.by_adapter(tmp_path, "gguf", ["b"]) == {"b": {"f16": "b"}}
    assert collect.scores(tmp_path, ["a"], ("base",)) == {"a": {"base": {"n": 1}}}


def test_counts_from_raw_file_to_token(tmp_path: Path) -> None:
    kept = [{"doc_id": document_id(uri), "source_uri": uri} for uri in ("a", "b")]
    dropped = [
        {"doc_id": uri, "source_uri": uri, "drop_reason": reason}
        for uri, reason in (("c", "empty"), ("d", "near"), ("e", "empty"))
    ]
    write_shards([*kept, *dropped[1:2]], tmp_path / "documents", "documents", STORE, 2, key="doc_id")
    write_shards(kept, tmp_path / "clean", "kept", KEPT, 2, key="doc_id")
    write_shards(dropped, tmp_path / "clean", "dropped", LEDGER, 1, key="doc_id")
    _put(tmp_path / "tokens" / "p" / "tokens.json", {"train": {"rows": 1}})
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
    assert collect.data(tmp_path, ["p"]) == {
        "documents": {"stored": 3, "kept": 2, "dropped": {"empty": 2, "near": 1}},
        "examples": {"train": {"extract": 1, "faq": 2}, "valid": {}, "test": {"extract": 1}},
        "rejected": {"no_input": 1},
        "leaks_removed": 2,
        "tokens": {"p": {"train": {"rows": 1}}},
    }
