"""A small Llama with an adapter, merged and as GGUF files: made once, by the stage's own functions."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from stages import examples
from stages.examples import Example
from stages.gguf import __main__ as stage
from stages.gguf import metadata
from stages.merge import fuse
from stages.params import Params


@dataclass(frozen=True)
class Line:
    """All that the stage reads and writes for one small model."""

    base: Path
    adapter: Path
    merged: Path
    tokens: Path
    examples: Path
    out: Path
    record: dict[str, Any]


def described(line: Line) -> dict[str, Any]:
    """What its files say about themselves."""
    return metadata.describe("products", "SmolLM2-135M-Instruct", "Apache-2.0", line.merged, line.tokens)


@pytest.fixture(scope="session")
def small(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Llama in float16 with more query than key heads: llama.cpp's converter reorders the rows of both."""
    folder = tmp_path_factory.mktemp("small")
    for path in base.iterdir():
        if path.suffix != ".safetensors" and path.name not in ("config.json", "generation_config.json"):
            shutil.copy(path, folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=256, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True, rms_norm_eps=1e-5,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.06,
    )  # fmt: skip
    LlamaForCausalLM(config).half().save_pretrained(folder)
    return folder


def make_adapter(base: Path, out: Path, **options: Any) -> Path:
    """A random adapter, strong enough to change answers."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    shape: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **options}
    held = get_peft_model(model, LoraConfig(**shape))
    for name, parameter in held.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    held.save_pretrained(out)
    return out


@pytest.fixture(scope="session")
def line(small: Path, loaded: Params, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """The small model through the stage, in every quantisation."""
    root = tmp_path_factory.mktemp("line")
    adapter = make_adapter(small, root / "adapter")
    fuse.write(small, adapter, root / "merged")
    (root / "tokens").mkdir()
    rows = [[(7 * row + 131 * place) % 49000 for place in range(20 + row)] for row in range(12)]
    pq.write_table(pa.table({"input_ids": rows}), root / "tokens" / "train-00000.parquet")
    text = "The key is small. The door is tall, and the price is 12,50 €."
    examples.write(root / "test.jsonl", [Example(f"d-{n}", "faq", ["d"], "g", "en", text, f"No, {n}.") for n in range(3)])
    section = loaded.gguf.model_copy(update={
        "quantisations": ["f16", "q8_0", "q5_k_m", "q4_k_m"], "context": 256, "importance_rows": 0, "probes": 3,
        "threads": 1,
    })  # fmt: skip
    inputs = root / "merged", adapter, root / "tokens", root / "test.jsonl", root / "out"
    made = Line(small, adapter, root / "merged", root / "tokens", root / "test.jsonl", root / "out", {})
    made.record.update(stage.export(*inputs, described(made), ["faq"], loaded.prompt, section))
    assert json.loads((root / "out" / "gguf.json").read_text(encoding="utf-8")) == made.record
    return made
