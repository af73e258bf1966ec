"""A Hugging Face model, with or without an adapter on top."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from stages import checkpoint
from stages.checkpoint import IGNORED
from stages.command import Failure, progress
from stages.engines.engine import Answer, Loss, Row, batches, even, in_order
from stages.fused import attention
from stages.params import Evaluate

LOSS_TOKENS = 2048  # of rows scored together, padding included


def dtype_of(wanted: str) -> str:
    """The type to compute in: `auto` is float16 where the device computes in it, else float32.

    Not bfloat16: its roundings part the losses of an adapter and its merged model by 0.03 nats an answer, float16's by 0.006,
    at the same speed; with the one, two answers of a hundred were others, with the other none (products). A base whose
    activations overflow in float16 needs another type: then the loss says so.
    """
    if wanted != "auto":
        return wanted
    return "float16" if torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_fp16_supported() else "float32"


def alike(rows: list[Row]) -> Iterator[list[int]]:
    """The places of (prompt, target) rows, in parts of like length that hold at most `LOSS_TOKENS` tokens, or one row.

    Rows without a prompt stand apart: all their logits are needed, which with a prompt's would fill the memory.
    """
    part: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: (not rows[i][0], sum(map(len, rows[i])))):
        other = part and bool(rows[i][0]) != bool(rows[part[0]][0])
        if part and (other or (len(part) + 1) * sum(map(len, rows[i])) > LOSS_TOKENS):
            yield part
            part = []
        part.append(i)
    if part:
        yield part


def greedy_start(likeliest: list[int], target: list[int]) -> list[int]:
    """How the greedy answer to a prompt begins: the target up to, and the own token at, the first difference."""
    same = next((n for n, pair in enumerate(zip(likeliest, target, strict=True)) if pair[0] != pair[1]), len(target))
    return likeliest[: same + 1]


class Transformers:
    """A Hugging Face model; prompts of similar length are generated together, padded on the left.

    An answer that differs from a target whose loss was asked for goes on from there (see `Engine`).
    """

    def __init__(self, folder: Path, adapter: Path | None, section: Evaluate) -> None:
        torch.set_num_threads(section.threads)
        self.model, self.tokenizer = checkpoint.load(folder, dtype_of(section.dtype), adapter)
        if adapter is not None:
            from stages.fused.lora import fuse  # brings peft: seconds, which a variant without an adapter does without

            fuse(self.model)
        if self.model.device.type == "cpu" and self.model.config._attn_implementation == "sdpa":
            self.model.set_attn_implementation(attention.GROUPED)
        self.together = section.batch_size
        self._decoding = section.decoding
        self._begun: dict[tuple[int, ...], list[int]] = {}  # prompt -> the first tokens of its greedy answer
        self.guide: Callable[[], Any] | None = None  # makes a logits processor, which forbids tokens, for one batch

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """See `Engine.answer`."""
        return in_order(self.each(prompts, max_new_tokens), len(prompts))

    def each(self, prompts: list[list[int]], max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        """See `Engine.each`."""
        torch.manual_seed(self._decoding.seed)
        eos = self.tokenizer.eos_token_id
        written = [self._begun.get(tuple(prompt), [])[:max_new_tokens] for prompt in prompts]
        open_ = [i for i, row in enumerate(written) if len(row) < max_new_tokens and eos not in row]
        yield from ((i, self._read(written[i])) for i in sorted(set(range(len(prompts))) - set(open_)))
        open_.sort(key=lambda i: len(prompts[i]) + len(written[i]))
        for part in batches(open_, even(len(open_), self.together)):
            room = max(max_new_tokens - len(written[i]) for i in part)
            for i, row in zip(part, self._continued([prompts[i] + written[i] for i in part], room), strict=True):
                yield i, self._read((written[i] + row)[:max_new_tokens])

    @torch.inference_mode()
    def _continued(self, rows: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        """The tokens that follow each row, padding after eos included."""
        ids, mask = self._padded(rows)
        how: dict[str, Any] = {"do_sample": False}
        if self._decoding.temperature > 0:
            how = {"do_sample": True, "temperature": self._decoding.temperature, "top_p": self._decoding.top_p, "top_k": 0}
        if self.guide:
            how["logits_processor"] = [self.guide()]
        out = self.model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, repetition_penalty=1.0, **how,
            pad_token_id=self.tokenizer.pad_token_id, eos_token_id=self.tokenizer.eos_token_id,
        )  # fmt: skip
        return [list(row) for row in out[:, ids.shape[1] :].tolist()]

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
    def loss(self, rows: list[Row]) -> list[Loss]:
        """See `Engine.loss`.

        Raises:
            Failure: a loss is not a number.
        """
        found: dict[int, Loss] = {}
        bar = progress(total=len(rows), desc="loss", unit="row")
        for part in alike(rows):
            logits, wanted = self._target_logits([rows[i] for i in part])
            sizes = [int(count) for count in (wanted != IGNORED).sum(dim=1)]
            losses = cross_entropy(logits, wanted[wanted != IGNORED], reduction="none").split(sizes)
            likeliest = logits.argmax(dim=-1).split(sizes)
            for index, i in enumerate(part):
                found[i] = float(losses[index].sum()), sizes[index]
                self._remember(rows[i], likeliest[index].tolist())
            bar.update(len(part))
        bar.close()
        if not all(math.isfinite(nats) for nats, _ in found.values()):
            kind = str(self.model.dtype).removeprefix("torch.")
            raise Failure(
                f"the model's loss is not a number in {kind}; another evaluate.dtype may help, or its weights are broken"
            )
        return [found[i] for i in range(len(rows))]

    def _target_logits(self, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (targets, vocabulary) of the target tokens of all rows, one after the other, and labels (rows, places).

        Only these logits are widened to 32 bits: the other places of a batch took a third of the pass.
        """
        longest = max(len(prompt) + len(target) for prompt, target in rows)
        places = longest - min(max(len(prompt), 1) for prompt, _ in rows) + 1
        ids = torch.full((len(rows), longest), self.tokenizer.pad_token_id, device=self.model.device)
        labels = torch.full_like(ids, IGNORED)
        for index, (prompt, target) in enumerate(rows):
            start, end = max(len(prompt), 1), len(prompt) + len(target)
            ids[index, :end] = torch.tensor([*prompt, *target])
            labels[index, start:end] = ids[index, start:end]
        mask = (torch.arange(longest) < torch.tensor([[len(p) + len(t)] for p, t in rows])).long().to(ids.device)
        logits = self.model(input_ids=ids, attention_mask=mask, logits_to_keep=places).logits[:, :-1]
        wanted = labels[:, longest - places + 1 :]
        return logits[wanted != IGNORED].float(), wanted

    def _remember(self, row: Row, likeliest: list[int]) -> None:
        prompt, target = row
        if prompt and self._decoding.temperature == 0:
            self._begun[tuple(prompt)] = greedy_start(likeliest, target)
