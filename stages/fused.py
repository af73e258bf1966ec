"""LoRA layers with fewer passes over memory: base and update summed by one matrix product, one autograd node a layer.

peft computes `W x`, `A x`, `B (A x)`, the scaling and the sum as operations of their own, forward and backward; on a CPU
most of a step is such traffic. The same sums here, after the chain rule for y = W x + s B A x:

    dx = W' dy + A' (s B' dy)      dA = (s B' dy) x'      dB = s dy (A x)'
"""

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch.nn.functional import linear


class _Update(torch.autograd.Function):
    """x (rows, in), weight (out, in) and bias (out) frozen, a (r, in) and b (out, r) trained; result (rows, out)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: Any, a: torch.Tensor, b: torch.Tensor, scale: float
    ) -> Any:
        device = x.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        x, weight, low_a, low_b = (tensor.to(kind) for tensor in (x, weight, a, b))
        inner = x @ low_a.T
        ctx.save_for_backward(x, weight, low_a, low_b, inner)
        ctx.scale, ctx.kinds = scale, (a.dtype, b.dtype)
        return linear(x, weight, bias).addmm_(inner, low_b.T, alpha=scale)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> Any:
        x, weight, a, b, inner = ctx.saved_tensors
        back = (dy @ b).mul_(ctx.scale)
        dx = (dy @ weight).addmm_(back, a) if ctx.needs_input_grad[0] else None
        return dx, None, None, (back.T @ x).to(ctx.kinds[0]), (dy.T @ inner).mul_(ctx.scale).to(ctx.kinds[1]), None


def fuse(model: Any) -> int:
    """Give every plain LoRA layer on an unquantised linear layer the fused computation; returns how many."""
    layers = [layer for layer in model.modules() if _plain(layer)]
    for layer in layers:
        layer.forward = _forward(layer)
    return len(layers)


def _plain(layer: Any) -> bool:
    if type(layer) is not Linear or type(layer.base_layer) is not torch.nn.Linear:
        return False
    bias = layer.base_layer.bias
    if bias is not None and bias.requires_grad:  # bias: all trains it
        return False
    return isinstance(layer.lora_dropout["default"], torch.nn.Identity) and not layer.use_dora["default"]


def _forward(layer: Any) -> Any:
    base, a, b = layer.base_layer, layer.lora_A["default"], layer.lora_B["default"]
    scale = layer.scaling["default"]

    def forward(x: torch.Tensor) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1])
        return _Update.apply(flat, base.weight, base.bias, a.weight, b.weight, scale).view(*x.shape[:-1], -1)

    return forward
