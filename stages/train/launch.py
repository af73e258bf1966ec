"""Several processes for one training, on one machine or on several: DDP or FSDP, started as `accelerate launch` does it.

    train.launch: {strategy: ddp, processes: 8, machines: 2}     16 processes, each of them

        python -m stages.train … --folder .cache/train/products/3f2a…

The stage's own process keeps the lock, starts the others and waits for them. On the second machine the same command runs
with TRAIN_MACHINE=1, and on both TRAIN_MAIN is an address of the first (docs/scaling.md).
"""

import ctypes
import logging
import os
import signal
import sys
from typing import Any

import torch

from stages.command import Failure
from stages.params import Launch

DIE_WITH_PARENT = 1  # prctl(2), PR_SET_PDEATHSIG


def machine() -> int:
    """Which of the machines this is, from 0."""
    return int(os.environ.get("TRAIN_MACHINE", "0"))


def is_first() -> bool:
    """Whether this process speaks and writes for all: it trains alone, or is the first of several."""
    return os.environ.get("RANK", "0") == "0"


def options(launch: Launch) -> list[str]:
    """What `accelerate launch` is told, nothing left to a default.

    Raises:
        Failure: several machines, and no address of the first.
    """
    address, _, port = os.environ.get("TRAIN_MAIN", "").partition(":")
    if launch.machines > 1 and not (address and port.isdigit()):
        raise Failure(
            "train.launch.machines is more than one: set TRAIN_MAIN to address:port of the first machine, on all of them, and "
            "TRAIN_MACHINE to 0, 1, …"
        )
    return [
        "--multi_gpu",  # several processes; on a machine without a GPU too
        *("--num_machines", str(launch.machines)),
        *("--machine_rank", str(machine())),
        *("--num_processes", str(launch.total)),
        *("--main_process_ip", address or "127.0.0.1"),
        *("--main_process_port", port or "0"),
        *("--num_cpu_threads_per_process", "1"),  # until train.threads is read
        *("--mixed_precision", "no"),  # settings.py says
        *("--dynamo_backend", "no"),
    ]


def start(launch: Launch, words: list[str]) -> None:
    """Run `python -m stages.train WORDS` in all processes of this machine, and wait for them.

    Raises:
        Failure: one of them failed, and has said why; or there are fewer GPUs than processes.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else launch.processes
    if gpus < launch.processes:
        raise Failure(f"train.launch.processes is {launch.processes}, and this machine has {gpus} GPUs; lower it")
    logging.disable(logging.ERROR)  # torch's launcher: the processes speak for themselves
    try:
        launch_command(launch_command_parser().parse_args([*options(launch), "--module", "stages.train", *words]))
    except ChildFailedError as error:
        raise Failure("train: a process failed, and with it the others; its error stands above") from error
    except SignalException as error:
        raise KeyboardInterrupt from error


def join(threads: int, launch: Launch) -> int:
    """Become one of several processes: end when the one that started it ends; returns this one's share of the threads."""
    if launch.strategy != "none" and sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    return max(1, threads // launch.processes)


def weights(model: Any) -> dict[str, Any]:
    """The trained weights, whole, from the shares of all processes (FSDP); every process must call it."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    whole = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    return dict(get_model_state_dict(model, options=whole))
