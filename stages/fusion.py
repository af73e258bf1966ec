"""One base and several adapters in memory; every request names the one that answers it, and nothing is loaded again.

    fusion = Fusion(Path("models/base"), {"products": …, "assistant": …}, section)
    fusion.combine("both", Combination(weights={"products": 1.0, "assistant": 1.0}, method="cat", rank=16))
    fusion.answer([[1, 9690], [1, 253]], ["products", "base"], 80)   ->  [Answer(text='{"name": …}', stopped=True), …]

Requests of different adapters go through the base together, in one batch; `switch` lets one adapter answer all that follow.
The base's weights are never written to. As a command, for a file of `{"adapter": "products", "input": "<div>…"}`:

    python -m stages.fusion --input requests.jsonl --output answers.jsonl
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError

from stages import answers, checkpoint, command, params
from stages.answers import Reply
from stages.command import Failure
from stages.engines.engine import Answer, batches, in_order
from stages.engines.hf import dtype_of
from stages.params import Adapter, Combination, Evaluate, PersonalData, Policy, Prompt
from stages.params import Fusion as Section
from stages.predict.batch import alone, line_of, read_lines, write
from stages.predict.model import Cleaner, cleaner, first_line
from stages.prompt import Prompter

BASE = "base"  # the name under which no adapter answers


class Fusion:
    """A base with adapters over it, by their names; greedy.

    Raises:
        Failure: there is no model, it is not whole, or an adapter does not fit it.
    """

    def __init__(self, base: Path, adapters: dict[str, Path], section: Evaluate) -> None:
        torch.set_num_threads(section.threads)
        try:
            self.model, self.tokenizer = checkpoint.load(base, dtype_of(section.dtype), None)
        except (OSError, SafetensorError) as error:
            raise Failure(f"{base} cannot be read ({first_line(error)}); is it whole? `dvc pull -f` fetches it") from error
        for name, path in adapters.items():
            self._lay_over(base, path, name)
        self._size = section.batch_size
        self._switched = BASE

    def _lay_over(self, base: Path, path: Path, name: str) -> None:
        """Lay an adapter over the base, beside those that lie there."""
        from peft import PeftModel

        if not (path / "adapter_config.json").is_file():
            raise Failure(f"{path} holds no adapter; run `dvc repro` to make it, or `dvc pull` to fetch it")
        try:
            checkpoint.require_same_base(base, path)
            if isinstance(self.model, PeftModel):
                self.model.load_adapter(path, adapter_name=name)
            else:
                self.model = PeftModel.from_pretrained(self.model, path, adapter_name=name)
        except (OSError, RuntimeError, ValueError, SafetensorError) as error:
            raise Failure(f"{path} does not fit the base {base} ({first_line(error)}); is it of another one?") from error
        if self.model.peft_config[name].bias != "none":
            raise Failure(f"fusion: {name} trained biases, which would take the place of the base's; ask it by stages.predict")

    @property
    def names(self) -> list[str]:
        """All that a request can name."""
        return [BASE, *self.model.peft_config]

    def combine(self, name: str, combination: Combination) -> None:
        """Add a weighted sum of adapters under a name of its own.

        Raises:
            Failure: there is no such sum of these adapters.
        """
        configs = {part: self.model.peft_config[self._known(part)] for part in combination.weights}
        for part, config in configs.items():
            if config.use_dora or config.use_rslora:  # peft would give the sum the scale, or the lengths, of its first part
                raise Failure(f"fusion: {name}: {part} is {'DoRA' if config.use_dora else 'rsLoRA'}; only plain LoRA adds up")
        parts, weights = list(combination.weights), list(combination.weights.values())
        how: dict[str, Any] = {"combination_type": combination.method, "svd_rank": combination.rank, "svd_full_matrices": False}
        try:
            self.model.add_weighted_adapter(parts, weights, name, **how)
        except ValueError as error:
            raise Failure(f"fusion: {name}: {combination.method} of {' and '.join(parts)}: {error}") from error

    def switch(self, name: str) -> None:
        """Let one adapter, or the base alone, answer what follows."""
        self._switched = self._known(name)
        if name != BASE:
            self.model.set_adapter(name, inference_mode=True)

    def _known(self, name: str) -> str:
        if name not in self.names:
            raise Failure(f"fusion: no adapter {name!r} is loaded; there are {', '.join(self.names)}")
        return name

    def answer(self, prompts: list[list[int]], names: Sequence[str] | None, max_new_tokens: int) -> list[Answer]:
        """Answer prompts (token ids), each by the adapter of its name; without names, all by the one switched to."""
        mixed = None if names is None else [self._mixed(name) for name in names]
        return in_order(self._each(prompts, mixed, max_new_tokens), len(prompts))

    def _mixed(self, name: str) -> str:
        """The name, for peft, of an adapter in a mixed batch."""
        if self._known(name) == BASE:
            return "__base__"
        if self.model.peft_config[name].use_dora:
            raise Failure(f"fusion: {name} is DoRA, which peft cannot mix in a batch; ask it by stages.predict")
        return name

    def _each(self, prompts: list[list[int]], mixed: list[str] | None, max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        for part in batches(sorted(range(len(prompts)), key=lambda i: len(prompts[i])), self._size):
            written = self._written([prompts[i] for i in part], mixed and [mixed[i] for i in part], max_new_tokens)
            yield from zip(part, written, strict=True)

    @torch.inference_mode()
    def _written(self, rows: list[list[int]], names: list[str] | None, max_new_tokens: int) -> list[Answer]:
        held = self.tokenizer.pad({"input_ids": rows}, padding_side="left", return_tensors="pt").to(self.model.device)
        pad, eos = self.tokenizer.pad_token_id, self.tokenizer.eos_token_id
        with self.model.disable_adapter() if names is None and self._switched == BASE else nullcontext():
            out = self.model.generate(
                **held, max_new_tokens=max_new_tokens, do_sample=False, repetition_penalty=1.0, pad_token_id=pad,
                eos_token_id=eos, **({"adapter_names": names} if names else {}),
            )  # fmt: skip
        added = [list(row) for row in out[:, held["input_ids"].shape[1] :].tolist()]
        kept = [row[: row.index(eos)] if eos in row else row for row in added]
        texts = self.tokenizer.batch_decode(kept, skip_special_tokens=True)
        return [Answer(text, eos in row) for text, row in zip(texts, added, strict=True)]

    def digest(self) -> str:
        """sha256 over the base's weights as they stand in memory: that of the base loaded alone."""
        plain = ((name.removeprefix("base_model.model."), held) for name, held in self.model.named_parameters())
        return checkpoint.digest((name.replace(".base_layer.", "."), held) for name, held in plain if ".lora_" not in name)


def read_requests(path: Path, names: Sequence[str]) -> list[tuple[str, str]]:
    """The requests of a JSON lines file: names of adapters, and inputs.

    Raises:
        Failure: a line is no request, or names an adapter that there is not; the line is named.
    """
    found = [(name, text) for name, text in read_lines(path, "adapter", "input")]
    for number, (name, _) in enumerate(found, start=1):
        if name not in names:
            raise Failure(f"{path}, line {number}: no adapter {name!r}; there are {', '.join(names)}")
    return found


def replies(
    fusion: Fusion, prompter: Prompter, asked: list[tuple[str, str]], cleaners: Mapping[str, Cleaner], max_seq_len: int,
    max_new_tokens: int,
) -> list[Reply]:  # fmt: skip
    """Answer requests, each under the task of its adapter, its input cleaned as in training."""
    names = [name for name, _ in asked]
    texts = [cleaners[name](text) for name, text in asked]
    engine: Any = SimpleNamespace(answer=lambda prompts, count: fusion.answer(prompts, names, count))
    return answers.ask(engine, prompter, [cleaners[name].task for name in names], texts, max_seq_len, max_new_tokens)


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.fusion", description="Several adapters on one base, each request its own.")
    parser.add_argument("--input", type=Path, required=True, help='JSON lines of {"adapter": name, "input": text}')
    parser.add_argument("--output", type=Path, required=True, help="where the answers go, in the same order")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of all models (default: models)")
    arguments = parser.parse_args()
    loaded = params.load()
    pii, longest = loaded.sanitize.pii, loaded.predict.max_new_tokens
    room = loaded.tokenize.max_seq_len - loaded.evaluate.max_new_tokens + longest  # prompts are cut as in evaluation
    with alone(arguments.output):
        run(arguments, loaded.adapters, pii, loaded.fusion, loaded.evaluate, loaded.prompt, (room, longest))


def run(
    arguments: argparse.Namespace, adapters: dict[str, Adapter], pii: Mapping[PersonalData, Policy], section: Section,
    evaluate: Evaluate, prompt: Prompt, limits: tuple[int, int],
) -> None:  # fmt: skip
    """Answer the requests of a file; the limits are tokens of a prompt with its answer, and of an answer."""
    cleaners = {name: cleaner(adapter.tasks, pii) for name, adapter in adapters.items()}
    cleaners |= {name: cleaners[next(iter(combination.weights))] for name, combination in section.combinations.items()}
    cleaners[BASE] = next(iter(cleaners.values()))
    asked = read_requests(arguments.input, list(cleaners))
    fusion = Fusion(arguments.models / "base", {name: arguments.models / "adapters" / name for name in adapters}, evaluate)
    for name in sorted({name for name, _ in asked} & set(section.combinations)):
        fusion.combine(name, section.combinations[name])
    prompter = Prompter(checkpoint.load_tokenizer(arguments.models / "base"), prompt)
    found = replies(fusion, prompter, asked, cleaners, *limits)
    write(arguments.output, map(line_of, found))
    print(f"fusion: {len(found)} answers in {arguments.output}")


if __name__ == "__main__":
    command.run(main)
