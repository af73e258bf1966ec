"""Parts of a decoder layer with fewer passes over memory: one autograd node each, with the gradient written out.

On a CPU most of a training step is not products of matrices but what stands between them: tensors in several types, copied,
kept for the backward pass and read again. Each module here computes what transformers and peft compute, to rounding, in
fewer of them: `lora` (linear layers with their update), `norm` (RMSNorm), `mlp` (the gate), `attention` (grouped queries) and
`loss` (cross-entropy).
"""

import torch


def kind_of(tensor: torch.Tensor) -> torch.dtype:
    """The type that products with a tensor are computed in: autocast's, or its own."""
    device = tensor.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else tensor.dtype
