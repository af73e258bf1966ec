r"""Pairs of a text and the object to extract from it, checked against the schema in `prepare.fields`.

{"input": "# X200\n[price] 12 €", "output": {"name": "X200", "price": "12 €"}}
    -> the same input, {"name": "X200", "price": "12 €", "category": null, "manufacturer": null}

What the page does not state is null: with the key left out instead, a small model must decide on absence one word before
it looks for the value.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import FiniteFloat, StringConstraints, TypeAdapter, ValidationError

from stages.documents import Row
from stages.examples import Example
from stages.params import OutputField, Prepare
from stages.prepare.rows import TABLE_MIMES, Fault, Rejected, example, pairs

Text = Annotated[str, StringConstraints(pattern=r"\S")]
NUMBER: TypeAdapter[int | float] = TypeAdapter(int | FiniteFloat)  # NaN is no JSON
TYPES: dict[str, tuple[TypeAdapter[Any], str]] = {
    "text": (TypeAdapter(Text), "a text"),
    "number": (NUMBER, "a number"),
    "boolean": (TypeAdapter(bool), "true or false"),
    "list": (TypeAdapter(list[Text]), "a list of texts"),
}


def examples(document: Row, section: Prepare) -> Iterator[Example | Rejected]:
    """The pairs of a document whose output is an object, each checked against the schema."""
    strict = document["mime"] not in TABLE_MIMES  # the cells of a CSV file are texts, numbers too
    for pair in pairs(document, section):
        if isinstance(pair, Rejected) or not isinstance(pair.output, dict):
            continue
        found = checked(pair.output, section.fields, strict)
        if isinstance(found, tuple):
            yield Rejected(document["source_uri"], pair.index, *found)
        else:
            yield example(document, "extract", pair.place, pair.input, found, pair.row, section.group_by)


def checked(output: dict[str, Any], fields: dict[str, OutputField], strict: bool) -> dict[str, Any] | Fault:
    """The object with every field of the schema, absent ones as null, or the first way in which it breaks the schema."""
    found: dict[str, Any] = dict.fromkeys(fields)
    for name, value in output.items():
        if name not in fields:
            return "unknown_field", f"{name!r} is not in prepare.fields ({', '.join(fields)})"
        if value is None:
            continue  # what is absent is written as null here too, and an object of a Parquet file has every key
        adapter, wanted = TYPES[fields[name].type]
        try:
            found[name] = adapter.validate_python(value, strict=strict)
        except ValidationError:
            return "bad_value", f"{name} = {json.dumps(value)[:40]}; it must be {wanted}, or the key absent"
    missing = [name for name, field in fields.items() if field.required and found[name] is None]
    if missing:
        return "missing_field", f"{', '.join(missing)}: required by prepare.fields"
    return found
