"""One training by stages.train and by a plain transformers.Trainer with peft, side by side: speed, memory, validation loss.

    python -m benchmarks.train            # about four minutes on two cores; needs models/base and data/tokens/products
    python -m benchmarks.train --short    # five steps, one round: does it run?

Both see the same rows once, in batches of the same size, with the adapter and the optimiser of params.yaml. The plain one
shuffles and pads each batch to its longest row. Each run is a process of its own, in turn, so that a drift of the machine
meets both, and its peak memory is its own. Tokens are those of the rows, without padding; seconds are those of the steps.
The validation loss is taken in the same way of both: the mean over all labelled tokens of the same rows.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments, set_seed

from stages import checkpoint, command, params
from stages.params import Adapter, Train
from stages.train import backend, rows

CASES = ("plain", "ours")
SEED = 0
VALID_ROWS = 24


class Clock(TrainerCallback):
    """Seconds from the first step to the last."""

    seconds = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        Clock.started = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        Clock.seconds = time.perf_counter() - Clock.started


class Silent(Clock):
    """In place of the stage's progress bar."""

    def __init__(self, *_: Any) -> None:
        super().__init__()


def sample(tokens: Path, out: Path, counts: dict[str, int]) -> None:
    """Some rows of each split, drawn with a fixed seed, as shards in `out`."""
    for split, count in counts.items():
        table = pa.concat_tables(pq.read_table(path) for path in rows.paths(tokens, split))
        chosen = random.Random(SEED).sample(range(len(table)), min(count, len(table)))
        pq.write_table(table.take(chosen), out / f"{split}-00000.parquet")


def ours(adapter: Adapter, machine: Train, tokens: Path, folder: Path, base: Path) -> Any:
    """The stage's own training; returns the model."""
    from stages.train import run as stage  # what it imports is no memory of the plain one's

    stage.Bar = Silent  # type: ignore[misc,assignment]
    section = adapter.train.model_copy(update={"valid_steps": 10**6, "save_steps": 10**6, "epochs": 1.0, "max_steps": 0})
    model, _ = stage.fit("products", base, tokens, adapter.lora, section, machine, folder)
    return model


def plain(adapter: Adapter, machine: Train, tokens: Path, folder: Path, base: Path) -> Any:
    """What the libraries' documentation shows, with the same values; returns the model."""
    torch.set_num_threads(machine.threads)
    lora, section, dtype = adapter.lora, adapter.train, backend.dtype_of(machine.dtype)
    set_seed(section.seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, local_files_only=True)
    config = LoraConfig(task_type="CAUSAL_LM", r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, bias=lora.bias,
                        target_modules=lora.target_modules)  # fmt: skip
    model = get_peft_model(model, config)
    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=1, per_device_train_batch_size=section.batch_size,
        gradient_accumulation_steps=section.accumulation, learning_rate=section.learning_rate,
        lr_scheduler_type=section.scheduler, warmup_steps=section.warmup_steps, weight_decay=section.weight_decay,
        max_grad_norm=section.max_grad_norm, optim=section.optimiser, seed=section.seed, bf16=dtype == torch.bfloat16,
        logging_steps=section.log_steps, save_strategy="no", report_to="none", disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
    )  # fmt: skip
    collator = DataCollatorForSeq2Seq(checkpoint.load_tokenizer(base), padding="longest")
    Trainer(model, arguments, collator, rows.read(tokens, "train"), callbacks=[Clock()]).train()
    return model


@torch.inference_mode()
def loss_of(model: Any, tokens: Path) -> float:
    """Mean cross-entropy over all labelled tokens of the validation rows."""
    total, count = 0.0, 0
    model.eval()
    for row in rows.read(tokens, "valid"):
        ids, labels = (torch.tensor([row[key]], device=model.device) for key in ("input_ids", "labels"))
        found = int((labels[:, 1:] != checkpoint.IGNORED).sum())
        with torch.autocast(model.device.type, torch.bfloat16):
            total += float(model(input_ids=ids, labels=labels).loss) * found
        count += found
    return total / count


def run_case(case: str, tokens: Path, base: Path) -> dict[str, float]:
    """One case in this process."""
    loaded = params.load()
    with tempfile.TemporaryDirectory() as folder:
        model = (ours if case == "ours" else plain)(loaded.adapters["products"], loaded.train, tokens, Path(folder), base)
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else _peak_of_process()
    n_tokens = sum(len(ids) for ids in rows.read(tokens, "train")["input_ids"])
    return {"speed": n_tokens / Clock.seconds, "seconds": Clock.seconds, "peak": peak, "loss": loss_of(model, tokens)}


def _peak_of_process() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_turn(rounds: int, tokens: Path, base: Path) -> dict[str, list[dict[str, float]]]:
    """All cases, round after round, each in a process of its own."""
    found: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
    for n in range(rounds):
        for case in CASES:
            words = [sys.executable, "-m", "benchmarks.train", "--case", case, "--sample", str(tokens), "--base", str(base)]
            environment = {**os.environ, "THP_MEM_ALLOC_ENABLE": str(int(case == "ours"))}  # the stages' own setting
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            found[case].append(json.loads(done.stdout.splitlines()[-1]))
            one = found[case][-1]
            print(f"round {n + 1} {case:5} {one['seconds']:5.0f} s {one['speed']:5.0f} tokens/s", flush=True)
    return found


def ceiling(base: Path, dtype: torch.dtype, threads: int) -> float:
    """Tokens/s if a step were nothing but the products of the frozen weights: 2 flops a weight forward, 2 backward."""
    torch.set_num_threads(threads)
    left, right = torch.randn(2, 2048, 2048, dtype=dtype)
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return 2 * 2048**3 / statistics.median(seconds) / (4 * checkpoint.size_of(base) / 2)  # two bytes a weight in the file


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Medians as Markdown, and the two ratios that count."""
    lines = ["| training | tokens/s | peak memory | validation loss |", "|---|---|---|---|"]
    middle = {case: {key: statistics.median(one[key] for one in found[case]) for key in found[case][0]} for case in CASES}
    for case in CASES:
        one = middle[case]
        lines.append(f"| {case} | {one['speed']:.0f} | {one['peak'] / 1e9:.2f} GB | {one['loss']:.4f} |")
    faster = middle["ours"]["speed"] / middle["plain"]["speed"]
    difference = middle["ours"]["loss"] / middle["plain"]["loss"] - 1
    return "\n".join([*lines, "", f"{faster:.2f} x the tokens/s; validation loss {difference:+.1%}"])


def main() -> None:
    """Print the rounds and the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.train", description=str(__doc__).splitlines()[0])
    parser.add_argument("--base", type=Path, default=Path("models/base"))
    parser.add_argument("--tokens", type=Path, default=Path("data/tokens/products"))
    parser.add_argument("--steps", type=int, default=20, help="optimiser steps of a run")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="five steps, one round")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--sample", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(run_case(arguments.case, arguments.sample, arguments.base)))
        return
    steps, rounds = (5, 1) if arguments.short else (arguments.steps, arguments.rounds)
    section = params.load().adapters["products"].train
    with tempfile.TemporaryDirectory() as folder:
        sample(
            arguments.tokens, Path(folder), {"train": steps * section.batch_size * section.accumulation, "valid": VALID_ROWS}
        )
        print(table(in_turn(rounds, Path(folder), arguments.base)))
    for dtype in (torch.float32, torch.bfloat16):
        limit = ceiling(arguments.base, dtype, params.load().train.threads)
        print(f"ceiling of the matrix products, {str(dtype).removeprefix('torch.')}: {limit:.0f} tokens/s")


if __name__ == "__main__":
    command.run(main)
