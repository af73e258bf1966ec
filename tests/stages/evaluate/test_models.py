"""What the loss sees of an example: the rows of training, nothing cut in silence."""

from pathlib import Path

import pytest

from stages.evaluate.models import Examined, opened
from stages.examples import Example
from stages.params import Params
from stages.portions import portions
from stages.prompt import Prompter
from tests.stages import tokenizers

pytestmark = pytest.mark.slow

PARAGRAPHS = "\n\n".join(f"Paragraph {n} says that the key number {n} is small. It is old, too." for n in range(12))
LONG = Example("d-continue-0", "continue", ["d"], "d", "en", "", PARAGRAPHS)
QUESTION = Example("d-faq-0", "faq", ["d"], "d", "en", "Open?", "No.")


@pytest.fixture(scope="module")
def examined(models: Path, loaded: Params) -> Examined:
    section = loaded.evaluate.model_copy(update={"max_new_tokens": 16, "threads": 1})
    return opened("base", "products", models, 128, section, loaded.prompt)


def test_the_loss_on_a_text_longer_than_a_row_counts_all_of_it(examined: Examined) -> None:
    parts = portions(PARAGRAPHS, 128, examined.prompter)
    ((nats, tokens), (_, of_answer)), _ = examined.losses([LONG, QUESTION], "")
    assert len(parts) == 3
    assert tokens == sum(len(part) - 1 for part in parts) > 128
    assert nats == pytest.approx(sum(nats for nats, _ in examined.engine.loss([([], part) for part in parts])), rel=1e-4)
    assert of_answer == len(examined.prompter.encode_target("No."))


class Recording:
    """An engine that keeps the rows that it is asked for."""

    def __init__(self) -> None:
        self.rows: list[tuple[list[int], list[int]]] = []

    def loss(self, rows: list[tuple[list[int], list[int]]]) -> list[tuple[float, int]]:
        self.rows += rows
        return [(1.0, len(target)) for _, target in rows]


def test_continued_text_and_the_probe_begin_with_bos_and_have_the_ids_of_training(loaded: Params) -> None:
    for other in (tokenizers.byte_level(), tokenizers.sentencepiece()):
        engine = Recording()
        prompter = Prompter(other, loaded.prompt)
        examined = Examined(engine, prompter, loaded.evaluate, 600)  # type: ignore[arg-type]
        (whole,), probe = examined.losses([LONG], "The key is small.\n\nThe door is tall.")
        assert whole[0] == len(engine.rows) - 2  # a nat for each of its rows
        assert [nats for nats, _ in probe] == [1.0, 1.0]
        assert {tuple(prompt) for prompt, _ in engine.rows} == {(other.bos_token_id,)}
        assert all(len(prompt) + len(target) <= 600 for prompt, target in engine.rows)
        assert [*engine.rows[-1][0], *engine.rows[-1][1]] == list(other("The door is tall.")["input_ids"])


def test_what_the_loss_does_not_see_of_long_answers_is_counted(examined: Examined) -> None:
    long = Example("d-faq-1", "faq", ["d"], "d", "en", "Open?", PARAGRAPHS)
    whole = len(examined.prompter.encode_target(PARAGRAPHS))
    assert examined.n_target_cut([QUESTION, long]) == whole - 128
    ((_, seen),), _ = examined.losses([long], "")
    assert seen == 128
