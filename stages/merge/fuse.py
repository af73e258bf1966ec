"""Base + adapter as new weights, one file of the base at a time.

The adapter is laid over a base without weights (torch's meta device). Then, file by file, the base's tensors are put in
place, peft merges the layers that the adapter touches, in float32, and the sums are rounded once, to the type that each
tensor had. So memory holds the adapter and one file, and every kind of LoRA that peft can merge is merged by peft.

    check(base, adapter)                   one line if the two do not belong together; reads headers only
    write(base, adapter, out)              model-00001-of-00002.safetensors, …, under the base's names
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, load_peft_weights
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from stages.command import Failure

ADAPTED = re.compile(
    r"base_model\.model\.(.+)\.(lora_(?:embedding_)?[AB]|lora_magnitude_vector|base_layer)(?:\.weight|\.bias)?"
)
MOVED = ("pissa", "olora", "corda", "loftq")  # inits that change the base too
Headers = dict[str, tuple[list[int], str]]  # name -> shape and type


def headers(folder: Path) -> Headers:
    """Shape and type of every tensor in the safetensors files of a folder; no weight is read.

    Raises:
        Failure: a file is not whole.
    """
    found: Headers = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 (no mapping)
                    part = tensors.get_slice(name)
                    found[name] = list(part.get_shape()), part.get_dtype()
        except (SafetensorError, OSError) as error:
            raise Failure(f"merge: {path} cannot be read ({error}); is it whole? `dvc pull -f` fetches it again") from error
    return found


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise Failure(f"merge: {path} does not exist; run `dvc repro` to make it, or `dvc pull` to fetch it")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise Failure(f"merge: {path} cannot be read ({error}); is it whole? `dvc pull -f` fetches it again") from error


def check(base: Path, adapter: Path) -> None:
    """Refuse a base that is not in 16 bits, and an adapter of another base or of another rank than it says.

    Raises:
        Failure: with the tensor and both shapes; or a file is missing or not whole.
    """
    model, config, held = _config(base / "config.json"), _config(adapter / "adapter_config.json"), headers(base)
    _require_sixteen_bits(base, model, held)
    if str(config.get("init_lora_weights")).startswith(MOVED):
        raise Failure(f"merge: {adapter} is a raw {config['init_lora_weights']} adapter, of a base that it changed; let "
                      "stages.train save it: as the difference to the base as it was")  # fmt: skip
    rank, ranks = config.get("r"), config.get("rank_pattern") or {}
    for key, (shape, _) in headers(adapter).items():
        found = ADAPTED.fullmatch(key)
        if found is None:
            raise Failure(f"merge: {adapter} holds {key}, which is no LoRA weight; only LoRA adapters can be merged")
        layer, part = found.groups()
        whole = held.get(f"{layer}.weight", ([], ""))[0]
        if not whole:
            raise Failure(f"merge: {adapter} changes {layer}, which {base} has not; it was trained on another base")
        side = {"lora_A": (1, whole[-1]), "lora_B": (0, whole[0])}.get(part)
        if side and shape[side[0]] != side[1]:
            raise Failure(f"merge: {adapter}: {part} of {layer} is {shape}, the layer {whole}; it was trained on another base")
        if side and not ranks and shape[1 - side[0]] != rank:
            raise Failure(
                f"merge: {adapter}: {part} of {layer} has rank {shape[1 - side[0]]}, adapter_config.json says {rank}; "
                "the two files are of different trainings"
            )


def _require_sixteen_bits(base: Path, model: dict[str, Any], held: Headers) -> None:
    quantised = model.get("quantization_config")
    if quantised or any(kind not in ("F16", "BF16", "F32") for _, kind in held.values()):
        how = (quantised or {}).get("quant_method", "integers")
        raise Failure(
            f"merge: {base} holds quantised weights ({how}); a sum rounded to 4 bits loses more than an adapter adds. Point "
            "base.source at the 16-bit model; train.load_in: 4bit still trains on it in 4 bits"
        )


def write(base: Path, adapter: Path, out: Path) -> None:
    """Write base + adapter to `out`, and beside the weights all that stands beside the base's.

    Raises:
        Failure: the adapter does not fit, or the sum is not finite.
    """
    out.mkdir(parents=True)
    model = _laid_over(base, adapter)
    layers = {name: layer for name, layer in model.get_base_model().named_modules() if isinstance(layer, LoraLayer)}
    for path in sorted(base.iterdir()):
        if path.suffix == ".safetensors":
            save_file(_summed(load_file(path), layers), out / path.name, metadata={"format": "pt"})
        elif path.is_file():
            shutil.copy(path, out)


def _laid_over(base: Path, adapter: Path) -> Any:
    """The adapter's weights, in float32, on a base without weights.

    peft moves what it loads to where the base is, and so to nowhere: hence the weights are put in place again, by name.
    """
    with torch.device("meta"):
        skeleton = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base, local_files_only=True))
    try:
        model = PeftModel.from_pretrained(skeleton, adapter, low_cpu_mem_usage=True, torch_device="cpu")
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise Failure(f"merge: {adapter} does not fit {base} ({reason}); was it trained on another base?") from error
    saved, placed = load_peft_weights(str(adapter), device="cpu"), {}
    for name in model.state_dict():
        plain = name.replace(".default", "")  # peft saves an adapter without its name, and DoRA's vectors without a suffix
        key = plain if plain in saved else plain.removesuffix(".weight")
        if key in saved:
            placed[name] = saved[key].float()
    if len(placed) != len(saved):
        raise Failure(f"merge: {adapter}: {len(saved) - len(placed)} of its {len(saved)} weights have no place in {base}")
    model.load_state_dict(placed, strict=False, assign=True)
    return model


@torch.inference_mode()
def _summed(tensors: dict[str, torch.Tensor], layers: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of one file, with what the adapter adds to them."""
    for name, tensor in tensors.items():
        place, _, kind = name.rpartition(".")
        layer = layers.get(place)
        if layer is None:
            continue
        held = layer.get_base_layer()
        if kind == "weight":
            held.weight = torch.nn.Parameter(tensor.float(), requires_grad=False)
            try:
                layer.merge(safe_merge=True)
            except ValueError as error:
                raise Failure(f"merge: the sum in {place} is not finite; the training diverged, lower learning_rate") from error
            tensors[name] = held.weight.data.to(tensor.dtype)
            held.weight = torch.nn.Parameter(tensor.to("meta"), requires_grad=False)
        elif kind == "bias" and not held.bias.is_meta:  # a trained bias comes with the adapter
            tensors[name] = held.bias.data.to(tensor.dtype)
    return tensors
