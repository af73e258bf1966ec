"""Rows of tables and lists: whatever their columns are called, a pair comes out, or the reason why none does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.params import Prepare
from stages.prepare.rows import Pair, Rejected, pairs
from tests.conftest import ROOT
from tests.stages.prepare.documents import document, table

SECTION: Prepare = params.load(ROOT / "params.yaml").prepare
GOOD = {"input": "x", "output": {"name": "x"}}


def _found(items: list[Any], doc_type: str = "other") -> list[tuple[str, str, Any]]:
    found = list(pairs(table(items, doc_type=doc_type), SECTION))
    return [(item.place, item.input, item.output) for item in found if isinstance(item, Pair)]


@pytest.mark.parametrize(
    ("item", "reason", "detail"),
    [
        ("text", "no_input", "a pair is"),
        (None, "no_input", "a pair is"),
        ({"output": {"name": "x"}}, "no_input", "a pair is"),
        ({"input": 5, "output": {"name": "x"}}, "no_input", "a pair is"),
        ({"input": "x"}, "no_output", "output is null"),
        ({"input": "x", "output": {}}, "no_output", "output is {}"),
        ({"input": "x", "output": ""}, "no_output", 'output is ""'),
        ({"input": "x", "output": "  "}, "no_output", 'output is "  "'),
        ({"input": "x", "output": [1]}, "no_output", "output is [1]"),
        ({"input": " ", "output": {"name": "x"}}, "empty_input", "nothing is left"),
        ({"input": "x", "output": "a lamp"}, "not_json", 'output is "a lamp"; of a product it must be a JSON object'),
        ({"input": "x", "output": '{"name": "x"'}, "not_json", 'output is "{\\"name\\": \\"x\\""; of a product'),
        ({"messages": []}, "no_output", "a conversation without an answer"),
        ({"messages": ["hi"]}, "bad_message", '"hi"; it must be a text of user or assistant'),
        ({"messages": [{"role": "tool", "content": "5"}]}, "bad_message", '{"role": "tool", "content": "5"};'),
        ({"messages": [{"role": "user", "content": [{"image": "x"}]}]}, "bad_message", '{"role": "user"'),
        ({"messages": [{"role": "assistant", "content": "Hi."}]}, "bad_message", '{"role": "assistant"'),
    ],
)
def test_a_row_that_is_no_pair_is_rejected_once_with_its_place(item: Any, reason: str, detail: str) -> None:
    found = list(pairs(table([GOOD, item, GOOD]), SECTION))
    rejected = [one for one in found if isinstance(one, Rejected)]
    assert [(one.source_uri, one.index, one.reason) for one in rejected] == [("a.json", 1, reason)]
    assert rejected[0].detail.startswith(detail)
    assert [one.place for one in found if isinstance(one, Pair)] == ["0", "2"]


@pytest.mark.parametrize(
    "row",
    [
        {"input": "Open?", "output": "No."},
        {"question": "Open?", "answer": "No.", "extra": 1},
        {"prompt": "Open?", "completion": "No."},
        {"instruction": "Open?", "input": "", "output": "No."},
        {"messages": [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "No."}]},
        {"messages": [{"role": "human", "content": [{"type": "text", "text": "Open?"}]}, {"role": "gpt", "content": "No."}]},
        {"conversations": [{"from": "human", "value": "Open?"}, {"from": "gpt", "value": "No."}]},
    ],
)  # fmt: skip
def test_columns_and_chat_formats_are_recognised(row: dict[str, Any]) -> None:
    assert _found([row]) == [("0", "Open?", "No.")]


def test_alpaca_puts_the_input_below_the_instruction() -> None:
    assert _found([{"instruction": "Translate.", "input": "No.", "output": "Non."}]) == [("0", "Translate.\n\nNo.", "Non.")]


def test_every_answer_of_a_conversation_is_a_pair_that_holds_the_turns_before_it() -> None:
    turns = [
        ("system", "Be brief."),
        ("human", "Rank?"),
        ("gpt", "Size."),
        ("human", "And"),
        ("human", "alpha?"),
        ("gpt", "Scale."),
    ]
    row = {"conversations": [{"from": role, "value": text} for role, text in turns]}
    assert _found([GOOD, row]) == [
        ("0", "x", {"name": "x"}),
        ("1", "Be brief.\n\nRank?", "Size."),
        ("1.1", "Be brief.\n\nUser: Rank?\n\nAssistant: Size.\n\nUser: And\n\nalpha?", "Scale."),
    ]  # fmt: skip


def test_without_an_output_column_the_columns_named_like_fields_are_the_object() -> None:
    assert _found([{"html": "<b>X</b>", "name": "X", "price": "", "sku": "7"}]) == [("0", "<b>X</b>", {"name": "X"})]


def test_a_text_that_spells_an_object_of_the_fields_is_that_object() -> None:
    rows = [
        {"input": "a", "output": '{"name": "X"}'},
        {"input": "b", "output": '{"colour": "red"}'},
        {"input": "c", "output": "{x}"},
    ]
    assert [output for _, _, output in _found(rows)] == [{"name": "X"}, '{"colour": "red"}', "{x}"]


def test_a_csv_file_with_an_input_column_is_a_table() -> None:
    text = 'name,html,price\nX200,"<b>X,\n200</b>",12 €\n'
    found = list(pairs(document("a.csv", text, "product", "text/csv"), SECTION))
    assert [(item.input, item.output) for item in found if isinstance(item, Pair)] == [
        ("<b>X,\n200</b>", {"name": "X200", "price": "12 €"})
    ]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "no table at all"])
def test_another_csv_file_is_a_text(text: str) -> None:
    assert list(pairs(document("a.csv", text, "technical", "text/csv"), SECTION)) == []


KEYS = ("input", "output", "messages", "conversations", "instruction", "role", "content", "from", "value", "name")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_any_json_gives_pairs_or_reasons_for_every_row(items: list[Any]) -> None:
    found = list(pairs(table(json.loads(json.dumps(items))), SECTION))
    assert {one.index for one in found} == set(range(len(items)))
    for one in found:
        assert one.reason if isinstance(one, Rejected) else one.input.strip() and one.output
