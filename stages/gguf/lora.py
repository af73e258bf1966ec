"""An adapter as a GGUF file, which llama.cpp lays over a base at run time.

The names, and the order of rows that llama.cpp expects, come from its own converter: it is given each `lora_B` as if it
were the whole weight; `lora_A` is on the input side, which no conversion reorders. llama.cpp computes `alpha / r · B·A`
and nothing else, hence the refusals.

It runs as a process of its own (`python -P stages/gguf/lora.py ADAPTER MODEL OUT`), with the converter on the path.
"""

import json
import sys
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

PREFIX = "base_model.model."


def refusal(config: dict[str, Any]) -> str | None:
    """Why llama.cpp cannot lay this adapter over a base; None if it can."""
    if config.get("use_dora"):
        return "DoRA scales every column of the sum; llama.cpp adds B·A only and would answer with another model"
    if config.get("use_rslora"):
        return "rsLoRA scales by alpha/sqrt(r); llama.cpp always scales by alpha/r and would weaken it"
    if config.get("bias") != "none":
        return f"bias: {config.get('bias')} trains biases too; llama.cpp's adapters hold none"
    if config.get("rank_pattern") or config.get("alpha_pattern"):
        return "its layers have different scales; llama.cpp knows one alpha for all"
    return None


def write(adapter: Path, model: Path, out: Path) -> None:
    """Write the adapter for the model whose folder gives shape and names; needs the converter on the path."""
    import torch
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
    from gguf import GGUFWriter, LlamaFileType

    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    tensors = load_file(adapter / "adapter_model.safetensors")
    shape = ModelBase.load_hparams(model, False)
    kind = get_model_class(get_model_architecture(shape, ModelType.TEXT))
    converter = kind(model, LlamaFileType.ALL_F32, out, hparams=shape)
    writer = GGUFWriter(out, converter.gguf_writer.arch)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(config["lora_alpha"]))
    for key in sorted(name for name in tensors if name.endswith(".lora_B.weight")):
        layer = key.removeprefix(PREFIX).removesuffix(".lora_B.weight")
        number = next((int(part) for part in layer.split(".") if part.isdigit()), None)
        made = list(converter.modify_tensors(torch.from_numpy(tensors[key]), f"{layer}.weight", number))
        if len(made) != 1 or made[0][1].shape != tensors[key].shape:
            sys.exit(f"{layer} is stored in another shape by llama.cpp's converter")
        name, after = made[0]
        writer.add_tensor(f"{name}.lora_a", tensors[key.replace("lora_B", "lora_A")])
        writer.add_tensor(f"{name}.lora_b", after.contiguous().numpy())
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:4]))
