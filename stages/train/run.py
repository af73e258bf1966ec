"""One training from its rows to its adapter: fitted with checkpoints, alone, and saved."""

import argparse
import ctypes
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import EarlyStoppingCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from stages import checkpoint
from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend, checkpoints, launch, plan, rows
from stages.train.cores import cores
from stages.train.progress import Bar, Watched, curve
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


def fit(
    name: str, base: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, folder: Path
) -> tuple[Any, dict[str, Any]]:
    """Train one adapter, with checkpoints in `folder`.

    Returns:
        The peft model and the record for `training.json`.
    """
    torch.set_num_threads(launch.join(machine.threads, machine.launch))
    _keep_memory()
    torch.utils.deterministic.fill_uninitialized_memory = False  # 12% of a step; no kernel here reads what it did not write
    data = {"train": rows.read(tokens, "train"), "valid": rows.by_length(rows.read(tokens, "valid"))}
    n_tokens = sum(len(ids) for ids in data["train"]["input_ids"])
    max_seq_len = max(max(len(ids) for ids in data["train"]["input_ids"]), machine.packed_tokens)
    n_rows = plan.rows_of(data["train"], machine, max_seq_len)
    if launch.is_first():
        plan.announce(name, base, data, n_rows, lora, section, machine)
    model = backend.load(base, lora, machine, max_seq_len, section.seed)
    initial = checkpoint.digest((n, p) for n, p in model.named_parameters() if p.requires_grad)
    _keep_initial(model, lora, folder)
    validate = len(data["valid"]) > 0
    steps = plan.steps_of(n_rows, section, machine.launch.total)
    trained_tokens = int(n_tokens * steps / plan.steps_of_epoch(n_rows, section, machine.launch.total))
    trainer = LabelTrainer(
        lora_plus_ratio=section.lora_plus_ratio,
        dtype=backend.dtype_of(machine.dtype),
        tail=backend.choose(machine, lora) == "unsloth",
        owner=lambda ids, split: rows.owners(tokens, ids, split),
        cores=cores(model.config.to_dict(), lora, section, machine),
        model=model,
        args=settings(section, machine, max_seq_len, folder, validate),
        train_dataset=data["train"],
        eval_dataset=data["valid"] if validate else None,
        processing_class=checkpoint.load_tokenizer(base),
        callbacks=[
            Bar(name, trained_tokens / steps),
            checkpoints.Seal(section.save_limit),
            Watched(name, folder.parent / "loss.csv"),
            *([EarlyStoppingCallback(section.patience)] if section.patience and validate else []),
        ],
    )
    for shipped in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(shipped)
    last = checkpoints.latest(folder)
    if last and launch.is_first():
        print(f"train: going on from {last.name} of an earlier run", flush=True)
    result = trainer.train(resume_from_checkpoint=str(last) if last else None)
    points = curve(trainer.state.log_history)
    valid_losses = [point["valid_loss"] for point in points if "valid_loss" in point]  # the last step is validated too
    best = min(valid_losses, default=None)
    trainable, total = model.get_nb_trainable_parameters()
    return model, {
        "curve": points,
        "steps": result.global_step,
        "tokens": trained_tokens,
        "train_loss": _mean([point["loss"] for point in points if "loss" in point]),
        "valid_loss": best if section.keep == "best" or not validate else valid_losses[-1],
        "best_valid_loss": best,
        "trainable": trainable,
        "trainable_share": trainable / total,
        "base_sha256": checkpoint.fingerprint(base),
        "initial_sha256": initial,
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _keep_initial(model: Any, lora: Lora, folder: Path) -> None:
    """PiSSA and OLoRA change the base; their adapter is saved as the difference from where it began (peft's recipe)."""
    if lora.init in ("pissa", "olora") and launch.is_first():
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(folder / "initial")


def save(model: Any, record: dict[str, Any], out: Path, initial: Path, weights: dict[str, Any] | None = None) -> None:
    """Write the adapter and the record of its training; `weights` are those of a model that is shared out."""
    shutil.rmtree(out, ignore_errors=True)
    converted = {"path_initial_model_for_weight_conversion": str(initial)} if initial.is_dir() else {}
    model.save_pretrained(out, safe_serialization=True, state_dict=weights, **converted)
    (out / "README.md").unlink(missing_ok=True)  # peft's empty model card
    config = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # peft writes a set, in an order that changes from run to run
    (out / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (out / "training.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def run(arguments: argparse.Namespace, lora: Lora, section: AdapterTraining, machine: Train) -> None:
    """Train from and to the paths of the command line, alone, and clean up."""
    checkpoint.require_model(arguments.base)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    if launch.machine() > 0:  # the first machine holds the lock
        launch.start(machine.launch, [*sys.argv[1:], "--folder", str(_folder(arguments, lora, section, machine))])
        return
    with checkpoints.alone(arguments.checkpoints):
        folder = _folder(arguments, lora, section, machine)
        folder.mkdir(exist_ok=True)
        checkpoints.latest(folder)  # deletes half ones, before several processes look
        try:
            if machine.launch.strategy == "none":
                work(arguments, folder, lora, section, machine)
            else:
                launch.start(machine.launch, [*sys.argv[1:], "--folder", str(folder)])
        except KeyboardInterrupt as error:
            last = checkpoints.latest(folder)
            again = f"goes on from {last.name}" if last else "starts anew: there is no checkpoint yet"
            raise Failure(f"train: interrupted; run it again: it {again}") from error
        checkpoints.prune(arguments.checkpoints)


def _folder(arguments: argparse.Namespace, lora: Lora, section: AdapterTraining, machine: Train) -> Path:
    """Where the checkpoints of just this training stand."""
    shards = [*rows.paths(arguments.tokens, "train"), *rows.paths(arguments.tokens, "valid")]
    weights = [*arguments.base.glob("*.safetensors"), arguments.base / "config.json"]
    return Path(arguments.checkpoints / checkpoints.key((lora, section, machine), (*shards, *weights)))


def work(arguments: argparse.Namespace, folder: Path, lora: Lora, section: AdapterTraining, machine: Train) -> None:
    """Train and save, with checkpoints in `folder`: alone, or as one of several processes."""
    try:
        model, record = fit(arguments.adapter, arguments.base, arguments.tokens, lora, section, machine, folder)
        weights = launch.weights(model) if machine.launch.strategy == "fsdp" else None
        if launch.is_first():
            save(model, record, arguments.out, folder / "initial", weights)
    except Failure:
        raise
    except Exception as error:  # safetensors, torch.save and tokenizers: each has a class of its own for a full disk
        if "No space left" not in str(error) and shutil.disk_usage(folder).free > 2**20:
            raise
        raise Failure(f"train: no space left for a checkpoint in {folder}; make room and run it again: it goes on") from error
    if launch.is_first():
        print(f"train {arguments.adapter}: {record['steps']} steps, validation loss {record['valid_loss']}")
