"""Attention on a CPU whose query heads share their keys and values as they lie.

model.set_attn_implementation(attention.GROUPED)
"""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

GROUPED = "grouped"


def grouped_attention(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Attention of one new token, whose query heads share their keys as they lie (grouped queries: arXiv 2305.13245).

    transformers copies every key and value for each query head of its group, at every token: on a CPU that copying, not the
    arithmetic, is most of the time of a step (50 rows of 200 keys, 9 heads on 3: 2.7 against 0.8 ms a layer, of equal
    precision). Longer queries, and scores with more to them than a scale, go to its own function.

    Queries have the shape (rows, heads, places, size of a head), keys and values fewer heads; the mask (rows, 1, places, keys)
    is True where a key is seen. The result has the shape (rows, places, heads, size of a head).
    """
    rows, heads, places, size = query.shape
    if places > 1 or key.shape[1] == heads or options.get("softcap") or options.get("s_aux") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    groups = query.reshape(rows, key.shape[1], -1, size)  # the heads that share a key, as places of one sequence
    mask = None if attention_mask is None else attention_mask.expand(rows, 1, groups.shape[2], key.shape[2])
    found = scaled_dot_product_attention(groups, key, value, attn_mask=mask, scale=options["scaling"])
    return found.reshape(rows, 1, heads, size), None


AttentionInterface.register(GROUPED, grouped_attention)
AttentionMaskInterface.register(GROUPED, sdpa_mask)
