"""Models on disk: loading a base with or without its adapter, hashing weights, checking that there is room.

model, tokenizer = load(Path("models/base"), "float32", adapter=Path("models/adapters/products"))
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging

from stages.command import Failure

logging.disable_progress_bar()

PIECE = 2**20  # bytes of a fingerprint
IGNORED = -100  # the label that no loss is computed on (torch.nn.CrossEntropyLoss.ignore_index)


def require_model(folder: Path) -> None:
    """Refuse a folder that is no model folder.

    Raises:
        Failure: it holds no configuration.
    """
    if not (folder / "config.json").is_file():
        raise Failure(f"{folder} holds no model (no config.json); run `dvc repro` to make it, or `dvc pull` to fetch it")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder.

    Raises:
        Failure: the folder is no model folder, or its pad token is missing or equals eos.
    """
    require_model(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if tokenizer.pad_token is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        raise Failure(f"{folder}: pad token {tokenizer.pad_token!r} must exist and differ from eos, or answers never end")
    return tokenizer


def load(folder: Path, dtype: str, adapter: Path | None, device: str | None = None) -> tuple[Any, PreTrainedTokenizerBase]:
    """A causal language model, ready for inference, with its adapter on top if there is one, and its tokenizer.

    Without a device, the GPU if there is one.

    Raises:
        Failure: there is no model, or the adapter does not fit it.
    """
    tokenizer = load_tokenizer(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), local_files_only=True)
    if adapter is not None:
        if not (adapter / "adapter_config.json").is_file():
            raise Failure(f"{adapter} holds no adapter; run `dvc repro` to make it, or `dvc pull` to fetch it")
        require_same_base(folder, adapter)
        from peft import PeftModel  # five seconds to import: only where there is an adapter

        try:
            model = PeftModel.from_pretrained(model, adapter)
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise Failure(f"{adapter} does not fit the base {folder} ({reason}); was it trained on another one?") from error
    # torch copies the frozen weights of a head for every row of a batch if its last places do not lie together: 1.2 s for 13
    model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
    model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
    return model, tokenizer


def digest(parameters: Iterable[tuple[str, torch.Tensor]]) -> str:
    """sha256 over names and bytes of tensors, in the order of their names."""
    found = hashlib.sha256()
    for name, tensor in sorted(parameters, key=lambda item: item[0]):
        found.update(name.encode("utf-8"))
        found.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def fingerprint(folder: Path) -> str:
    """sha256 over the sizes of a model's safetensors files and three pieces of each: a fine-tuned twin has another one.

    Sixteen gigabytes would take a quarter of a minute to hash whole, in every stage that loads an adapter.
    """
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        found.update(f"{path.name} {size}".encode())
        with path.open("rb") as content:
            for start in (0, size // 2, max(0, size - PIECE)):
                content.seek(start)
                found.update(content.read(PIECE))
    return found.hexdigest()


def require_same_base(folder: Path, adapter: Path) -> None:
    """Refuse an adapter that was trained on another base; one from elsewhere, without a record, is let through.

    Raises:
        Failure: its record names other weights.
    """
    record = adapter / "training.json"
    trained_on = json.loads(record.read_text(encoding="utf-8")).get("base_sha256") if record.is_file() else None
    if trained_on not in (None, fingerprint(folder)):
        raise Failure(f"{adapter} was trained on another base than {folder}; run `dvc repro` to train it on this one")


def size_of(folder: Path) -> int:
    """Bytes of the safetensors files of a model folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def require_space(folder: Path, needed: int, stage: str) -> None:
    """Stop before a long job if the disk cannot hold its result.

    Raises:
        Failure: fewer than `needed` bytes are free where `folder` will stand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Failure(f"{stage}: {needed / 1e9:.2f} GB are needed in {folder}, {free / 1e9:.2f} GB are free; make room")
