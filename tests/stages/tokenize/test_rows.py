"""Token rows: where the loss is computed, what is cut, what is divided, what is refused."""

from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from stages.examples import Example
from stages.params import Params, Tokenize
from stages.prompt import Prompter
from stages.tokenize.rows import table_of, token_rows, with_labels

pytestmark = pytest.mark.slow

PAIR = Example("d-extract-0", "extract", ["d"], "g", "en", "# X200\n[price] 12 €", {"name": "X200", "price": "12 €"})
QUESTION = Example("d-faq-1", "faq", ["d"], "g", "en", "Open?", "No.")
LONG = Example("d-faq-2", "faq", ["d"], "g", "en", "word " * 200, "No.")
TEXT = Example("d-continue-0", "continue", ["d"], "g", "en", "", "The key is small.\n\nThe door is tall.")


@pytest.fixture(scope="module")
def section(loaded: Params) -> Tokenize:
    return loaded.tokenize.model_copy(update={"max_seq_len": 128})


def _row(example: Example, prompter: Prompter, section: Tokenize) -> dict[str, Any]:
    ((row,),) = token_rows([example], prompter, section)
    return row


def _labelled(example: Example, prompter: Prompter, section: Tokenize) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = with_labels(table_of(token_rows([example], prompter, section)[0])).to_pylist()
    return rows


@pytest.mark.parametrize("example", [PAIR, QUESTION], ids=["object", "text"])
def test_labels_stand_on_the_target_only(example: Example, prompter: Prompter, section: Tokenize) -> None:
    prompt, target = prompter.encode(example.task, example.input, 128).ids, prompter.encode_target(example.target)
    assert _labelled(example, prompter, section) == [
        {
            "example_id": example.example_id,
            "input_ids": [*prompt, *target],
            "labels": [-100] * len(prompt) + target,
            "n_prompt": len(prompt),
            "n_target": len(target),
            "n_cut": 0,
        }
    ]


def test_continued_text_is_labelled_throughout(prompter: Prompter, section: Tokenize) -> None:
    (row,) = _labelled(TEXT, prompter, section)
    assert row["labels"] == row["input_ids"] == prompter.encode_texts([TEXT.target])[0]
    assert (row["n_prompt"], row["n_target"]) == (0, len(row["input_ids"]))


def test_a_long_input_is_shortened_and_its_target_kept(prompter: Prompter, section: Tokenize) -> None:
    row = _row(LONG, prompter, section)
    assert len(row["input_ids"]) <= 128
    assert row["input_ids"][-row["n_target"] :] == prompter.encode_target("No.")
    assert row["n_cut"] > 70


def test_a_long_input_is_rejected_where_params_say_so(prompter: Prompter, section: Tokenize) -> None:
    reject = section.model_copy(update={"too_long": "reject"})
    row = _row(LONG, prompter, reject)
    assert (row["reason"], row["detail"], row["input_ids"]) == ("too_long", "219 + 3 tokens > 128", [])
    assert _row(QUESTION, prompter, reject)["reason"] == ""


def test_a_row_with_passages_is_never_shortened(prompter: Prompter, section: Tokenize) -> None:
    raft = Example("d-raft-2", "raft", ["d"], "g", "en", LONG.input, "No.")
    assert _row(raft, prompter, section)["reason"] == "too_long"


@pytest.mark.parametrize("too_long", ["shorten", "reject"])
@pytest.mark.parametrize(("words", "reason"), [(110, None), (300, "target_too_long")])
def test_a_target_that_leaves_no_room_is_rejected(
    too_long: str, words: int, reason: str | None, prompter: Prompter, section: Tokenize
) -> None:
    example = Example("d-faq-3", "faq", ["d"], "g", "en", "Open?", " word" * words)
    found = _row(example, prompter, section.model_copy(update={"too_long": too_long}))["reason"]
    assert found == (reason or ("too_long" if too_long == "reject" else "no_room"))


def test_a_batch_gives_what_its_examples_give_alone(prompter: Prompter, section: Tokenize) -> None:
    batch = [TEXT, PAIR, LONG, QUESTION]
    assert token_rows(batch, prompter, section) == [token_rows([one], prompter, section)[0] for one in batch]


PARAGRAPHS = [f"Paragraph {n} says that the key number {n} is small. It is old, too." for n in range(12)]


def test_a_long_text_is_divided_at_paragraph_ends_and_nothing_is_lost(
    prompter: Prompter, section: Tokenize, tokenizer: PreTrainedTokenizerBase
) -> None:
    example = Example("d-continue-1", "continue", ["d"], "g", "en", "", "\n\n".join(PARAGRAPHS))
    (rows,) = token_rows([example], prompter, section)
    texts = [tokenizer.decode(row["input_ids"][:-1]) for row in rows]
    assert len(rows) == 3
    assert "\n\n".join(texts).split("\n\n") == PARAGRAPHS
    for row in rows:
        assert len(row["input_ids"]) == row["n_target"] <= 128
        assert row["input_ids"].count(tokenizer.eos_token_id) == 1
        assert (row["input_ids"][-1], row["n_cut"], row["example_id"]) == (tokenizer.eos_token_id, 0, "d-continue-1")
