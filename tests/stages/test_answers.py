"""The object in an answer, and the way from inputs to replies."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import checkpoint
from stages.answers import Reply, ask, parse_object
from stages.engines.engine import Answer
from stages.params import Params
from stages.prompt import Prompter


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": "X200"}', {"name": "X200"}),
        ('Here it is:\n```json\n{"name": "X200", "price": "12 €"}\n```', {"name": "X200", "price": "12 €"}),
        ('{"a": {"b": 1}} {"c": 2}', {"a": {"b": 1}}),
        ('{broken {"name": "X"}', {"name": "X"}),
        ('[{"name": "X"}]', {"name": "X"}),
        ('{"name": "{"}', {"name": "{"}),
        ("{}", {}),
        ('{"name": "X"', None),
        ("{'name': 'X'}", None),
        ("no object", None),
        ("[1]", None),
        ("", None),
        ('{"a": ' * 10_000, None),
    ],
)
def test_parse_object(text: str, found: dict[str, Any] | None) -> None:
    assert parse_object(text) == found


@given(st.text(alphabet='{}[]":, a1\\'))
def test_any_answer_gives_an_object_or_none(text: str) -> None:
    found = parse_object(text)
    assert found is None or isinstance(found, dict)


@dataclass
class Fixed:
    """An engine that answers the same every time, and remembers what it was asked."""

    text: str
    asked: list[int] = field(default_factory=list)
    together: int = 1

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        self.asked = [len(prompt) for prompt in prompts]
        return [Answer(self.text, stopped=max_new_tokens > 1) for _ in prompts]

    def each(self, prompts: list[list[int]], max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        yield from enumerate(self.answer(prompts, max_new_tokens))


@pytest.mark.slow
def test_every_input_is_asked_under_its_task_within_its_budget(base: Path, loaded: Params) -> None:
    engine: Any = Fixed(' {"name": "X"} ')
    prompter = Prompter(checkpoint.load_tokenizer(base), loaded.prompt)
    replies = ask(engine, prompter, ["extract", "faq", "faq"], ["# X", "Open?", "word " * 500], 200, 50)
    assert replies[0] == Reply({"name": "X"}, ' {"name": "X"} ', True, 0)
    assert replies[1] == Reply('{"name": "X"}', ' {"name": "X"} ', True, 0)
    assert replies[2].n_cut > 300
    assert max(engine.asked) <= 150
