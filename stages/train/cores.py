"""A batch on several cores: its rows are shared out among threads, and each makes the loss and the gradients of its own.

torch shares out every operation: ten thousand times a step one core waits for the other. Two threads of one core each wait
once: 676 against 604 tokens/s on two cores, in turn in one process. Gradients are summed in the order of the rows, so that
every run makes the same bytes.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from stages.params import AdapterTraining, Lora, Train

Loss = Callable[[dict[str, torch.Tensor]], torch.Tensor]


class _Known(torch.autograd.Function):
    """A loss whose gradients are known already."""

    @staticmethod
    def forward(ctx: Any, loss: torch.Tensor, gradients: list[torch.Tensor | None], *weights: torch.Tensor) -> torch.Tensor:
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> Any:
        return None, None, *(None if gradient is None else gradient * dy for gradient in ctx.gradients)


class Cores:
    """Threads for the rows of a batch, with `threads` cores in all."""

    def __init__(self, threads: int, rows: int) -> None:
        self.parts = math.gcd(threads, rows)  # as much to do for each, with as many cores
        # in its threads torch uses this many cores; the main thread keeps its own
        self._pool = ThreadPoolExecutor(self.parts, initializer=torch.set_num_threads, initargs=(threads // self.parts,))

    def loss(self, of: Loss, inputs: dict[str, torch.Tensor], weights: list[torch.Tensor]) -> torch.Tensor:
        """The sum of `of` over the rows of all tensors in `inputs`, whose backward pass gives `weights` their gradients."""
        if len(next(iter(inputs.values()))) < self.parts:  # the last batch of an epoch
            return of(inputs)

        def part(rows: dict[str, torch.Tensor]) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
            loss = of(rows)
            return loss.detach(), torch.autograd.grad(loss, weights, allow_unused=True)

        shares = zip(*(tensor.tensor_split(self.parts) for tensor in inputs.values()), strict=True)
        losses, gradients = zip(*self._pool.map(part, [dict(zip(inputs, share, strict=True)) for share in shares]), strict=True)
        sums = [_sum([share for share in shares if share is not None]) for shares in zip(*gradients, strict=True)]
        return _Known.apply(_sum(list(losses)), sums, *weights)  # type: ignore[no-any-return]


def _sum(tensors: list[torch.Tensor]) -> torch.Tensor | None:
    return sum(tensors[1:], tensors[0]) if tensors else None


def cores(config: dict[str, Any], lora: Lora, section: AdapterTraining, machine: Train) -> Cores | None:
    """Threads for the rows of a batch, where that is fast and exact: on a CPU, for layers that draw nothing at random.

    Random numbers come from one generator, in the order in which threads ask. Layers that are compiled, computed again or
    quantised keep a state of their own. torch's DDP sums gradients in its own backward pass. Packing makes a batch one row.

    Args:
        config: of the base; it may have dropout of its own.
        lora: of the adapter.
        section: of its training.
        machine: what trains.
    """
    draws = lora.dropout or section.neftune_alpha or any(value for name, value in config.items() if _is_random(name))
    stateful = machine.compile or machine.gradient_checkpointing or machine.load_in != "16bit"
    if torch.cuda.is_available() or draws or stateful or machine.packing or machine.launch.strategy != "none":
        return None
    shared = Cores(machine.threads, section.batch_size)
    return shared if shared.parts > 1 else None


def _is_random(name: str) -> bool:
    """Whether a value of a base's configuration makes it draw: attention_dropout, layerdrop, router_jitter_noise."""
    return "drop" in name or "jitter" in name
