import torch
from torch.nn.functional import silu
from transformers import FalconH1Config, GemmaConfig, LlamaConfig, Phi3Config
from transformers.models.falcon_h1.modeling_falcon_h1 import FalconH1MLP
from transformers.models.gemma.modeling_gemma import GemmaMLP
from transformers.models.llama.modeling_llama import LlamaMLP
from transformers.models.phi3.modeling_phi3 import Phi3MLP

from stages.fused.mlp import gated, is_gated


def test_gate_is_silu_times_up_and_its_gradient_the_derivative() -> None:
    torch.manual_seed(0)
    both = torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)
    gate, up = both.chunk(2, dim=-1)
    torch.testing.assert_close(gated(both), silu(gate) * up)
    assert torch.autograd.gradcheck(gated, both)


def test_only_mlps_of_that_formula_are_taken() -> None:
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2}
    assert is_gated(LlamaMLP(LlamaConfig(**sizes)))
    assert not is_gated(GemmaMLP(GemmaConfig(**sizes)))  # gelu
    assert not is_gated(Phi3MLP(Phi3Config(**sizes)))  # gate and up are one layer
    assert not is_gated(FalconH1MLP(FalconH1Config(**sizes)))  # of the same names, but scaled
