"""The gate of a decoder's MLP as one node, on gate and up side by side as one product makes them.

down_proj(gated(both))
"""

from typing import Any

import torch
from torch.nn.functional import silu

MLPS = ("LlamaMLP", "MistralMLP", "Qwen2MLP", "Qwen3MLP")  # of transformers, one formula


class _Gated(torch.autograd.Function):
    """silu(gate) * up (SwiGLU: arXiv 2002.05202) of gate and up side by side: (..., 2 n) to (..., n)."""

    @staticmethod
    def forward(ctx: Any, both: torch.Tensor) -> torch.Tensor:
        gate, up = both.chunk(2, dim=-1)
        active = silu(gate)
        ctx.save_for_backward(both, active)
        return active * up

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> torch.Tensor:
        both, active = ctx.saved_tensors
        gate, up = both.chunk(2, dim=-1)
        back = torch.empty_like(both)
        dgate, dup = back.chunk(2, dim=-1)
        torch.mul(active, dy, out=dup)
        torch.ops.aten.silu_backward.grad_input(dy * up, gate, grad_input=dgate)
        return back


def gated(both: torch.Tensor) -> Any:
    """silu(gate) * up of gate and up side by side: (..., 2 n) to (..., n)."""
    return _Gated.apply(both)


def is_gated(module: Any) -> bool:
    """Whether a module is an MLP that computes down_proj(silu(gate_proj(x)) * up_proj(x))."""
    return type(module).__name__ in MLPS and type(module.act_fn).__name__ in ("SiLU", "SiLUActivation")
