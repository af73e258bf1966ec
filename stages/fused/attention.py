"""Attention on a CPU whose query heads share their keys and values as they lie.

model.set_attn_implementation(attention.GROUPED)
"""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from stages.fused import kind_of

GROUPED = "grouped"


class _Attention(torch.autograd.Function):
    """softmax(s q k') v of (rows, heads, places, size), fewer heads of keys and values; the probabilities are kept.

    With p the probabilities: dv = p' dy, dp = dy v', ds = p (dp - sum(p dp)), dq = s ds k, dk = s ds' q.
    """

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scale: float
    ) -> torch.Tensor:
        rows, heads, places, size = query.shape
        groups = rows * key.shape[1]
        q = query.reshape(groups, -1, size)  # the heads that share a key, as places of one sequence
        k, v = key.reshape(groups, places, size), value.reshape(groups, places, size)
        common = _common(v)
        k, v = k - _common(k), v - common
        scores = torch.baddbmm(q.new_zeros(1), q, k.mT, beta=0, alpha=scale)
        if mask is None:
            mask = torch.ones(places, places, dtype=torch.bool, device=q.device).tril_()
        scores.view(rows, heads, places, places).masked_fill_(~mask, torch.finfo(scores.dtype).min)
        p = torch.softmax(scores, dim=-1)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale, ctx.shapes = scale, (query.shape, key.shape)
        return torch.baddbmm(common, p, v).view(query.shape)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> Any:
        q, k, v, p = ctx.saved_tensors
        dy = dy.reshape(q.shape)
        dv = torch.bmm(p.mT, dy)
        ds = torch.ops.aten._softmax_backward_data(torch.bmm(dy, v.mT), p, -1, p.dtype)
        none = q.new_zeros(1)
        dq = torch.baddbmm(none, ds, k, beta=0, alpha=ctx.scale)
        dk = torch.baddbmm(none, ds.mT, q, beta=0, alpha=ctx.scale)
        of_query, of_key = ctx.shapes
        return dq.view(of_query), dk.view(of_key), dv.view(of_key), None, None


def _common(heads: torch.Tensor) -> torch.Tensor:
    """What all keys or values (groups, places, size) of a group have in common, where that is most of them, else 0.

    Without it no probability and no gradient is another, but all are nearer to the exact ones: scores are rounded to their
    own size, and rounded p and ds do not sum to 1 and 0. In Qwen2, whose keys have large biases, it is most of a key.
    """
    wide = torch.promote_types(heads.dtype, torch.float32)
    variance, mean = torch.var_mean(heads.to(wide), dim=1, correction=0, keepdim=True)
    return mean.where(mean.square() > variance, 0).to(heads.dtype)


def grouped_attention(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Attention whose query heads share their keys as they lie (grouped queries: arXiv 2305.13245).

    transformers copies every key and value for each query head of its group. While training on short rows those copies, the
    scores in 32 bits and a second copy of them cost more than the products. While generating, one new token at a time, the
    copying is most of a step (50 rows of 200 keys, 9 heads on 3: 2.7 against 0.8 ms a layer, of equal precision). Everything
    else, and scores with more to them than a scale, goes to transformers' own function.

    Queries have the shape (rows, heads, places, size of a head), keys and values fewer heads; the mask (rows, 1, places, keys)
    is True where a key is seen, and None stands for all keys up to the query's own. The result has the shape (rows, places,
    heads, size of a head).
    """
    rows, heads, places, size = query.shape
    plain = not (options.get("softcap") or options.get("s_aux") is not None or options.get("dropout"))
    causal = getattr(module, "is_causal", True) and key.shape[2] == places
    if plain and causal and torch.is_grad_enabled() and query.device.type == "cpu":
        query, key, value = (tensor.to(kind_of(value)) for tensor in (query, key, value))
        return _Attention.apply(query, key, value, attention_mask, options["scaling"]).transpose(1, 2), None
    if not plain or places > 1 or key.shape[1] == heads:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    groups = query.reshape(rows, key.shape[1], -1, size)
    mask = None if attention_mask is None else attention_mask.expand(rows, 1, groups.shape[2], key.shape[2])
    found = scaled_dot_product_attention(groups, key, value, attn_mask=mask, scale=options["scaling"])
    return found.reshape(rows, 1, heads, size), None


AttentionInterface.register(GROUPED, grouped_attention)
AttentionMaskInterface.register(GROUPED, sdpa_mask)


def fits(model: Any) -> bool:
    """Whether the scores of a model's attention are scaled and masked only, so that another function can compute it."""
    config = model.config.get_text_config()
    return bool(model._supports_sdpa) and not getattr(config, "attn_logit_softcapping", None)
