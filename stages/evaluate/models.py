"""What a model is asked for one evaluation: its answers, its loss on the examples, its loss on neutral text."""

from dataclasses import dataclass
from pathlib import Path

from stages import answers
from stages.answers import Reply
from stages.engines import open_engine
from stages.engines.engine import Engine, Loss, Row
from stages.examples import Example
from stages.params import Evaluate, Prompt
from stages.portions import portions
from stages.prompt import Prompter


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

    def losses(self, found: list[Example], neutral: str) -> tuple[list[Loss], list[Loss]]:
        """The loss on every example's target, and on each paragraph of a text, without the eos that no paragraph has.

        Both are read at once: llama.cpp takes two seconds to start.
        """
        rows = [self._rows(item) for item in found]
        paragraphs = [part.strip() for part in neutral.split("\n\n") if part.strip()]
        probe = [(self.prompter.start, ids[:-1]) for ids in self.prompter.encode_texts(paragraphs)]
        told = iter(self.engine.loss([row for parts in rows for row in parts] + probe))
        of_parts = [[next(told) for _ in parts] for parts in rows]
        return [(sum(nats for nats, _ in parts), sum(tokens for _, tokens in parts)) for parts in of_parts], list(told)

    def _rows(self, item: Example) -> list[Row]:
        """Prompt and target as in training: continued text in portions behind its bos, so that nothing of it is cut."""
        if item.task == "continue":
            start = self.prompter.start
            return [(start, part) for part in portions(item.target, self.max_seq_len - len(start), self.prompter)]
        budget = self.max_seq_len - self.section.max_new_tokens
        target = self.prompter.encode_target(item.target)[: self.max_seq_len]
        return [(self.prompter.encode(item.task, item.input, budget).ids, target)]

    def n_target_cut(self, asked: list[Example]) -> int:
        """How many tokens of the wanted answers the loss does not see, because they are longer than a row."""
        return sum(max(0, len(self.prompter.encode_target(item.target)) - self.max_seq_len) for item in asked)


def opened(variant: str, adapter: str, models: Path, max_seq_len: int, section: Evaluate, prompt: Prompt) -> Examined:
    """A variant, ready to be examined."""
    engine = open_engine(variant, adapter, models, section)
    return Examined(engine, Prompter(engine.tokenizer, prompt), section, max_seq_len)
