"""Splits: stable, about as large as asked for, no group in two of them, and nothing of the test in training."""

import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import examples, params
from stages.documents import KEPT, Row, document_id, write_shards
from stages.examples import Example
from stages.params import Params, Prepare
from stages.prepare.__main__ import main, prepare, split_of, without_leaks
from tests.conftest import ROOT

SECTION: Prepare = params.load(ROOT / "params.yaml").prepare


def _document(uri: str, items: list[Any], split: str | None = None) -> Row:
    """A kept row that holds pairs."""
    return {
        "doc_id": document_id(uri), "source_uri": uri, "language": "en", "doc_type": "product", "split": split,
        "mime": "application/json", "text": json.dumps(items),
    }  # fmt: skip


def _pair(text: str, layout: str) -> dict[str, Any]:
    return {"input": text, "output": {"name": "X200"}, "layout": layout}


def _split_by_group(documents: list[Row]) -> dict[str, set[str]]:
    splits, _ = prepare(documents, SECTION)
    found: dict[str, set[str]] = {}
    for split, items in splits.items():
        for item in items:
            found.setdefault(item.group, set()).add(split)
    return found


GROUPS = st.lists(st.text(min_size=1, max_size=8), max_size=12, unique=True)


@given(GROUPS, GROUPS)
def test_other_groups_move_nothing(groups: list[str], others: list[str]) -> None:
    before = [_document("a.json", [_pair("x", group) for group in groups])]
    after = [*before, _document("b.json", [_pair("y", group) for group in [*others, *groups]])]
    few, more = _split_by_group(before), _split_by_group(after)
    assert {group: more[group] for group in few} == few
    assert all(len(splits) == 1 for splits in more.values())


def test_a_group_has_its_split_for_good() -> None:
    assert [split_of(f"group {n}", SECTION) for n in range(8)] == "train train test train test train train train".split()


def test_the_shares_are_about_right_and_follow_the_salt() -> None:
    groups = [f"group {n}" for n in range(2000)]
    drawn = Counter(split_of(group, SECTION) for group in groups)
    assert drawn["test"] / 2000 == pytest.approx(0.2, abs=0.03)
    assert drawn["valid"] / 2000 == pytest.approx(0.05, abs=0.02)
    other = SECTION.model_copy(update={"salt": "1"})
    assert sum(split_of(group, SECTION) != split_of(group, other) for group in groups) > 400


@pytest.mark.parametrize(("share", "split"), [(1.0, "test"), (0.0, "train")])
def test_shares_of_all_and_nothing(share: float, split: str) -> None:
    section = SECTION.model_copy(update={"test_share": share, "valid_share": 0.0})
    assert {split_of(str(n), section) for n in range(200)} == {split}


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_source_may_say_its_split(split: str) -> None:
    splits, _ = prepare([_document("a.json", [_pair("x", str(n)) for n in range(20)], split)], SECTION)
    assert {name: len(items) for name, items in splits.items()} == {"train": 0, "valid": 0, "test": 0} | {split: 20}


def test_without_the_key_a_document_is_one_group() -> None:
    document = _document("a.json", [{"input": str(n), "output": {"name": "x"}} for n in range(30)])
    assert list(_split_by_group([document])) == [document["doc_id"]]


def test_ids_and_order_do_not_depend_on_the_order_of_the_rows() -> None:
    documents = [_document(f"{n}.json", [_pair(str(n), "g")]) for n in range(5)]
    assert prepare(documents, SECTION) == prepare(documents[::-1], SECTION)


WORDS = [f"word{n}" for n in range(100)]


def _text(*changed: int) -> str:
    return " ".join("other" if n in changed else word for n, word in enumerate(WORDS))


def _leaks(test: list[str], train: list[str]) -> tuple[list[str], list[Any]]:
    documents = [
        _document("test.json", [_pair(text, "t") for text in test], "test"),
        _document("train.json", [_pair(text, "g") for text in train], "train"),
        _document("valid.json", [_pair("quite another page", "v")], "valid"),
    ]
    splits, _ = prepare(documents, SECTION)
    clean, leaks = without_leaks(splits, SECTION)
    assert clean["test"] == splits["test"]
    assert len(clean["valid"]) == 1
    assert len(clean["train"]) + len(leaks) == len(train)
    return [item.input for item in clean["train"]], leaks


def test_what_nearly_repeats_a_test_input_is_moved_out_with_its_twin() -> None:
    kept, leaks = _leaks([_text()], [_text(), _text(5), _text(*range(0, 100, 4)), "a short page"])
    assert kept == [_text(*range(0, 100, 4)), "a short page"]
    twin = f"of {document_id('test.json')}-extract-0, similarity "
    assert [(leak.index, leak.reason, leak.detail[:-4]) for leak in leaks] == [(0, "leak", twin), (1, "leak", twin)]
    assert leaks[0].detail == f"{twin}1.00"


def test_the_command_writes_splits_and_a_ledger_that_names_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    documents = [
        _document("test.json", [_pair(_text(), "t")], "test"),
        _document("train.json", [_pair(_text(), "g"), "no pair", _pair("another page", "g")], "train"),
    ]
    write_shards(documents, tmp_path / "clean", "kept", KEPT, 2, key="doc_id")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prepare", "--clean", "clean", "--examples", "examples"])
    main()
    rows = [json.loads(line) for line in (tmp_path / "examples" / "rejected.jsonl").read_text().splitlines()]
    assert [(row["source_uri"], row["index"], row["reason"]) for row in rows] == [
        ("train.json", 1, "no_input"),
        ("train.json", 0, "leak"),
    ]
    found = {split: list(examples.read(tmp_path / "examples" / f"{split}.jsonl", ["extract"])) for split in examples.SPLITS}
    assert {split: [item.input for item in items] for split, items in found.items()} == {
        "train": ["another page"],
        "valid": [],
        "test": [_text()],
    }


def test_a_test_input_that_repeats_another_is_guarded_too() -> None:
    kept, leaks = _leaks([_text(), _text(10, 30)], [_text(10, 30, 50, 70)])
    assert (kept, len(leaks)) == ([], 1)


def test_continued_text_is_compared_by_its_text(loaded: Params) -> None:
    one = Example("a-continue-0", "continue", ["a"], "a", "en", "", _text())
    clean, leaks = without_leaks({"test": [one], "train": [one], "valid": []}, loaded.prepare)
    assert (clean["train"], [leak.reason for leak in leaks]) == ([], ["leak"])
