"""Whether a merged model is base + adapter: the same logits, the same next tokens, on held-out prompts.

    {"max_logit_difference": 0.07, "mean_logit_difference": 0.005, "kl_divergence": 1.6e-06,
     "continuations": 8, "same_continuations": 8, "overturned_margin": 0.0}

Base + adapter continues every prompt greedily; then both models read prompt and continuation at once. The merged model
would write the same continuation exactly if its likeliest token is the same at each place of it: that costs one forward
pass and no second generation. Where it is not, `overturned_margin` says by how many logits base + adapter preferred its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stages import checkpoint, examples
from stages.command import Failure
from stages.params import Merge, Prompt, Task
from stages.prompt import Prompter

PROBE_TOKENS = 512  # of a prompt


@dataclass(frozen=True)
class Reading:
    """A prompt with its continuation, and the logits of shape (tokens, vocabulary) after each of its tokens."""

    n_prompt: int
    ids: list[int]
    logits: torch.Tensor


def probes_of(path: Path, tasks: list[Task], base: Path, prompt: Prompt, count: int) -> list[list[int]]:
    """Token ids of the prompts of the first held-out examples; of continued text, its first half.

    Raises:
        Failure: there is no held-out example of these tasks.
    """
    prompter = Prompter(checkpoint.load_tokenizer(base), prompt)
    found = list(examples.read(path, tasks))[:count]
    if not found:
        raise Failure(f"merge: {path} has no example of {', '.join(tasks)}; add documents, or raise prepare.test_share")
    return [
        prompter.encode(item.task, item.input, PROBE_TOKENS).ids + _beginning(prompter, item)[:PROBE_TOKENS] for item in found
    ]


def _beginning(prompter: Prompter, item: examples.Example) -> list[int]:
    ids = prompter.encode_target(item.target) if item.task == "continue" else []
    return ids[: (len(ids) + 1) // 2]


@torch.inference_mode()
def read_by_both(base: Path, adapter: Path, probes: list[list[int]], count: int, device: str) -> list[Reading]:
    """Base + adapter in float32: the prompts with `count` tokens that it adds greedily, and its logits."""
    model, tokenizer = checkpoint.load(base, "float32", adapter, device)
    written = _continued(model, tokenizer, probes, count)
    rows = [probe + more for probe, more in zip(probes, written, strict=True)]
    return [Reading(len(probe), row, _logits(model, row)) for probe, row in zip(probes, rows, strict=True)]


def _continued(model: Any, tokenizer: Any, probes: list[list[int]], count: int) -> list[list[int]]:
    """Greedy continuations, ended by eos."""
    longest, pad, eos = max(map(len, probes)), tokenizer.pad_token_id, tokenizer.eos_token_id
    padding = [[pad] * (longest - len(probe)) for probe in probes]
    ids = torch.tensor([left + probe for left, probe in zip(padding, probes, strict=True)], device=model.device)
    mask = torch.tensor([[0] * len(left) + [1] * (longest - len(left)) for left in padding], device=model.device)
    out = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=count, do_sample=False, repetition_penalty=1.0,
        pad_token_id=pad, eos_token_id=eos,
    )  # fmt: skip
    rows = [list(row) for row in out[:, longest:].tolist()]
    return [row[: row.index(eos) + 1] if eos in row else row for row in rows]


def _logits(model: Any, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids], device=model.device)).logits[0].float().cpu()  # type: ignore[no-any-return]


@torch.inference_mode()
def read_by_merged(merged: Path, readings: list[Reading], device: str) -> Iterator[torch.Tensor]:
    """The merged model's logits in float32 over the same tokens, one row at a time."""
    model, _ = checkpoint.load(merged, "float32", None, device)
    for reading in readings:
        yield _logits(model, reading.ids)


def compare(readings: list[Reading], others: Iterable[torch.Tensor]) -> dict[str, float]:
    """How far other logits over the same tokens are from those of base + adapter.

    Returns:
        Largest and mean absolute difference; the mean Kullback-Leibler divergence per token in nats; how many of the
        continuations are the same; and the largest margin in logits by which a token of base + adapter had been
        preferred where it is not the likeliest any more (0: all are the same).
    """
    largest = total = divergence = margin = 0.0
    n_logits = n_tokens = same = 0
    for reading, other in zip(readings, others, strict=True):
        difference = (reading.logits - other).abs()
        worst = float(difference.max())
        largest = worst if not worst <= largest else largest  # NaN counts as larger
        total += float(difference.sum(dtype=torch.float64))
        one, two = reading.logits.log_softmax(-1), other.log_softmax(-1)
        divergence += float(torch.nn.functional.kl_div(two, one, log_target=True, reduction="sum"))
        n_logits, n_tokens = n_logits + difference.numel(), n_tokens + len(difference)
        overturned = _overturned(reading, other)
        same, margin = same + (overturned == 0), max(margin, overturned)
    return {
        "max_logit_difference": largest,
        "mean_logit_difference": total / n_logits,
        "kl_divergence": divergence / n_tokens,
        "continuations": len(readings),
        "same_continuations": same,
        "overturned_margin": margin,
    }


def _overturned(reading: Reading, other: torch.Tensor) -> float:
    """The largest preference of base + adapter, in logits, that the other model does not share."""
    one, two = reading.logits[reading.n_prompt - 1 : -1], other[reading.n_prompt - 1 : -1]
    margins = one.amax(-1) - one.gather(-1, two.argmax(-1, keepdim=True))[:, 0]
    return float(margins.max()) if len(margins) else 0.0


def require(record: dict[str, float], section: Merge) -> None:
    """Refuse a merge that is not base + adapter.

    Raises:
        Failure: a measure exceeds its threshold, or is no number.
    """
    thresholds = {
        "max_logit_difference": section.max_logit_difference,
        "mean_logit_difference": section.max_mean_logit_difference,
        "kl_divergence": section.max_kl_divergence,
        "overturned_margin": section.max_overturned_margin,
    }
    for measure, threshold in thresholds.items():
        if not record[measure] <= threshold:
            name = f"max_{measure.removeprefix('max_')}"
            raise Failure(f"merge: {measure} is {record[measure]:.3g} > merge.{name} = {threshold}; nothing is kept")
