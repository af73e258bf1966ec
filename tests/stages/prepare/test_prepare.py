"""The command: files, ledger, record, and one line for what is wrong."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from stages import examples
from stages.command import Failure
from stages.documents import KEPT, Row, write_shards
from stages.params import Params
from stages.prepare.__main__ import main, prepare
from tests.conftest import ROOT
from tests.stages.prepare.documents import document, table

WHOLE = {"name": "X200", "price": "1 €", "category": "lamps", "manufacturer": "Y"}


def _pair(text: str, layout: str) -> dict[str, Any]:
    return {"input": text, "output": WHOLE, "layout": layout}


def _run(documents: list[Row], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", folder)
    write_shards(documents, folder / "clean", "kept", KEPT, 2, key="doc_id")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["prepare", "--clean", "clean", "--examples", "examples"])
    main()
    return folder / "examples"


TEXT = " ".join(f"word{n}" for n in range(50))


def test_the_command_writes_splits_ledger_and_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [
        table([_pair(TEXT, "t")], "test.json", split="test"),
        table([_pair(TEXT, "g"), "no pair", _pair("another page", "g")], "train.json", split="train"),
        document("page.html", "Hello.", "web", "text/html"),
    ]
    out = _run(documents, tmp_path, monkeypatch)
    rows = [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert [(row["source_uri"], row["index"], row["reason"]) for row in rows] == [
        ("page.html", 0, "no_task"), ("train.json", 1, "no_input"), ("train.json", 0, "leak"),
    ]  # fmt: skip
    found = {split: list(examples.read(out / f"{split}.jsonl", ["extract"])) for split in examples.SPLITS}
    assert {split: [item.input for item in items] for split, items in found.items()} == {
        "train": ["another page"], "valid": [], "test": [TEXT],
    }  # fmt: skip
    assert json.loads((out / "examples.json").read_text()) == {
        "groups_moved": [], "leaks": {"found": 1, "left": 0, "answers_known_on_purpose": 0},
    }  # fmt: skip
    shown = capsys.readouterr()
    assert shown.out == "prepare: 1 train, 0 valid, 1 test; 3 in the ledger, 1 leak, 1 no_input, 1 no_task\n"
    assert shown.err.splitlines() == [
        'warning: prepare: train.json, item 1: no_input: a pair is {"input": text, "output": object or text}',
        "warning: prepare: no validation examples: training will show no validation loss",
    ]


NAMELESS = {"input": "x", "output": {"name": "x"}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (table([_pair("x", "g")], split="test"), "prepare: no training examples in clean; see its dropped-*.parquet"),
        (
            table([_pair("x", "g")], split="train"),
            "prepare: no test examples (prepare.test_share = 0.2, 1 for training); raise",
        ),
        (table([NAMELESS]), "prepare: no row has price, category, manufacturer, which prepare.fields names; take it out"),
    ],
)
def test_what_cannot_work_is_one_line(document: Row, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure) as caught:
        _run([document], tmp_path, monkeypatch)
    assert str(caught.value).startswith(message)


def test_why_no_row_has_a_field_is_told_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [NAMELESS, {"input": "y", "output": {"name": "y", "price": 5}}]
    with pytest.raises(Failure, match="no row has price, category, manufacturer"):
        _run([table(rows)], tmp_path, monkeypatch)
    assert "warning: prepare: a.json, item 1: bad_value: price = 5" in capsys.readouterr().err


def test_only_the_tasks_of_params_are_made(loaded: Params) -> None:
    documents = [table([_pair("x", "g")]), document("a.md", "## Open on Sundays?\n\nNo.", "faq", "text/markdown")]
    section = loaded.prepare.model_copy(update={"tasks": ["faq"]})
    found = prepare(documents, section)
    assert [item.task for items in found.splits.values() for item in items] == ["faq"]
    assert [(item.source_uri, item.reason) for item in found.rejected] == [("a.json", "no_task")]
