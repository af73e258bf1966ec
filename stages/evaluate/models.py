"""What a model is asked for one evaluation: its answers, its loss on the examples, its loss on neutral text."""

from dataclasses import dataclass
from pathlib import Path

from stages import answers
from stages.answers import Reply
from stages.checkpoint import load_tokenizer
from stages.engines import Engine, Transformers, open_engine
from stages.examples import Example
from stages.params import Evaluate, Prompt
from stages.prompt import Prompter

Loss = tuple[float, int]  # nats, tokens


@dataclass
class Examined:
    """One variant's engine with its prompter, and the limit of a row in tokens."""

    engine: Engine
    prompter: Prompter
    section: Evaluate
    max_seq_len: int

    def replies(self, asked: list[Example]) -> list[Reply]:
        """The answers to examples, in their order."""
        tasks, inputs = [item.task for item in asked], [item.input for item in asked]
        limits = self.max_seq_len, self.section.max_new_tokens
        return answers.ask(self.engine, self.prompter, tasks, inputs, *limits) if asked else []

    def losses(self, found: list[Example]) -> list[Loss]:
        """The loss on every example's target; empty where the engine tells no probabilities."""
        if not isinstance(self.engine, Transformers):
            return []
        budget = self.max_seq_len - self.section.max_new_tokens
        rows = [
            ([] if item.task == "continue" else self.prompter.encode(item.task, item.input, budget).ids,
             self.prompter.encode_target(item.target)[: self.max_seq_len])
            for item in found
        ]  # fmt: skip
        return self.engine.loss(rows)

    def probe(self, text: str) -> list[Loss]:
        """The loss on each paragraph of a text, without the eos that no paragraph has; empty as in `losses`."""
        if not isinstance(self.engine, Transformers):
            return []
        paragraphs = [part for part in text.split("\n\n") if part.strip()]
        return self.engine.loss([([], self.prompter.encode_target(part.strip())[:-1]) for part in paragraphs])


def opened(variant: str, adapter: str, models: Path, max_seq_len: int, section: Evaluate, prompt: Prompt) -> Examined:
    """A variant, ready to be examined."""
    engine = open_engine(variant, adapter, models, section)
    return Examined(engine, Prompter(load_tokenizer(models / "base"), prompt), section, max_seq_len)
