"""Fit one LoRA adapter to its token rows; go on from the last checkpoint if an earlier run of the same was cut off.

In: `{train,valid}-*.parquet` and the base. Out: `adapter_model.safetensors`, `adapter_config.json` and `training.json`
(loss curve, steps, tokens, trainable share, hash of the initial weights; no times, so that it is the same every time).

    python -m stages.train --adapter products --base models/base --tokens data/tokens/products \
        --checkpoints .cache/train/products --out models/adapters/products
"""

import argparse
import ctypes
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import EarlyStoppingCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from stages import checkpoint, command, params
from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend, checkpoints, plan, rows
from stages.train.progress import Bar, curve
from stages.train.settings import settings
from stages.train.trainer import LabelTrainer


def _keep_memory() -> None:
    """Tell glibc to keep freed memory: a step frees and takes gigabytes, and every fresh page is zeroed by the kernel.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD. Other C libraries have no mallopt and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(-3, 2**30)
        mallopt(-1, 2**31 - 1)


def announce(name: str, base: Path, data: dict[str, Any], lora: Lora, section: AdapterTraining, machine: Train) -> None:
    """Print the plan.

    Raises:
        Failure: it does not fit into memory.
    """
    lengths = [len(ids) for ids in data["train"]["input_ids"]]
    longest = max(*lengths, machine.packed_tokens if machine.packing else 0, 1)
    shape = plan.shape_of(base, lora)
    needed = plan.memory(shape, section, machine, longest)
    print(
        f"train {name}: {backend.choose(machine.backend, lora)} on {backend.device()}, {backend.dtype_of(machine.dtype)}\n"
        f"  {shape.trained:,} weights are trained ({shape.trained / shape.weights:.1%} of the base's {shape.weights:,})\n"
        f"  {len(lengths):,} rows, {sum(lengths):,} tokens an epoch, the longest {max(lengths)}; "
        f"{plan.steps_of(len(lengths), section):,} steps of {section.batch_size * section.accumulation} rows\n"
        f"  about {needed / plan.GB:.1f} GB of memory, {plan.available() / plan.GB:.1f} GB are free",
        flush=True,
    )
    plan.require_memory(needed, machine)


def fit(
    name: str, base: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, folder: Path
) -> tuple[Any, dict[str, Any]]:
    """Train one adapter, with checkpoints in `folder`.

    Returns:
        The peft model and the record for `training.json`.
    """
    torch.set_num_threads(machine.threads)
    _keep_memory()
    torch.utils.deterministic.fill_uninitialized_memory = False  # 12% of a step; no kernel here reads what it did not write
    data = {"train": rows.read(tokens, "train"), "valid": rows.by_length(rows.read(tokens, "valid"))}
    announce(name, base, data, lora, section, machine)
    n_tokens = sum(len(ids) for ids in data["train"]["input_ids"])
    max_seq_len = max(max(len(ids) for ids in data["train"]["input_ids"]), machine.packed_tokens)
    model = backend.load(base, lora, machine, max_seq_len, section.seed)
    initial = checkpoint.digest((n, p) for n, p in model.named_parameters() if p.requires_grad)
    _keep_initial(model, lora, folder)
    validate = len(data["valid"]) > 0
    steps = plan.steps_of(len(data["train"]), section)
    trained_tokens = int(n_tokens * steps / plan.steps_of_epoch(len(data["train"]), section))
    trainer = LabelTrainer(
        lora_plus_ratio=section.lora_plus_ratio,
        owner=lambda ids: rows.owner(tokens, ids),
        model=model,
        args=settings(section, machine, max_seq_len, folder, validate),
        train_dataset=data["train"],
        eval_dataset=data["valid"] if validate else None,
        processing_class=checkpoint.load_tokenizer(base),
        callbacks=[
            Bar(name, trained_tokens / steps),
            checkpoints.Seal(),
            *([EarlyStoppingCallback(section.patience)] if section.patience and validate else []),
        ],
    )
    for shipped in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(shipped)
    result = _train(trainer, folder)
    points = curve(trainer.state.log_history)
    final = trainer.evaluate()["eval_loss"] if validate else None
    trainable, total = model.get_nb_trainable_parameters()
    return model, {
        "curve": points,
        "steps": result.global_step,
        "tokens": trained_tokens,
        "train_loss": _mean([point["loss"] for point in points if "loss" in point]),
        "valid_loss": final,
        "best_valid_loss": min((point["valid_loss"] for point in points if "valid_loss" in point), default=final),
        "trainable": trainable,
        "trainable_share": trainable / total,
        "initial_sha256": initial,
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _keep_initial(model: Any, lora: Lora, folder: Path) -> None:
    """PiSSA and OLoRA change the base; their adapter is saved as the difference from where it began (peft's recipe)."""
    if lora.init in ("pissa", "olora"):
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(folder / "initial")


def _train(trainer: LabelTrainer, folder: Path) -> Any:
    last = checkpoints.latest(folder)
    if last:
        print(f"train: going on from {last.name} of an earlier run", flush=True)
    try:
        return trainer.train(resume_from_checkpoint=str(last) if last else None)
    except (SafetensorError, RuntimeError) as error:  # how safetensors and torch.save say that the disk is full
        if shutil.disk_usage(folder).free > 2**20 and "No space left" not in str(error):
            raise
        raise Failure(f"train: no space left for a checkpoint in {folder}; make room and run it again: it goes on") from error


def save(model: Any, record: dict[str, Any], out: Path, initial: Path) -> None:
    """Write the adapter and the record of its training."""
    shutil.rmtree(out, ignore_errors=True)
    converted = {"path_initial_model_for_weight_conversion": str(initial)} if initial.is_dir() else {}
    model.save_pretrained(out, safe_serialization=True, **converted)
    (out / "README.md").unlink(missing_ok=True)  # peft's empty model card
    config = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # peft writes a set, in an order that changes from run to run
    (out / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (out / "training.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.train", description="Token rows to one LoRA adapter.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--base", type=Path, required=True, help="the base model, e.g. models/base")
    parser.add_argument("--tokens", type=Path, required=True, help="the token shards, e.g. data/tokens/products")
    parser.add_argument(
        "--checkpoints", type=Path, required=True, help="folder for unfinished work, e.g. .cache/train/products"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. models/adapters/products")
    arguments = parser.parse_args()
    loaded = params.load()
    adapter = loaded.adapter(arguments.adapter)
    lora, section, machine = adapter.lora, adapter.train, loaded.train
    run(arguments, lora, section, machine)


def run(arguments: argparse.Namespace, lora: Lora, section: AdapterTraining, machine: Train) -> None:
    """Train from and to the paths of the command line, alone, and clean up."""
    with checkpoints.alone(arguments.checkpoints):
        shards = [*rows.paths(arguments.tokens, "train"), *rows.paths(arguments.tokens, "valid")]
        weights = [*arguments.base.glob("*.safetensors"), arguments.base / "config.json"]
        folder = arguments.checkpoints / checkpoints.key((lora, section, machine), (*shards, *weights))
        folder.mkdir(exist_ok=True)
        model, record = fit(arguments.adapter, arguments.base, arguments.tokens, lora, section, machine, folder)
        save(model, record, arguments.out, folder / "initial")
        checkpoints.prune(arguments.checkpoints)
    print(f"train {arguments.adapter}: {record['steps']} steps, validation loss {record['valid_loss']}")


if __name__ == "__main__":
    command.run(main)
