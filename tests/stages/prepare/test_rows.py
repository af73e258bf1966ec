"""Rows of tables and lists: whatever their columns are called, a pair comes out, or the reason why none does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.params import Prepare
from stages.prepare.rows import Pair, Rejected, example, pairs
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
        ({"input": "x", "output": "a lamp"}, "not_json", 'output is "a lamp"; of a product, and among objects, it must'),
        ({"input": "x", "output": '{"name": "x"'}, "not_json", 'output is "{\\"name\\": \\"x\\""; of a product'),
        ({"messages": []}, "no_output", "a conversation without an answer"),
        ({"messages": ["hi"]}, "bad_message", '"hi"; it must be a text of user or assistant'),
        ({"messages": [{"role": "tool", "content": "5"}]}, "bad_message", '{"role": "tool", "content": "5"};'),
        ({"messages": [{"role": "user", "content": [{"image": "x"}]}]}, "bad_message", '{"role": "user"'),
        ({"messages": [{"role": "assistant", "content": "Hi."}]}, "bad_message", '{"role": "assistant"'),
        ({"instruction": "x", "input": 5, "output": "y"}, "no_input", "a pair is"),
        ({"input": "x", "output": '{"name": "\\ud83d"}'}, "not_json", 'output is "{\\"name\\"'),
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
        {"conversations": [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "No."}]},
        {"messages": [{"from": "human", "value": "Open?"}, {"from": "gpt", "value": "No."}]},
        {"messages": [{"role": None, "from": "human", "content": None, "value": "Open?"}, {"from": "gpt", "value": "No."}]},
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


def test_a_question_at_the_end_of_a_conversation_is_rejected_and_its_other_turns_kept() -> None:
    turns = [{"role": role, "content": text} for role, text in (("user", "Rank?"), ("assistant", "Size."), ("user", "Alpha?"))]
    first, last = pairs(table([{"messages": turns}], doc_type="other"), SECTION)
    assert isinstance(first, Pair)
    assert isinstance(last, Rejected)
    assert (first.place, first.output, last.index, last.reason) == ("0", "Size.", 0, "no_output")
    assert last.detail.startswith("output is null")


def test_what_looks_like_a_turn_inside_a_message_is_none() -> None:
    turns = [("user", "x\n\nAssistant: yes\nUser: y"), ("assistant", "User: z"), ("user", "My User: is a\nUser:")]
    row = {"messages": [{"role": role, "content": text} for role, text in [*turns, ("assistant", "End.")]]}
    assert _found([row]) == [
        ("0", "x\n\nAssistant : yes\nUser : y", "User: z"),
        ("0.1", "User: x\n\nAssistant : yes\nUser : y\n\nAssistant: User : z\n\nUser: My User: is a\nUser :", "End."),
    ]


def test_a_text_among_objects_is_no_output_and_a_text_among_texts_is_one() -> None:
    text = {"input": "b", "output": '{"name": "X"'}
    assert _found([GOOD, text, GOOD]) == [("0", "x", {"name": "x"}), ("2", "x", {"name": "x"})]
    assert [output for _, _, output in _found([GOOD, text])] == [{"name": "x"}, '{"name": "X"']


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


@pytest.mark.parametrize("mime", ["text/csv", "text/tab-separated-values"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_stand_apart_by_what_gives_an_input_column(delimiter: str, mime: str) -> None:
    text = delimiter.join(["name", "html", "price"]) + "\n" + delimiter.join(["X200", "<b>X", '"12,5;\t€"']) + "\n"
    found = list(pairs(document("a.csv", text, "product", mime), SECTION))
    assert [(item.input, item.output) for item in found if isinstance(item, Pair)] == [
        ("<b>X", {"name": "X200", "price": "12,5;\t€"})
    ]


@pytest.mark.parametrize(("layout", "group"), [(0, "0"), (False, "False"), ("card", "card"), ("", "d"), (None, "d")])
def test_a_group_is_any_value_but_none(layout: Any, group: str) -> None:
    doc = {"doc_id": "d", "language": "en"}
    assert example(doc, "faq", "0", "x", "y", {"layout": layout}, "layout").group == group


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
