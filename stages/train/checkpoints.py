"""Checkpoints of an unfinished training: whose they are, and which one to go on from.

.cache/train/products/lock                          held by the process that trains
.cache/train/products/loss.csv                      the curve so far, to be watched
.cache/train/products/3f2a…/checkpoint-140/         the trainer's state; whole once it holds `complete`

The folder's name is a hash of everything that decides the result, so that another parameter, row, base, library or line
of code starts anew. Checkpoints stand outside of DVC's outputs, which DVC deletes before a stage runs.
"""

import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from transformers import TrainerCallback

from stages.command import Failure
from stages.params import Section

COMPLETE = "complete"
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes")
PREFIX = "checkpoint-"
STAGES = Path(__file__).parents[1]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time train into `folder`: when `dvc` is killed, its trainer can live on.

    Raises:
        Failure: another one does; its pid is named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pid = folder / "pid"
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        other = pid.read_text(encoding="utf-8") if pid.is_file() else "unknown"
        raise Failure(
            f"train: process {other} is training this adapter already; wait for it, or end it: kill {other}"
        ) from error
    try:
        pid.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        pid.unlink(missing_ok=True)
        lock.release()


def key(sections: Iterable[Section], inputs: Iterable[Path]) -> str:
    """A hash, 16 hex digits, of parameters, input files, the code that trains and the versions of its libraries."""
    found = hashlib.sha256()
    for section in sections:
        found.update(section.model_dump_json().encode("utf-8"))
    code = [path for package in ("train", "fused") for path in sorted((STAGES / package).glob("*.py"))]
    for path in (*sorted(inputs), *code):
        found.update(path.name.encode("utf-8"))
        with path.open("rb") as content:
            found.update(hashlib.file_digest(content, "sha256").digest())
    found.update(" ".join(importlib.metadata.version(name) for name in LIBRARIES).encode("utf-8"))
    return found.hexdigest()[:16]


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint in `folder`; what a kill left half written is deleted."""
    whole = []
    for path in folder.glob(f"{PREFIX}*"):
        if (path / COMPLETE).is_file():
            whole.append(path)
        else:
            shutil.rmtree(path)
    return max(whole, key=step_of, default=None)


def step_of(path: Path) -> int:
    """The optimiser step after which a checkpoint was written."""
    return int(path.name.removeprefix(PREFIX))


def prune(folder: Path) -> None:
    """Delete all checkpoints of an adapter, once it is saved: those of other parameters would never be gone on from."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


class Seal(TrainerCallback):
    """Marks a checkpoint as whole once all of its files are written.

    Every checkpoint is also a point of the loss curve: the trainer forgets the losses since the last point when it is
    killed, and the curve of a resumed training would be another one.
    """

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_log = control.should_log or control.should_save

    on_epoch_end = on_step_end

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if args.world_size > 1:
            torch.distributed.barrier()  # the other processes write their generators' states
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir)
        (folder / f"{PREFIX}{state.global_step}" / COMPLETE).touch()
        old = sorted(folder.glob(f"{PREFIX}*"), key=step_of)[: -self._limit]
        for path in old:
            if path != Path(state.best_model_checkpoint or ""):
                (path / COMPLETE).unlink(missing_ok=True)  # first: a kill may leave half of the rest
                shutil.rmtree(path)
