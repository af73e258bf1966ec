"""One variant of one adapter, ready to answer raw inputs: cleaned, shortened and put to it as in training.

model = open_model(loaded, "q4_k_m", "products", Path("models"), constrained=False, slots=1)
model.reply("<h1>X200</h1><b class='price'>12 €</b>")  ->  Reply(output={"name": "X200", "price": "12 €"}, …)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from transformers import PreTrainedTokenizerBase

from stages import answers, params
from stages.answers import Reply
from stages.command import Failure
from stages.documents import fold_space
from stages.engines import open_engine, weights
from stages.engines.engine import Engine
from stages.params import Params, PersonalData, Policy, Task
from stages.predict.schema import constrain, json_schema
from stages.prompt import SHORTENED, Encoded, Prompter
from stages.sanitize.pii import masked
from stages.sanitize.product import product_text

EDGE = 30  # characters shown on each side of what was cut


@dataclass(frozen=True)
class Cleaner:
    """What `sanitize` does to the inputs of pairs."""

    task: Task
    sought: frozenset[str]  # types of personal data that are not kept

    def __call__(self, text: str) -> str:
        """The text that the model reads."""
        text = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no character
        if self.task == "extract":
            text = product_text(text)
        elif self.task == "raft":
            text = "\n".join(map(fold_space, text.split("\n")))  # a line a passage, as in training
        else:
            text = fold_space(text)
        return masked(text, set(self.sought), "")[0]


@dataclass(frozen=True)
class Model:
    """An engine with everything around it that an input meets on its way."""

    engine: Engine
    tokenizer: PreTrainedTokenizerBase
    prompter: Prompter
    clean: Cleaner
    budget: int  # tokens of a prompt, the same as in evaluation
    max_new_tokens: int

    def put(self, text: str) -> Encoded:
        """The prompt of a clean text, shortened in its middle where it is too long."""
        return self.prompter.encode(self.clean.task, text, self.budget)

    def encode(self, text: str) -> Encoded:
        """The prompt of a raw input."""
        return self.put(self.clean(text))

    def each(self, encoded: list[Encoded]) -> Iterator[tuple[int, Reply]]:
        """Replies as soon as they are ready, each with the place of its prompt."""
        for place, answer in self.engine.each([item.ids for item in encoded], self.max_new_tokens):
            output = answers.read(self.clean.task, answer.text)
            yield place, Reply(output, answer.text, answer.stopped, encoded[place].n_cut)

    def reply(self, text: str) -> Reply:
        """The reply to one raw input."""
        return next(self.each([self.encode(text)]))[1]

    def gap(self, encoded: Encoded) -> str:
        """Where a prompt was shortened: the text on both sides of the cut."""
        before, _, after = self.tokenizer.decode(encoded.ids).partition(SHORTENED)
        return f"… {fold_space(before[-EDGE:])} […] {fold_space(after[:EDGE])} …"


def variants(loaded: Params) -> list[str]:
    """What can be asked: the scored variants, and the other files that `gguf` makes."""
    return list(dict.fromkeys((*params.VARIANTS, *loaded.gguf.quantisations)))


def cleaner(tasks: list[Task], pii: Mapping[PersonalData, Policy]) -> Cleaner:
    """The cleaner of the inputs of an adapter with these tasks."""
    return Cleaner(params.asked(tasks), frozenset(name for name, policy in pii.items() if policy != "keep"))


def first_line(error: Exception) -> str:
    """What a library's error says first; its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def open_model(loaded: Params, variant: str, adapter: str, models: Path, constrained: bool, slots: int) -> Model:
    """A variant of an adapter.

    Args:
        loaded: all of params.yaml.
        variant: one of `variants`.
        adapter: its name in params.yaml.
        models: the folder of all models.
        constrained: whether only objects of `prepare.fields` may be written.
        slots: prompts that llama.cpp decodes together.

    Raises:
        Failure: no such adapter or variant, its files are missing or damaged, or a text adapter is to be constrained.
    """
    clean = cleaner(loaded.adapter(adapter).tasks, loaded.sanitize.pii)
    if variant not in variants(loaded):
        raise Failure(f"no variant {variant!r}; there are {', '.join(variants(loaded))}")
    if constrained and clean.task != "extract":
        raise Failure(f"predict: adapter {adapter} answers with a text, which has no schema; leave --schema out")
    budget, longest = loaded.tokenize.max_seq_len - loaded.evaluate.max_new_tokens, loaded.predict.max_new_tokens
    section = loaded.evaluate.model_copy(update={"slots": slots, "context": budget + longest})
    try:
        engine = open_engine(variant, adapter, models, section)
    except (SafetensorError, OSError) as error:
        path, reason = weights(variant, adapter, models), first_line(error)
        raise Failure(
            f"{path} or {models / 'base'} cannot be read ({reason}); is it whole? `dvc pull -f` fetches it again"
        ) from error
    if constrained:
        constrain(engine, json_schema(loaded.prepare.fields))
    return Model(engine, engine.tokenizer, Prompter(engine.tokenizer, loaded.prompt), clean, budget, longest)
