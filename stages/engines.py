"""Greedy answers from any variant of an adapter, by transformers or by llama.cpp, from the same prompt token ids.

base      models/base                              transformers
adapter   models/base + models/adapters/A          transformers
merged    models/merged/A                          transformers
f16       models/gguf/A/f16.gguf                   llama.cpp
q4_k_m    models/gguf/A/q4_k_m.gguf                llama.cpp

engine = open_engine("q4_k_m", "products", Path("models"), section)
engine.answer([[1, 9690, 198, ...]], max_new_tokens=128)  ->  [Answer(text='{"name": …}', stopped=True)]
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
import xllamacpp
from torch.nn.functional import cross_entropy

from stages import checkpoint
from stages.command import Failure, progress
from stages.params import VARIANTS, Evaluate

T = TypeVar("T")
IGNORED = -100
LOSS_ROWS = 8  # rows of like length scored together


@dataclass(frozen=True)
class Answer:
    """What a model wrote, and whether it ended by itself rather than at the token limit."""

    text: str
    stopped: bool


class Engine(Protocol):
    """Answers prompts; the order of the answers is that of the prompts."""

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """Answer every prompt (token ids) greedily with at most `max_new_tokens` tokens."""


def open_engine(variant: str, adapter: str, models: Path, section: Evaluate) -> Engine:
    """The engine of a variant; see the module's table for where each one's weights are.

    Raises:
        Failure: the variant is unknown, or its files are missing or damaged.
    """
    if variant not in VARIANTS:
        raise Failure(f"no variant {variant!r}; there are {', '.join(VARIANTS)}")
    if variant in ("f16", "q4_k_m"):
        return LlamaCpp(models / "gguf" / adapter / f"{variant}.gguf", section.slots, section.context, section.threads)
    folder = models / "merged" / adapter if variant == "merged" else models / "base"
    return Transformers(folder, models / "adapters" / adapter if variant == "adapter" else None, section)


def batches(items: list[T], size: int) -> Iterator[list[T]]:
    """Consecutive parts of a list."""
    return (items[start : start + size] for start in range(0, len(items), size))


class Transformers:
    """A Hugging Face model; prompts of similar length are generated together, padded on the left."""

    def __init__(self, folder: Path, adapter: Path | None, section: Evaluate) -> None:
        torch.set_num_threads(section.threads)
        self.model, self.tokenizer = checkpoint.load(folder, section.dtype, adapter)
        self._size = section.batch_size

    @torch.inference_mode()
    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """See `Engine.answer`."""
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers: dict[int, Answer] = {}
        bar = progress(total=len(prompts), desc="answers", unit="prompt", disable=len(prompts) == 1)
        for part in batches(order, self._size):
            ids, mask = self._padded([prompts[i] for i in part])
            out = self.model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id, eos_token_id=self.tokenizer.eos_token_id,
            )[:, ids.shape[1] :]  # fmt: skip
            answers.update(zip(part, (self._read(row) for row in out.tolist()), strict=True))
            bar.update(len(part))
        bar.close()
        return [answers[i] for i in range(len(prompts))]

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and attention mask, both of shape (rows, longest)."""
        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows], device=self.model.device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=self.model.device)
        return ids, mask

    def _read(self, row: list[int]) -> Answer:
        eos = self.tokenizer.eos_token_id
        stopped = eos in row
        kept = row[: row.index(eos)] if stopped else row
        return Answer(self.tokenizer.decode(kept, skip_special_tokens=True), stopped)

    @torch.inference_mode()
    def loss(self, rows: list[tuple[list[int], list[int]]]) -> tuple[float, int]:
        """Sum of the cross-entropy over the targets of (prompt, target) rows, in nats, and their number of tokens."""
        total, count = 0.0, 0
        bar = progress(total=len(rows), desc="loss", unit="row")
        for part in batches(sorted(rows, key=lambda row: len(row[0]) + len(row[1])), LOSS_ROWS):
            longest = max(len(prompt) + len(target) for prompt, target in part)
            places = longest - min(max(len(prompt), 1) for prompt, _ in part) + 1  # the first token is never predicted
            ids = torch.full((len(part), longest), self.tokenizer.pad_token_id, device=self.model.device)
            labels = torch.full_like(ids, IGNORED)
            for index, (prompt, target) in enumerate(part):
                end = len(prompt) + len(target)
                ids[index, :end] = torch.tensor([*prompt, *target])
                labels[index, max(len(prompt), 1) : end] = ids[index, max(len(prompt), 1) : end]
            mask = (torch.arange(longest) < torch.tensor([[len(p) + len(t)] for p, t in part])).long().to(ids.device)
            logits = self.model(input_ids=ids, attention_mask=mask, logits_to_keep=places).logits[:, :-1].float()
            wanted = labels[:, -(places - 1) :]
            total += float(cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"))
            count += int((wanted != IGNORED).sum())
            bar.update(len(part))
        bar.close()
        return total, count


class LlamaCpp:
    """A GGUF file in llama.cpp's server, in this process.

    As many prompts as there are slots go in as one request: they are decoded in step, so that the sums inside, and so
    the answers, are the same in every run.
    """

    def __init__(self, path: Path, slots: int, context: int, threads: int) -> None:
        if not path.is_file():
            raise Failure(f"{path} does not exist; run `dvc repro` to make it, or `dvc pull` to fetch it")
        settings = xllamacpp.CommonParams()
        settings.model.path = str(path)
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
        settings.n_parallel = slots
        settings.n_ctx = context * slots
        settings.verbosity = -1
        settings.warmup = False
        settings.cache_ram_mib = 0
        try:
            self._server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise Failure(f"{path} cannot be loaded by llama.cpp ({error}); is it whole? `dvc repro -f` remakes it") from error
        self._slots = slots

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """See `Engine.answer`."""
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers: dict[int, Answer] = {}
        bar = progress(total=len(prompts), desc="answers", unit="prompt", disable=len(prompts) == 1)
        for part in batches(order, self._slots):
            reply = self._ask([prompts[i] for i in part], max_new_tokens)
            answers.update(zip(part, reply, strict=True))
            bar.update(len(part))
        bar.close()
        return [answers[i] for i in range(len(prompts))]

    def _ask(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        request = {"prompt": prompts, "n_predict": max_new_tokens, "temperature": 0.0, "cache_prompt": False}
        reply: Any = self._server.handle_completions(request)
        if isinstance(reply, str):
            reply = json.loads(reply)
        if "choices" not in reply:
            raise Failure(f"llama.cpp refused a prompt: {str(reply)[:200]}")
        found = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
        return [Answer(choice["text"], choice["finish_reason"] == "stop") for choice in found]
