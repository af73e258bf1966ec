"""Fuse an adapter into the 16-bit base, and prove that the result equals base + adapter.

In: the base, the adapter, and held-out prompts. Out: a model folder like the base's, and `merge.json`, the proof:

    {"max_logit_difference": 0.012, "mean_logit_difference": 0.001, "kl_divergence": 1.1e-07, "same_tensors": true}

The sum is made in float32 and rounded once, to the base's own type. A merge above `max_logit_difference` is not kept.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from stages import checkpoint, command, examples, params
from stages.command import Failure
from stages.params import Merge, Prompt, Task
from stages.prompt import Prompter

COPIES = 3  # the base in float32 twice over, while one is written in 16 bits
PROBE_TOKENS = 512


def merge(base: Path, adapter: Path, out: Path, dtype: str) -> None:
    """Write base + adapter as one model of `dtype` to `out`."""
    model, tokenizer = checkpoint.load(base, "float32", adapter)
    merged = model.merge_and_unload(safe_merge=True).to(getattr(torch, dtype))
    merged.save_pretrained(out)
    tokenizer.save_pretrained(out)
    shutil.copy(base / "base.json", out)


@torch.inference_mode()
def logits_of(folder: Path, adapter: Path | None, probes: list[list[int]]) -> list[torch.Tensor]:
    """Logits of shape (tokens, vocabulary) after every probe, computed in float32."""
    model, _ = checkpoint.load(folder, "float32", adapter)
    return [model(input_ids=torch.tensor([ids], device=model.device)).logits[0].cpu() for ids in probes]


def proof(wanted: list[torch.Tensor], found: list[torch.Tensor]) -> dict[str, float]:
    """How far the merged model's logits are from those of base + adapter.

    Returns:
        Largest and mean absolute difference, and the mean Kullback-Leibler divergence per token in nats.
    """
    one, other = torch.cat(wanted), torch.cat(found)
    difference = (one - other).abs()
    divergence = torch.nn.functional.kl_div(other.log_softmax(-1), one.log_softmax(-1), log_target=True, reduction="batchmean")
    return {
        "max_logit_difference": float(difference.max()),
        "mean_logit_difference": float(difference.mean()),
        "kl_divergence": float(divergence),
    }


def tensor_names(folder: Path) -> set[str]:
    """Names of all tensors of a model folder."""
    names: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as tensors:
            names |= set(tensors.keys())
    return names


def probes_of(path: Path, tasks: list[Task], base: Path, prompt: Prompt, count: int) -> list[list[int]]:
    """Token ids of the first held-out examples, prompt and target."""
    prompter = Prompter(checkpoint.load_tokenizer(base), prompt)
    found = list(examples.read(path, tasks))[:count]
    if not found:
        raise Failure(f"merge: {path} has no example of {', '.join(tasks)}; add documents, or raise prepare.test_share")
    return [
        ([] if item.task == "continue" else prompter.encode(item.task, item.input, PROBE_TOKENS).ids)
        + prompter.encode_target(item.target)[:PROBE_TOKENS]
        for item in found
    ]


def proven(base: Path, adapter: Path, out: Path, probes: list[list[int]], dtype: str, section: Merge) -> dict[str, Any]:
    """Merge into `out` and compare; `out` exists only if the proof holds.

    Raises:
        Failure: no room, other tensors than the base's, or a difference above the threshold.
    """
    torch.set_num_threads(section.threads)
    checkpoint.require_space(out.parent, COPIES * checkpoint.size_of(base), "merge")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    try:
        merge(base, adapter, partial, dtype)
        record = proof(logits_of(base, adapter, probes), logits_of(partial, None, probes))
        same = tensor_names(base) == tensor_names(partial)
        worst = record["max_logit_difference"]
        if not same:
            raise Failure("merge: the merged model's tensors are not the base's; is the adapter from another base?")
        if not worst <= section.max_logit_difference:
            raise Failure(f"merge: logits differ by {worst:.4f} > merge.max_logit_difference = {section.max_logit_difference}")
        full = {**record, "probes": len(probes), "same_tensors": same}
        (partial / "merge.json").write_text(json.dumps(full, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return full


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.merge", description="Fuse an adapter into the 16-bit base.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--base", type=Path, required=True, help="the base model, e.g. models/base")
    parser.add_argument("--weights", type=Path, required=True, help="the adapter, e.g. models/adapters/products")
    parser.add_argument("--examples", type=Path, required=True, help="held-out examples, e.g. data/examples/test.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. models/merged/products")
    arguments = parser.parse_args()
    loaded = params.load()
    tasks = loaded.adapter(arguments.adapter).tasks
    probes = probes_of(arguments.examples, tasks, arguments.base, loaded.prompt, loaded.merge.probes)
    record = proven(arguments.base, arguments.weights, arguments.out, probes, loaded.base.dtype, loaded.merge)
    print(f"merge {arguments.adapter}: logits differ from base + adapter by {record['max_logit_difference']:.2e} at most")


if __name__ == "__main__":
    command.run(main)
