"""LoRA layers whose base and update are summed by one matrix product, one node for all layers that read the same input.

fuse(model), share(model)

peft computes `W x`, `A x`, `B (A x)`, the scaling and the sum as operations of their own, forward and backward; on a CPU
most of a step is such traffic. The same sums here, after the chain rule for y = W x + s B A x:

    dx = W' dy + A' (s B' dy)      dA = (s B' dy) x'      dB = s dy (A x)'
"""

import threading
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch.nn.functional import linear

from stages.fused import kind_of
from stages.fused.mlp import gated, is_gated


class _Update(torch.autograd.Function):
    """x (rows, in), weight (out, in) and bias (out) frozen, a (r, in) and b (out, r) trained; result (rows, out)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: Any, a: torch.Tensor, b: torch.Tensor, scale: float
    ) -> Any:
        kind = kind_of(weight)
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


def updated(x: torch.Tensor, weight: torch.Tensor, bias: Any, a: torch.Tensor, b: torch.Tensor, scale: float) -> torch.Tensor:
    """W x + bias + scale B A x of x (..., in): (..., out)."""
    flat = _Update.apply(x.reshape(-1, x.shape[-1]), weight, bias, a, b, scale)
    return flat.view(*x.shape[:-1], -1)  # type: ignore[no-any-return]


class _Together:
    """LoRA layers that read the same input, computed as one: their weights side by side, the update block by block.

    The frozen weights of the layers become views of one tensor; the adapter's stay as they are.
    """

    def __init__(self, layers: list[Any]) -> None:
        self._layers, self._scale = layers, layers[0].scaling["default"]
        self._bases = [layer.base_layer for layer in layers]
        self._sizes = [base.out_features for base in self._bases]
        self._last = threading.local()  # each thread has rows of its own (stages/train/cores.py)
        self._join()

    def _join(self) -> None:
        self._weight = torch.cat([base.weight.data for base in self._bases])
        self._bias = None if self._bases[0].bias is None else torch.cat([base.bias.data for base in self._bases])
        for base, weight in zip(self._bases, self._weight.split(self._sizes), strict=True):
            base.weight.data = weight

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        now = self._bases[0].weight
        if (now.dtype, now.device) != (self._weight.dtype, self._weight.device):
            self._join()  # the model was moved, or cast
        a = torch.cat([layer.lora_A["default"].weight for layer in self._layers])
        b = torch.block_diag(*(layer.lora_B["default"].weight for layer in self._layers))
        return updated(x, self._weight, self._bias, a, b, self._scale)

    def part(self, index: int) -> Any:
        """The forward of one of the layers: the first that is called with an input computes them all."""

        def forward(x: torch.Tensor) -> torch.Tensor:
            if getattr(self._last, "x", None) is not x:
                self._last.x, self._last.parts = x, self(x).split(self._sizes, dim=-1)
            part = self._last.parts[index]
            if index == len(self._sizes) - 1:
                self._last.x = self._last.parts = None  # nothing is kept beyond the layer
            return part

        return forward


def fuse(model: Any) -> int:
    """Give every plain LoRA layer on an unquantised linear layer the fused computation; returns how many."""
    layers = [layer for layer in model.modules() if _plain(layer)]
    for layer in layers:
        layer.forward = _forward(layer)
    return len(layers)


def share(model: Any) -> int:
    """Let the plain LoRA layers that read the same input compute as one, while training; returns how many there are.

    While generating, a few places at a time, putting their updates side by side costs more than it saves.
    """
    count = 0
    for module in model.modules():
        heads: list[Any] = [getattr(module, name, None) for name in ("q_proj", "k_proj", "v_proj")]
        if all(map(_plain, heads)):
            count += len(heads)
            together = _Together(heads)
            for index, layer in enumerate(heads):
                layer.forward = together.part(index)
        if is_gated(module) and _plain(module.gate_proj) and _plain(module.up_proj):
            count += 2
            module.forward = _gated(module.down_proj, _Together([module.gate_proj, module.up_proj]))
    return count


def _plain(layer: Any) -> bool:
    if type(layer) is not Linear or type(layer.base_layer) is not torch.nn.Linear:
        return False
    bias = layer.base_layer.bias
    if bias is not None and bias.requires_grad:  # bias: all trains it
        return False
    if layer.lora_bias["default"] or layer.use_dora["default"]:
        return False
    return isinstance(layer.lora_dropout["default"], torch.nn.Identity)


def _forward(layer: Any) -> Any:
    base, a, b = layer.base_layer, layer.lora_A["default"], layer.lora_B["default"]
    scale = layer.scaling["default"]

    return lambda x: updated(x, base.weight, base.bias, a.weight, b.weight, scale)


def _gated(down: Any, both: _Together) -> Any:
    return lambda x: down(gated(both(x)))
