"""A list of pairs, cleaned item by item; what is no pair is left for `prepare` to reject by its index."""

import json
from typing import Any

import pytest

from stages.sanitize.pairs import clean_pairs, clean_rows
from stages.sanitize.records import Unreadable


@pytest.mark.parametrize(
    ("item", "cleaned"),
    [
        ({"input": "<h1>X200</h1>", "output": {"name": "X200"}}, {"input": "# X200", "output": {"name": "X200"}}),
        ({"input": " Is <b> a\n tag? ", "output": "Yes."}, {"input": "Is <b> a tag?", "output": "Yes."}),
        ({"input": "<p>x</p>", "output": {}, "layout": "card"}, {"input": "x", "output": {}, "layout": "card"}),
        ({"input": 5, "output": {}}, {"input": 5, "output": {}}),
        ("text", "text"),
        (None, None),
    ],
)
def test_an_item_is_cleaned_by_what_it_asks_for(item: Any, cleaned: Any) -> None:
    assert json.loads(clean_pairs(json.dumps([item]), lines=False)) == [cleaned]


def test_json_lines() -> None:
    text = '{"input": "a\u2028b", "output": "c"}\n\n{"input": "d", "output": "e"}\n'
    assert json.loads(clean_pairs(text, lines=True)) == [{"input": "a b", "output": "c"}, {"input": "d", "output": "e"}]


def test_a_broken_line_costs_itself_only() -> None:
    text = '{"input": "a", "output": "b"}\n{"input": "c"\n{"input": "d", "output": "e"}\n'
    assert json.loads(clean_pairs(text, lines=True)) == [
        {"input": "a", "output": "b"}, '{"input": "c"', {"input": "d", "output": "e"},
    ]  # fmt: skip


@pytest.mark.parametrize("head", ["input output layout", "Input OUTPUT layout"])
@pytest.mark.parametrize(("delimiter", "known"), [(",", ",;"), (";", ",;"), ("\t", "\t")])
def test_the_rows_of_a_table_are_pairs_like_others(delimiter: str, known: str, head: str) -> None:
    cells = [head.split(), ["<h1>X200</h1>", '"{""name"": ""X200""}"', "card"], ['"Is it\n ""open""?"', "Yes."]]
    found = clean_rows("\r\n".join(delimiter.join(row) for row in cells), known)
    assert found is not None
    assert json.loads(found) == [
        {"input": "# X200", "output": {"name": "X200"}, "layout": "card"},
        {"input": 'Is it "open"?', "output": "Yes.", "layout": None},
    ]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "input\nx\n", "\n"])
def test_a_table_without_the_two_columns_is_no_list_of_pairs(text: str) -> None:
    assert clean_rows(text, ",") is None


def test_a_row_with_too_many_cells_or_half_an_object_is_left_for_prepare() -> None:
    found = clean_rows('input,output\na,b,c\nd,"{""e"""\n', ",")
    assert json.loads(found or "") == [{"input": "a", "output": "b", "None": ["c"]}, {"input": "d", "output": '{"e"'}]


def test_half_a_surrogate_pair_can_still_be_written() -> None:
    text = clean_pairs(
        '[{"input": "a\\ud800b", "output": "c\\ud800"}, {"input": "<p>a\\ud800b</p>", "output": {}}]', lines=False
    )
    assert len(json.loads(text.encode("utf-8"))) == 2


@pytest.mark.parametrize(
    ("text", "lines", "message"),
    [
        ("[{", False, "not JSON: "),
        ('{"input": "x"}', False, "a list of pairs was expected, not a JSON dict"),
        ("\n{\n]", True, "not JSON: line 2: "),
        ("[" * 100_000, False, "nested too deeply"),
    ],
)
def test_what_is_no_list_of_pairs_is_unreadable(text: str, lines: bool, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        clean_pairs(text, lines=lines)
