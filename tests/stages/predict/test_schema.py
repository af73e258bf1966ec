"""Schema-constrained decoding: a random model, which writes no JSON by itself, writes objects of the schema."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stages.command import Failure
from stages.params import OutputField, Params, Predict
from stages.predict.model import Model, open_model
from stages.predict.schema import json_schema

SHORT = {  # fields that end by themselves: within a text, a random model never closes the quotes
    "new": OutputField(type="boolean", required=True),
    "sold": OutputField(type="boolean", required=False),
}


def test_the_schema_is_that_of_the_targets(loaded: Params) -> None:
    fields = {"name": OutputField(type="text", required=True), "tags": OutputField(type="list", required=False)}
    assert json_schema(fields) == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": ["array", "null"], "items": {"type": "string"}}},
        "required": ["name", "tags"],
        "additionalProperties": False,
    }
    target: dict[str, Any] = dict.fromkeys(loaded.prepare.fields)
    jsonschema.validate({**target, "name": "X200"}, json_schema(loaded.prepare.fields))


def _model(loaded: Params, models: Path, variant: str, constrained: bool) -> Model:
    changed = loaded.model_copy(
        update={
            "prepare": loaded.prepare.model_copy(update={"fields": SHORT}),
            "evaluate": loaded.evaluate.model_copy(update={"threads": 1, "batch_size": 3}),
            "predict": Predict(max_new_tokens=40),
        }
    )
    return open_model(changed, variant, "products", models, constrained, slots=2)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["base", "f16"])
def test_a_model_that_writes_no_json_writes_the_schema(models: Path, loaded: Params, variant: str) -> None:
    pages = [f"<h1>X{n}</h1><p>{n} €" for n in range(4)]  # more than a batch
    free, held = (_model(loaded, models, variant, constrained) for constrained in (False, True))
    assert all(reply.output is None for _, reply in free.each([free.encode(page) for page in pages]))
    replies = [reply for _, reply in held.each([held.encode(page) for page in pages])]
    assert all(reply.stopped and set(reply.output) <= {"new", "sold"} for reply in replies)
    for reply in replies:
        jsonschema.validate({"sold": None, **reply.output}, json_schema(SHORT))


@pytest.mark.slow
def test_an_adapter_of_texts_has_no_schema(models: Path, loaded: Params) -> None:
    with pytest.raises(Failure, match="adapter assistant answers with a text, which has no schema"):
        open_model(loaded, "base", "assistant", models, True, slots=1)
