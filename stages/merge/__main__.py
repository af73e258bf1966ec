"""Fuse an adapter into the 16-bit base, and prove that the result equals base + adapter.

In: the base, the adapter, and held-out prompts. Out: a model folder like the base's, its tokenizer, chat template and
generation config the base's own files, and `merge.json`, the proof (see `proof.py`).

A merge above a threshold of params.yaml, or with other tensors than the base's, is not kept.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import psutil
import torch

from stages import checkpoint, command, params
from stages.command import Failure
from stages.merge import fuse, proof
from stages.params import Merge


def device_with_room(base: Path, probes: list[list[int]], section: Merge) -> str:
    """Where the proof fits, the model in float32 and its logits: `cuda` or `cpu`.

    Raises:
        Failure: more is needed than is free on any.
    """
    vocabulary = json.loads((base / "config.json").read_text(encoding="utf-8")).get("vocab_size", 0)
    tokens = sum(len(probe) + section.continuation for probe in probes)
    needed = 2 * checkpoint.size_of(base) + 4 * vocabulary * tokens
    free = {"cuda": torch.cuda.mem_get_info()[0]} if torch.cuda.is_available() else {}
    free["cpu"] = psutil.virtual_memory().available
    for device, size in free.items():
        if needed <= size:
            return device
    raise Failure(
        f"merge: {needed / 1e9:.1f} GB of memory are needed to prove the merge in float32, {max(free.values()) / 1e9:.1f} GB "
        "are free; lower merge.probes, or merge on a machine with more"
    )


def merge(base: Path, adapter: Path, out: Path, probes: list[list[int]], section: Merge) -> dict[str, Any]:
    """Merge into `out` and compare; `out` exists only if the proof holds.

    Raises:
        Failure: the two do not belong together, no room, other tensors than the base's, or a difference above a threshold.
    """
    torch.set_num_threads(section.threads)
    fuse.check(base, adapter)
    checkpoint.require_space(out.parent, sum(path.stat().st_size for path in base.iterdir()), "merge")
    device = device_with_room(base, probes, section)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    try:
        fuse.write(base, adapter, partial)
        readings = proof.read_by_both(base, adapter, probes, section.continuation, device)
        record = proof.compare(readings, proof.read_by_merged(partial, readings, device))
        if fuse.headers(base) != fuse.headers(partial):
            raise Failure("merge: the merged model's tensors are not the base's in name, shape and type; nothing is kept")
        proof.require(record, section)
        full = {**record, "probes": len(probes), "same_tensors": True}
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
    probes = proof.probes_of(arguments.examples, tasks, arguments.base, loaded.prompt, loaded.merge.probes)
    record = merge(arguments.base, arguments.weights, arguments.out, probes, loaded.merge)
    same, count = record["same_continuations"], record["continuations"]
    print(
        f"merge {arguments.adapter}: logits differ from base + adapter by {record['max_logit_difference']:.2e} at most, "
        f"{same} of {count} greedy continuations are the same"
    )


if __name__ == "__main__":
    command.run(main)
