"""The JSON schema of an answer, and engines that write nothing else.

json_schema({"name": OutputField(type="text", required=False)})
    ->  {"type": "object", "properties": {"name": {"type": ["string", "null"]}}, "required": ["name"], …}

Both kinds of engine leave it to llguidance, which forbids at every token what the schema does not allow next: llama.cpp has it
built in, transformers gets it as a logits processor.
"""

from collections.abc import Mapping
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from transformers import LogitsProcessor, PreTrainedTokenizerFast

from stages.engines.engine import Engine
from stages.engines.hf import Transformers
from stages.engines.llama import LlamaCpp
from stages.params import OutputField

TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "string"}},
}


def json_schema(fields: Mapping[str, OutputField]) -> dict[str, Any]:
    """The schema of the targets that training sees: every field in its order, null for what a page does not state."""
    types = {name: TYPES[field.type] for name, field in fields.items()}
    nullable = {name: {**kind, "type": [kind["type"], "null"]} for name, kind in types.items()}
    return {
        "type": "object",
        "properties": {name: types[name] if field.required else nullable[name] for name, field in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }


def constrain(engine: Engine, schema: dict[str, Any]) -> None:
    """Make an engine answer with an object of this schema, or with its beginning where the token limit cuts it.

    White space is that of the targets: where JSON allows any, a model that is at a loss writes nothing else.
    """
    schema = {**schema, "x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}}
    if isinstance(engine, LlamaCpp):
        engine.options["json_schema"] = schema
    elif isinstance(engine, Transformers):
        grammar, tokens = LLMatcher.grammar_from_json_schema(schema), from_tokenizer(_fast(engine.tokenizer))
        engine.guide = lambda: Guide(tokens, grammar)


def _fast(tokenizer: Any) -> PreTrainedTokenizerFast:
    """The tokenizer as llguidance wants it; model families have classes of their own around the same backend."""
    backend = tokenizer.backend_tokenizer
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=tokenizer.eos_token)


class Guide(LogitsProcessor):
    """Keeps the answers of one batch within a grammar; its first call sees the prompts alone."""

    def __init__(self, tokens: LLTokenizer, grammar: str) -> None:
        self._tokens, self._grammar = tokens, grammar
        self._matchers: list[LLMatcher] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of shape (rows, vocabulary), minus infinity where a token may not stand."""
        if not self._matchers:
            self._matchers = [LLMatcher(self._tokens, self._grammar) for _ in input_ids]
        else:
            for matcher, last in zip(self._matchers, input_ids[:, -1].tolist(), strict=True):
                if not matcher.is_stopped():
                    matcher.consume_token(last)
        for row, matcher in enumerate(self._matchers):  # one that has stopped allows eos only
            scores[row, self._forbidden(matcher, scores.shape[1])] = -torch.inf
        return scores

    def _forbidden(self, matcher: LLMatcher, vocabulary: int) -> torch.Tensor:
        """Which tokens may not come next; a model's last rows can stand for no token at all."""
        allowed = torch.frombuffer(bytearray(matcher.compute_logit_bias()), dtype=torch.uint8)[:vocabulary]
        return torch.nn.functional.pad(allowed, (0, vocabulary - len(allowed))) == 0
