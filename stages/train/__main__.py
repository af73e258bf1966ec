"""Fit one LoRA adapter to its token rows; go on from the last checkpoint if an earlier run of the same was cut off.

In: `{train,valid}-*.parquet` and the base. Out: `adapter_model.safetensors`, `adapter_config.json` and `training.json`
(loss curve, steps, tokens, trainable share, hash of the initial weights; no times, so that it is the same every time).

    python -m stages.train --adapter products --base models/base --tokens data/tokens/products \
        --checkpoints .cache/train/products --out models/adapters/products
"""

import argparse
import importlib
from pathlib import Path

from stages import command, params
from stages.train import backend


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.train", description="Token rows to one LoRA adapter.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--base", type=Path, required=True, help="the base model, e.g. models/base")
    parser.add_argument("--tokens", type=Path, required=True, help="the token shards, e.g. data/tokens/products")
    parser.add_argument(
        "--checkpoints", type=Path, required=True, help="folder for unfinished work, e.g. .cache/train/products"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. models/adapters/products")
    parser.add_argument("--folder", type=Path, help="given to each of several processes by the one that starts them")
    arguments = parser.parse_args()
    loaded = params.load()
    adapter = loaded.adapter(arguments.adapter)
    lora, section, machine = adapter.lora, adapter.train, loaded.train
    if backend.choose(machine, lora) == "unsloth":
        importlib.import_module("unsloth")  # it patches transformers, peft and trl, which the next line imports
    from stages.train.run import run, work

    if arguments.folder:
        work(arguments, arguments.folder, lora, section, machine)
    else:
        run(arguments, lora, section, machine)


if __name__ == "__main__":
    command.run(main)
