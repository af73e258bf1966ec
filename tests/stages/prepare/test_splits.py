"""Splits: stable, about as large as asked for, no group in two of them."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.command import Failure
from stages.documents import Row
from stages.params import Prepare
from stages.prepare.__main__ import prepare
from stages.prepare.splits import split_of
from tests.conftest import ROOT
from tests.stages.prepare.documents import table

SECTION: Prepare = params.load(ROOT / "params.yaml").prepare
WHOLE = {"name": "X200", "price": "1 €", "category": "lamps", "manufacturer": "Y"}


def _pair(text: str, layout: str) -> dict[str, Any]:
    return {"input": text, "output": WHOLE, "layout": layout}


def _split_by_group(documents: list[Row], section: Prepare = SECTION) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for split, items in prepare(documents, section).splits.items():
        for item in items:
            found.setdefault(item.group, set()).add(split)
    return found


GROUPS = st.lists(st.text(min_size=1, max_size=8), max_size=12, unique=True)


@given(GROUPS, GROUPS)
def test_other_groups_move_nothing(groups: list[str], others: list[str]) -> None:
    before = [table([_pair(f"x{n}", group) for n, group in enumerate(groups)])]
    after = [*before, table([_pair(f"y{n}", group) for n, group in enumerate([*others, *groups])], "b.json")]
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
    found = prepare([table([_pair(str(n), str(n)) for n in range(20)], split=split)], SECTION).splits
    assert {name: len(items) for name, items in found.items()} == {"train": 0, "valid": 0, "test": 0} | {split: 20}


def test_a_group_follows_the_document_that_says_its_split_and_the_record_says_why() -> None:
    free = table([_pair("one page", "group 0"), _pair("another", "group 1")], "free.json")
    forced = table([_pair("a third", "group 0")], "forced.json", split="test")
    found = prepare([free, forced], SECTION)
    assert {item.input: split for split, items in found.splits.items() for item in items} == {
        "one page": "test", "a third": "test", "another": "train",
    }  # fmt: skip
    assert found.counts["groups_moved"] == ["group 'group 0' follows forced.json into test"]
    assert prepare([free], SECTION).counts["groups_moved"] == []


def test_a_group_that_two_documents_pull_apart_is_refused() -> None:
    documents = [table([_pair(name, "card")], f"{name}.json", split=name) for name in ("test", "train")]
    with pytest.raises(Failure, match=r"test.json puts group 'card' into test, train.json into train; give both one split"):
        prepare(documents, SECTION)


def test_without_the_column_a_document_is_one_group_and_a_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    doc = table([{"input": str(n), "output": WHOLE} for n in range(30)])
    assert list(_split_by_group([doc])) == [doc["doc_id"]]
    assert "no row has the column prepare.group_by = 'layout'; every document is one group" in capsys.readouterr().err
    by_document = SECTION.model_copy(update={"group_by": "document"})
    assert list(_split_by_group([doc], by_document)) == [doc["doc_id"]]
    assert capsys.readouterr().err == ""


def test_any_column_may_hold_the_group() -> None:
    section = SECTION.model_copy(update={"group_by": "shop"})
    assert set(_split_by_group([table([{**_pair("x", "card"), "shop": "Kesvand"}])], section)) == {"Kesvand"}


def test_ids_and_order_do_not_depend_on_the_order_of_the_rows() -> None:
    documents = [table([_pair(str(n), "g")], f"{n}.json") for n in range(5)]
    assert prepare(documents, SECTION) == prepare(documents[::-1], SECTION)
