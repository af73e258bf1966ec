from typing import Any

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.models.llama.modeling_llama import eager_attention_forward

from stages.fused import attention
from stages.fused.attention import grouped_attention


@pytest.mark.parametrize("masked", [0, 3])
def test_grouped_attention_is_that_of_copied_keys(masked: int) -> None:
    torch.manual_seed(0)
    module = torch.nn.Module()
    module.num_key_value_groups = 3  # type: ignore[assignment]
    query, key, value = torch.randn(2, 9, 1, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    mask = (torch.arange(7) >= masked).expand(2, 1, 1, 7) if masked else None
    wanted, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)
    found, _ = grouped_attention(module, query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(found, wanted)


def test_it_rounds_as_little_as_with_copied_keys() -> None:
    torch.manual_seed(0)
    module = torch.nn.Module()
    module.num_key_value_groups = 3  # type: ignore[assignment]
    query, key, value = (torch.randn(2, heads, places, 64).bfloat16() for heads, places in ((9, 1), (3, 200), (3, 200)))
    exact, _ = sdpa_attention_forward(module, 4 * query.double(), key.double(), value.double(), None, scaling=0.125)
    copied, _ = sdpa_attention_forward(module, 4 * query, key, value, None, scaling=0.125)
    grouped, _ = grouped_attention(module, 4 * query, key, value, None, scaling=0.125)
    assert (grouped - exact).abs().mean() < 1.2 * (copied - exact).abs().mean()


def _packed(places: int) -> torch.Tensor:
    """The mask of two texts in one sequence, (1, 1, places, places)."""
    texts = torch.arange(places) >= 3
    return torch.ones(places, places, dtype=torch.bool).tril_() & (texts == texts[:, None])[None, None]


@pytest.mark.parametrize("mask", [None, _packed(7)])
@pytest.mark.parametrize("heads", [2, 6])
def test_training_with_shared_keys_is_that_with_copied_ones(heads: int, mask: torch.Tensor | None) -> None:
    torch.manual_seed(0)
    module = torch.nn.Module()
    module.num_key_value_groups = heads // 2  # type: ignore[assignment]
    known = [torch.randn(3, count, 7, 4, dtype=torch.float64, requires_grad=True) for count in (heads, 2, 2)]
    query, key, value = known
    wanted, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)
    found, _ = grouped_attention(module, query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(found, wanted)
    assert torch.autograd.gradcheck(lambda q, k, v: grouped_attention(module, q, k, v, mask, scaling=0.3)[0], known)


def _gradients(of: Any, known: list[torch.Tensor], dy: torch.Tensor) -> list[torch.Tensor]:
    module = torch.nn.Module()
    module.num_key_value_groups = 3  # type: ignore[assignment]
    module.training = False
    heads = [tensor.detach().clone().requires_grad_() for tensor in known]
    future = torch.zeros(60, 60, dtype=dy.dtype).masked_fill_(torch.ones(60, 60).triu(1).bool(), torch.finfo(dy.dtype).min)
    mask = future[None, None] if of is eager_attention_forward else None
    of(module, *heads, mask, scaling=0.125)[0].backward(dy)
    return [head.grad for head in heads if head.grad is not None]


@pytest.mark.parametrize(("common", "share"), [(0, 1.15), (3, 0.8), (20, 0.2)])
def test_gradients_round_as_those_of_transformers_or_less_where_keys_have_much_in_common(common: float, share: float) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, heads, 60, 64) for heads in (9, 3, 3))
    known = [tensor.bfloat16() for tensor in (query, key + common * torch.randn(64), value)]
    dy = torch.randn(2, 60, 9, 64).bfloat16()
    exact = _gradients(sdpa_attention_forward, [tensor.double() for tensor in known], dy.double())
    ours, theirs = (_gradients(of, known, dy) for of in (grouped_attention, eager_attention_forward))
    for mine, other, wanted in zip(ours, theirs, exact, strict=True):
        assert (mine - wanted).abs().mean() < share * (other - wanted).abs().mean()


def test_a_row_that_sees_nothing_is_a_number() -> None:
    query = torch.randn(1, 2, 3, 4, requires_grad=True)
    nothing = torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    found, _ = grouped_attention(torch.nn.Module(), query, query, query, nothing, scaling=0.3)
    found.sum().backward()
    assert query.grad is not None and torch.isfinite(query.grad).all()


@pytest.mark.parametrize("more", [{"softcap": 50.0}, {"s_aux": torch.zeros(9)}, {"dropout": 0.1}])
def test_scores_that_are_more_than_scaled_are_left_to_transformers(more: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(attention, "sdpa_attention_forward", lambda *_, **options: asked.append(options))
    query, key = torch.randn(2, 9, 1, 8), torch.randn(2, 3, 7, 8)
    grouped_attention(torch.nn.Module(), query, key, key, None, scaling=0.3, **more)
    assert asked == [{"scaling": 0.3, **more}]
