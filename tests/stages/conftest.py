"""The real tokenizer; a model that answers in milliseconds: two random layers around it, as base and as GGUF."""

import shutil
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from stages import checkpoint
from stages.gguf.__main__ import convert
from stages.params import Params
from stages.prompt import Prompter


@pytest.fixture(scope="session")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    return checkpoint.load_tokenizer(base)


@pytest.fixture(scope="session")
def prompter(tokenizer: PreTrainedTokenizerBase, loaded: Params) -> Prompter:
    return Prompter(tokenizer, loaded.prompt)


@pytest.fixture(scope="session")
def models(base: Path, tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: `base`, `merged/products` (the same), and it again as `gguf/A/f16.gguf` of both adapters."""
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    small = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    tokens = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = LlamaConfig(vocab_size=len(tokenizer), tie_word_embeddings=True, max_position_embeddings=2048, **small, **tokens)
    LlamaForCausalLM(config).to(torch.float16).save_pretrained(root / "base")
    tokenizer.save_pretrained(root / "base")
    shutil.copytree(root / "base", root / "merged" / "products")
    for adapter in ("products", "assistant"):
        (root / "gguf" / adapter).mkdir(parents=True)
    described = {"general.name": "tiny", "general.license": "Apache-2.0"}
    convert(root / "base", root / "gguf" / "products" / "f16.gguf", described)
    shutil.copy(root / "gguf" / "products" / "f16.gguf", root / "gguf" / "assistant")
    return root
