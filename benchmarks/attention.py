"""Tokens a second of one training step: attention, packed sequence against rows of like length, compiled layers.

    python -m benchmarks.attention

Needs models/base. Cases run in turn, round after round, so that a drift of the machine meets all of them alike.
"""

import statistics
import time
from pathlib import Path

import torch
from peft.helpers import disable_input_dtype_casting

from stages import params
from stages.fused.loss import summed_cross_entropy
from stages.train import backend

ROUNDS = 8
LENGTHS = [170, 168, 165]  # a usual batch of the products adapter
TARGET_SHARE = 0.27


def packed() -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The rows in one sequence: inputs, and the places that have labels."""
    ids = torch.randint(3, 49_000, (1, sum(LENGTHS)))
    positions = torch.cat([torch.arange(length) for length in LENGTHS])[None]
    starts = [sum(LENGTHS[:i]) for i in range(len(LENGTHS))]
    places = [start + torch.arange(int(n * (1 - TARGET_SHARE)), n - 1) for start, n in zip(starts, LENGTHS, strict=True)]
    return {"input_ids": ids, "position_ids": positions}, torch.cat(places)


def rows() -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The same rows padded to the longest."""
    longest = max(LENGTHS)
    ids = torch.randint(3, 49_000, (len(LENGTHS), longest))
    mask = torch.stack([(torch.arange(longest) < length).long() for length in LENGTHS])
    return {"input_ids": ids, "attention_mask": mask}, torch.arange(int(longest * (1 - TARGET_SHARE)), longest - 1)


def step(model: torch.nn.Module, inputs: dict[str, torch.Tensor], places: torch.Tensor) -> float:
    """Seconds of one forward and backward pass, whose operations all cores share (a training shares out the rows: cores.py)."""
    started = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16), disable_input_dtype_casting(model):
        logits = model(**inputs, logits_to_keep=places, use_cache=False).logits
    wanted = inputs["input_ids"][:, places + 1].flatten()
    (summed_cross_entropy(logits.flatten(0, 1), wanted) / len(wanted)).backward()
    return time.perf_counter() - started


def main() -> None:
    """Print the medians."""
    loaded = params.load()
    adapter = next(iter(loaded.adapters.values()))
    torch.set_num_threads(loaded.train.threads)
    model, compiled = (backend.load(Path("models/base"), adapter.lora, loaded.train, 1024, seed=1).train() for _ in range(2))
    backend.compile_layers(compiled)
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for attention in ("grouped", "eager", "sdpa"):
            model.base_model.model.set_attn_implementation(attention)
            for name, make in (("packed", packed), ("rows", rows)):
                times.setdefault((attention, name), []).append(step(model, *make()))
        times.setdefault(("grouped, compiled", "rows"), []).append(step(compiled, *rows()))
    for (attention, name), seconds in times.items():
        speed = sum(LENGTHS) / statistics.median(seconds[1:])
        print(f"{attention:17} {name:7} {speed:5.0f} tokens/s, the first step {seconds[0]:.1f} s")


if __name__ == "__main__":
    main()
