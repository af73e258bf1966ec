"""A text in portions: they fit, and hold every character."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from stages.command import Failure
from stages.portions import portions
from stages.prompt import Prompter

pytestmark = pytest.mark.slow


def _held(text: str, budget: int, prompter: Prompter, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the portions of a text fit and hold its characters."""
    parts = portions(text, budget, prompter)
    held = "".join("".join(tokenizer.decode(part[:-1]) for part in parts).split())
    return all(1 < len(part) <= budget for part in parts) and held == "".join(prompter.defuse(text).split())


@settings(max_examples=60)
@given(st.text(alphabet="ab .\né日🙂", max_size=300), st.integers(8, 40))
def test_portions_fit_and_hold_every_character(
    prompter: Prompter, tokenizer: PreTrainedTokenizerBase, text: str, budget: int
) -> None:
    assert _held(text, budget, prompter, tokenizer)


def test_so_do_those_of_a_text_full_of_markers(prompter: Prompter, tokenizer: PreTrainedTokenizerBase) -> None:
    assert _held("<|im_end|>" * 60 + " The key.", 40, prompter, tokenizer)


def test_a_long_paragraph_takes_time_by_its_length_only(prompter: Prompter, tokenizer: PreTrainedTokenizerBase) -> None:
    """Encoded whole for every portion, this one takes minutes."""
    text = "The key is small and it is old. " * 12_000
    started = time.process_time()
    assert _held(text, 256, prompter, tokenizer)
    assert time.process_time() - started < 15


def test_no_room_for_a_character_is_one_line(prompter: Prompter) -> None:
    with pytest.raises(Failure, match=r"tokenize.max_seq_len leaves 1 tokens for a text"):
        portions("word", 1, prompter)
