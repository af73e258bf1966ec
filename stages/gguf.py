"""The merged model for llama.cpp and Ollama: one GGUF file a quantisation, and a Modelfile with the same prompt.

In: the merged model. Out, in one folder: `f16.gguf` (and `q4_k_m.gguf`, …), `Modelfile`, and `gguf.json`:

    {"f16": {"bytes": 270898176, "bits_per_weight": 16.1}, "q4_k_m": {"bytes": 105454080, "bits_per_weight": 6.27}}

llama.cpp's own converter and quantiser do the work; both come from packages, nothing is compiled. A file counts as made
when llama.cpp has answered with it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gguf import GGUFReader

from stages import checkpoint, command, params
from stages.command import Failure
from stages.engines import LlamaCpp
from stages.params import Gguf, Prompt
from stages.prompt import Prompter

CONVERTER = Path(sys.prefix) / "converter"  # `make setup` installs it apart: it brings a `gguf` module of its own
FTYPES = {"q8_0": 7, "q4_k_m": 15, "q5_k_m": 17}  # llama.h: enum llama_ftype
QUANTISE = """
import sys
from cyllama.llama import llama_cpp
settings = llama_cpp.LlamaModelQuantizeParams()
settings.ftype, settings.nthread = int(sys.argv[3]), int(sys.argv[4])
llama_cpp.model_quantize(sys.argv[1], sys.argv[2], settings)
"""  # in a process of its own: cyllama and xllamacpp each bring a llama.cpp


def convert(merged: Path, out: Path, metadata: dict[str, str]) -> None:
    """Write a model folder as a 16-bit GGUF file with `metadata` (keys of the GGUF specification) in it.

    Raises:
        Failure: the converter is not installed, or refuses the model.
    """
    script = CONVERTER / "convert_hf_to_gguf.py"
    if not script.is_file():
        raise Failure(f"gguf: {script} is missing; run `make setup`")
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as override:
        json.dump(metadata, override)
        override.flush()
        arguments = [str(merged), "--outfile", str(out), "--outtype", "f16", "--metadata", override.name]
        _run([sys.executable, str(script), *arguments], "converter", {"PYTHONPATH": str(CONVERTER)})


def quantise(source: Path, out: Path, quantisation: str, threads: int) -> None:
    """Quantise a 16-bit GGUF file with llama.cpp's quantiser."""
    arguments = [str(source), str(out), str(FTYPES[quantisation]), str(threads)]
    _run([sys.executable, "-c", QUANTISE, *arguments], "quantiser", {})
    if not out.is_file():
        raise Failure(f"gguf: the quantiser wrote no {out.name}")


def _run(words: list[str], what: str, environment: dict[str, str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise Failure(f"gguf: llama.cpp's {what} failed: {lines[-1]}")


def weights_of(path: Path) -> int:
    """The number of weights in a GGUF file."""
    return sum(int(tensor.n_elements) for tensor in GGUFReader(path).tensors)


def modelfile(gguf: str, prompter: Prompter, system: str, section: Gguf, stop: str) -> str:
    """A Modelfile for Ollama that puts the prompt exactly as training did."""
    return (
        f"FROM ./{gguf}\n"
        f'TEMPLATE """{prompter.ollama_template()}"""\n'
        f'SYSTEM """{system}"""\n'
        f'PARAMETER stop "{stop}"\n'
        f"PARAMETER num_ctx {section.context}\n"
        "PARAMETER temperature 0\n"
    )


def export(
    merged: Path, out: Path, metadata: dict[str, str], task: params.Task, prompt: Prompt, section: Gguf
) -> dict[str, dict[str, float]]:
    """Write all files of one adapter.

    Returns:
        Size and bits a weight by quantisation.
    """
    checkpoint.require_space(out, (1 + len(section.quantisations)) * checkpoint.size_of(merged), "gguf")
    tokenizer = checkpoint.load_tokenizer(merged)
    prompter = Prompter(tokenizer, prompt)
    f16 = out / "f16.gguf"
    convert(merged, f16, metadata)
    for quantisation in section.quantisations:
        if quantisation != "f16":
            quantise(f16, out / f"{quantisation}.gguf", quantisation, section.threads)
    n_weights = weights_of(f16)
    record: dict[str, dict[str, float]] = {}
    for quantisation in section.quantisations:
        path = out / f"{quantisation}.gguf"
        smoke(path, prompter.encode(task, "…", section.context).ids, section)
        size = path.stat().st_size
        record[quantisation] = {"bytes": size, "bits_per_weight": round(8 * size / n_weights, 2)}
    text = modelfile("q4_k_m.gguf", prompter, prompt.system[task], section, str(tokenizer.eos_token))
    (out / "Modelfile").write_text(text, encoding="utf-8")
    (out / "gguf.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return record


def smoke(path: Path, prompt: list[int], section: Gguf) -> None:
    """Refuse a file with which llama.cpp cannot answer."""
    if not LlamaCpp(path, 1, section.context, section.threads).answer([prompt], 8)[0].text:
        raise Failure(f"gguf: llama.cpp answers nothing with {path.name}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.gguf", description="Merged model to GGUF files and a Modelfile.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--merged", type=Path, required=True, help="the merged model, e.g. models/merged/products")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. models/gguf/products")
    arguments = parser.parse_args()
    loaded = params.load()
    task = params.asked(loaded.adapter(arguments.adapter).tasks)
    shutil.rmtree(arguments.out, ignore_errors=True)
    metadata = {"general.name": f"{loaded.base.name} {arguments.adapter}", "general.license": loaded.base.licence}
    record = export(arguments.merged, arguments.out, metadata, task, loaded.prompt, loaded.gguf)
    sizes = ", ".join(f"{key} {value['bytes'] / 1e6:.0f} MB" for key, value in record.items())
    print(f"gguf {arguments.adapter}: {sizes}")


if __name__ == "__main__":
    command.run(main)
