import copy
from typing import Any

import pytest
import torch
from torch.nn.functional import rms_norm
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from stages.fused import norm


def _norm() -> LlamaRMSNorm:
    torch.manual_seed(0)
    layer = LlamaRMSNorm(24, eps=1e-5).requires_grad_(False)
    layer.weight.data.normal_(1.0, 0.3)
    return layer


def _results(layer: Any, x: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    known = x.clone().requires_grad_()
    y = layer(known)
    y.backward(dy)
    assert known.grad is not None and torch.equal(known, x)  # nothing is computed in place
    return torch.stack([y, known.grad])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_result_and_gradient_round_as_little_as_those_of_transformers(dtype: torch.dtype) -> None:
    theirs = _norm().to(dtype)
    ours = copy.deepcopy(theirs)
    assert norm.fuse(ours) == 1
    x, dy = torch.randn(2, 30, 50, 24).to(dtype)
    weight = theirs.weight.double()
    exact = _results(lambda x: rms_norm(x, (24,), weight, 1e-5), x.double(), dy.double())
    found, wanted = (_results(layer, x, dy) for layer in (ours, theirs))
    assert found.dtype == dtype
    for part in range(2):
        error = (found[part] - exact[part]).abs().mean()
        assert error < 1.2 * (wanted[part] - exact[part]).abs().mean()
        assert error < 4 * torch.finfo(dtype).eps


def test_gradient_is_the_derivative() -> None:
    layer = _norm().double()
    norm.fuse(layer)
    assert torch.autograd.gradcheck(layer, torch.randn(2, 3, 24, dtype=torch.float64, requires_grad=True))


def test_norms_of_another_formula_or_that_are_trained_stay_as_they_are() -> None:
    assert norm.fuse(GemmaRMSNorm(8).requires_grad_(False)) == 0  # 1 + weight
    assert norm.fuse(LlamaRMSNorm(8)) == 0
