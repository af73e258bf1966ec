"""Objects against the declared schema."""

from typing import Any

import pytest

from stages.examples import Example
from stages.params import OutputField, Params
from stages.prepare.extract import checked, examples
from stages.prepare.rows import Rejected
from tests.stages.prepare.documents import document, table

FIELDS = {
    "name": OutputField(type="text", required=True),
    "price": OutputField(type="number", required=False),
    "sold": OutputField(type="boolean", required=False),
    "colours": OutputField(type="list", required=False),
}


@pytest.mark.parametrize(
    ("output", "reason", "detail"),
    [
        ({"name": "x", "size": "1"}, "unknown_field", "'size' is not in prepare.fields (name, price, sold, colours)"),
        ({"name": 5}, "bad_value", "name = 5; it must be a text, or the key absent"),
        ({"name": " "}, "bad_value", 'name = " "; it must be a text'),
        ({"name": None, "price": None}, "missing_field", "name: required by prepare.fields"),
        ({"name": "x", "price": "12"}, "bad_value", 'price = "12"; it must be a number'),
        ({"name": "x", "price": float("nan")}, "bad_value", "price = NaN; it must be a number"),
        ({"name": "x", "price": float("inf")}, "bad_value", "price = Infinity; it must be a number"),
        ({"name": "x", "price": True}, "bad_value", "price = true; it must be a number"),
        ({"name": "x", "sold": 1}, "bad_value", "sold = 1; it must be true or false"),
        ({"name": "x", "colours": "red"}, "bad_value", 'colours = "red"; it must be a list of texts'),
        ({"name": "x", "colours": [""]}, "bad_value", 'colours = [""]; it must be a list of texts'),
        ({"price": 1}, "missing_field", "name: required by prepare.fields"),
    ],
)
def test_an_object_that_breaks_the_schema(output: dict[str, Any], reason: str, detail: str) -> None:
    fault = checked(output, FIELDS, strict=True)
    assert isinstance(fault, tuple)
    assert fault[0] == reason
    assert fault[1].startswith(detail)


def test_an_object_has_every_field_and_absent_ones_are_null() -> None:
    output = {"colours": ["red"], "price": 12.5, "name": "x"}
    assert list(checked(output, FIELDS, strict=True).items()) == [  # type: ignore[union-attr]
        ("name", "x"), ("price", 12.5), ("sold", None), ("colours", ["red"]),
    ]  # fmt: skip


def test_a_field_that_is_null_is_absent() -> None:
    found = checked({"name": "x", "price": None, "sold": None, "colours": None}, FIELDS, strict=True)
    assert found == {"name": "x", "price": None, "sold": None, "colours": None}


def test_the_cells_of_a_csv_file_are_read_as_their_type(loaded: Params) -> None:
    section = loaded.prepare.model_copy(update={"fields": FIELDS})
    found = list(examples(document("a.csv", "text,name,price\nA lamp,Lamp,12\n", "other", "text/csv"), section))
    assert [item.output for item in found if isinstance(item, Example)] == [
        {"name": "Lamp", "price": 12, "sold": None, "colours": None}
    ]


def test_an_extraction_example(loaded: Params) -> None:
    rows = [
        {"input": "# X", "output": {"price": "1 €", "name": "X"}, "layout": "card", "language": "de"},
        {"input": "# X", "output": {"price": 1}},
        {"input": "Open?", "output": "No."},
    ]
    doc = table(rows, doc_type="other")
    output = {"name": "X", "price": "1 €", "category": None, "manufacturer": None}
    assert list(examples(doc, loaded.prepare)) == [
        Example(f"{doc['doc_id']}-extract-0", "extract", [doc["doc_id"]], "card", "de", "# X", output),
        Rejected("a.json", 1, "bad_value", "price = 1; it must be a text, or the key absent"),
    ]
