"""The loss of logits as one node that keeps their gradient only, in their own type.

summed_cross_entropy(logits, wanted)
"""

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from stages.checkpoint import IGNORED

TOGETHER = 32  # places whose logits are widened to 32 bits at a time: 6 MB of 49,152 logits each, which caches hold


class _Total(torch.autograd.Function):
    """The sum of -log softmax(z)[wanted] over the places that have a label; z (places, vocabulary), wanted (places).

    Its gradient, softmax(z) - 1 at the wanted token, is made while the logits are at hand, as Liger's kernels do on a GPU
    (arXiv 2410.10989): torch keeps the logits in 32 bits, their logarithms and a gradient of that size.
    """

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        wide = torch.promote_types(logits.dtype, torch.float32)
        needed, total = ctx.needs_input_grad[0], logits.new_zeros((), dtype=wide)
        gradient = torch.empty_like(logits) if needed else logits
        for part, places, tokens in zip(*(whole.split(TOGETHER) for whole in (gradient, logits, wanted)), strict=True):
            left_out = (tokens == IGNORED)[:, None]
            tokens = tokens.clamp(min=0)[:, None]
            logarithms = places.to(wide).log_softmax(dim=-1)
            total -= logarithms.gather(1, tokens).masked_fill_(left_out, 0).sum()
            if needed:
                logarithms.exp_().scatter_add_(1, tokens, logarithms.new_full(tokens.shape, -1))
                part.copy_(logarithms.masked_fill_(left_out, 0))
        if needed:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * dy, None


def summed_cross_entropy(logits: torch.Tensor, wanted: torch.Tensor) -> Any:
    """The cross-entropy in nats, summed over the labelled places, of logits (places, vocabulary) and labels (places)."""
    if logits.device.type == "cpu":
        return _Total.apply(logits, wanted)
    return cross_entropy(logits.float(), wanted, ignore_index=IGNORED, reduction="sum")
