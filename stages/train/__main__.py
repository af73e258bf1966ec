"""Fit one LoRA adapter to its token rows.

In: `{train,valid}-*.parquet` and the base. Out: `adapter_model.safetensors`, `adapter_config.json` and `training.json`
(loss curve, steps, tokens, trainable share, hash of the initial weights; no times, so that it is the same every time).

    python -m stages.train --adapter products --base models/base --tokens data/tokens/products --out models/adapters/products
"""

import argparse
import ctypes
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from trl import SFTConfig

from stages import checkpoint, command, params
from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend
from stages.train.progress import Bar
from stages.train.trainer import LabelTrainer


def read_rows(tokens: Path, split: str) -> datasets.Dataset:
    """The token rows of a split.

    Raises:
        Failure: there are no shards.
    """
    paths = sorted(str(path) for path in tokens.glob(f"{split}-*.parquet"))
    if not paths:
        raise Failure(f"train: {tokens} holds no {split}-*.parquet; run `dvc repro` to make it")
    table = pa.concat_tables(pq.read_table(path, columns=["input_ids", "labels"]) for path in paths)
    features = datasets.Features({name: datasets.List(datasets.Value("int32")) for name in table.column_names})
    return datasets.Dataset.from_dict(table.to_pydict(), features=features)  # from_parquet refuses a split without rows


def _by_length(rows: datasets.Dataset) -> datasets.Dataset:
    """Shortest first: batches of similar rows need little padding."""
    return rows.select(sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"])))


def settings(section: AdapterTraining, machine: Train, max_seq_len: int, scratch: str, validate: bool) -> SFTConfig:
    """The trainer's arguments; everything that decides the result is set here, nothing is left to a default."""
    cpu = not torch.cuda.is_available()
    dtype = backend.dtype_of(machine.dtype)
    return SFTConfig(
        output_dir=scratch,
        num_train_epochs=section.epochs,
        per_device_train_batch_size=section.batch_size,
        per_device_eval_batch_size=section.batch_size,
        gradient_accumulation_steps=section.accumulation,
        learning_rate=section.learning_rate,
        lr_scheduler_type=section.scheduler,
        warmup_steps=section.warmup_steps,
        weight_decay=section.weight_decay,
        max_grad_norm=section.max_grad_norm,
        optim=section.optimiser,
        seed=section.seed,
        data_seed=section.seed,
        full_determinism=True,
        logging_steps=section.log_steps,
        eval_strategy="steps" if validate else "no",
        eval_steps=section.valid_steps,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=cpu,
        bf16=dtype == torch.bfloat16,
        fp16=not cpu and dtype == torch.float16,
        gradient_checkpointing=machine.gradient_checkpointing,
        max_length=max_seq_len,
        packing=machine.packing,
        train_sampling_strategy="random" if machine.packing else "group_by_length",
        packing_strategy="bfd",
        padding_free=machine.packing,
        eval_packing=machine.packing,
        dataloader_num_workers=0,
        dataloader_pin_memory=not cpu,
    )


def _keep_memory() -> None:
    """Tell glibc to keep freed memory: a step frees and takes gigabytes, and every fresh page is zeroed by the kernel.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD. Other C libraries have no mallopt and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(-3, 2**30)
        mallopt(-1, 2**31 - 1)


def fit(
    name: str, base: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train
) -> tuple[Any, dict[str, Any]]:
    """Train one adapter.

    Returns:
        The peft model and the record for `training.json`.
    """
    torch.set_num_threads(machine.threads)
    _keep_memory()
    torch.utils.deterministic.fill_uninitialized_memory = False  # 12% of a step; no kernel here reads what it did not write
    tokenizer = checkpoint.load_tokenizer(base)
    train, valid = read_rows(tokens, "train"), _by_length(read_rows(tokens, "valid"))
    longest = max(len(ids) for ids in train["input_ids"])
    n_tokens = sum(len(ids) for ids in train["input_ids"])
    max_seq_len = max(longest, machine.packed_tokens)  # a row is never cut here: tokenize has done that
    model = backend.load(base, lora, machine, max_seq_len, section.seed)
    initial = checkpoint.digest((n, p) for n, p in model.named_parameters() if p.requires_grad)
    bar = Bar(name, int(n_tokens * section.epochs))
    with tempfile.TemporaryDirectory() as scratch:
        trainer = LabelTrainer(
            model=model,
            args=settings(section, machine, max_seq_len, scratch, validate=len(valid) > 0),
            train_dataset=train,
            eval_dataset=valid if len(valid) else None,
            processing_class=tokenizer,
            callbacks=[bar],
        )
        for shipped in (ProgressCallback, PrinterCallback):
            trainer.remove_callback(shipped)
        trainable, total = model.get_nb_trainable_parameters()
        print(
            f"train {name}: {backend.choose(machine.backend)} on {backend.device()}, {backend.dtype_of(machine.dtype)}; "
            f"{trainable:,} of {total:,} weights ({trainable / total:.1%}); {len(train)} rows, {n_tokens:,} tokens an epoch"
        )
        result = trainer.train()
        final = trainer.evaluate()["eval_loss"] if len(valid) else None
    return model, {
        "curve": bar.curve,
        "steps": result.global_step,
        "tokens": int(n_tokens * section.epochs),
        "train_loss": result.training_loss,
        "valid_loss": final,
        "best_valid_loss": min((point["valid_loss"] for point in bar.curve if "valid_loss" in point), default=final),
        "trainable": trainable,
        "trainable_share": trainable / total,
        "initial_sha256": initial,
    }


def save(model: Any, record: dict[str, Any], out: Path) -> None:
    """Write the adapter and the record of its training."""
    shutil.rmtree(out, ignore_errors=True)
    model.save_pretrained(out, safe_serialization=True)
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
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. models/adapters/products")
    arguments = parser.parse_args()
    loaded = params.load()
    adapter = loaded.adapter(arguments.adapter)
    model, record = fit(arguments.adapter, arguments.base, arguments.tokens, adapter.lora, adapter.train, loaded.train)
    save(model, record, arguments.out)
    print(f"train {arguments.adapter}: {record['steps']} steps, validation loss {record['valid_loss']}")


if __name__ == "__main__":
    command.run(main)
