"""The merged model for llama.cpp and Ollama: one GGUF file a quantisation, and a Modelfile with the same prompt.

In: the merged model; the adapter, its token rows and held-out examples. Out, in one folder: `f16.gguf` (and `q4_k_m.gguf`,
…), `lora.gguf`, `Modelfile`, `SHA256SUMS`, and `gguf.json`:

    {"f16": {"bytes": 270898176, "bits_per_weight": 16.1, "perplexity": 8.42, "perplexity_of_merged": 8.42},
     "q4_k_m": {"importance_rows": 64, …}, …}    training rows that weighed the rounding, if any

llama.cpp's own converter and quantiser do the work; both come from packages, nothing is compiled. A file counts as made
when llama.cpp has answered with it; the folder appears when all of them have.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gguf import GGUFReader

from stages import checkpoint, command, params
from stages.command import Failure
from stages.gguf import checks, importance, lora, metadata, native
from stages.params import Gguf, Prompt, Task
from stages.prompt import Prompter

CONVERTER = Path(sys.prefix) / "converter"  # `make setup` installs it apart: it brings a `gguf` module of its own
Record = dict[str, dict[str, Any]]


def convert(merged: Path, out: Path, described: dict[str, Any]) -> None:
    """Write a model folder as a 16-bit GGUF file with what it says about itself in it.

    Raises:
        Failure: the converter is not installed, or refuses the model.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder, override = Path(scratch) / merged.name, Path(scratch) / "metadata.json"
        folder.mkdir()
        for path in merged.iterdir():
            (folder / path.name).symlink_to(path.resolve())
        licence = json.dumps(described["general.license"])  # the converter takes it from a model card only
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n", encoding="utf-8")
        override.write_text(json.dumps(described), encoding="utf-8")
        words = (str(folder), "--outfile", str(out), "--outtype", "f16", "--metadata", str(override))
        _convert(str(CONVERTER / "convert_hf_to_gguf.py"), *words)


def _convert(*words: str) -> None:
    if not CONVERTER.is_dir():
        raise Failure(f"gguf: {CONVERTER} is missing; run `make setup`")
    environment = {**os.environ, "PYTHONPATH": str(CONVERTER)}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise Failure(f"gguf: llama.cpp's converter failed: {lines[-1]}")


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


def sums(folder: Path) -> str:
    """What `sha256sum -c` reads: a line for every file but the record."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".gguf" or path.name == "Modelfile")
    return "".join(f"{hashlib.file_digest(path.open('rb'), 'sha256').hexdigest()}  {path.name}\n" for path in paths)


def quantised(merged: Path, out: Path, described: dict[str, Any], section: Gguf) -> list[Path]:
    """Write `f16.gguf` and the quantisations of params.yaml; returns the files that are asked for."""
    f16 = out / "f16.gguf"
    convert(merged, f16, described)
    for quantisation in section.quantisations:
        if quantisation != "f16":
            native.quantise(f16, out / f"{quantisation}.gguf", quantisation, section.threads)
    return [out / f"{quantisation}.gguf" for quantisation in section.quantisations]


def weighed(merged: Path, tokens: Path, paths: list[Path], described: dict[str, Any], section: Gguf) -> Record:
    """Round the weights of quantised files again, by their importance on training rows.

    Returns:
        By quantisation, on how many rows; a file without a type that can be weighed is as it was, and not among them.

    Raises:
        Failure: there are no training rows.
    """
    if not section.importance_rows:
        return {}
    rows, f16 = importance.rows(tokens, section.importance_rows), paths[0].with_name("f16.gguf")
    found = importance.named(importance.measure(merged, rows, section.threads), f16)
    notes = {  # llama.cpp's own keys; its chunks are windows over one text
        "quantize.imatrix.dataset": described["general.datasets"][0]["name"],
        "quantize.imatrix.entries_count": len(found),
        "quantize.imatrix.chunks_count": len(rows),
    }
    files = [path for path in paths if path != f16]
    changed = [path for path in files if native.weigh(f16, path, found, notes, section.threads)]
    return {path.stem: {"importance_rows": len(rows)} for path in changed}


def run_time_lora(adapter: Path, merged: Path, out: Path) -> dict[str, Any]:
    """Write the adapter alone as `lora.gguf`, or say why llama.cpp could not use it."""
    reason = lora.refusal(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")))
    if reason:
        print(f"gguf: no lora.gguf: {reason}")
        return {"refused": reason}
    path = out / "lora.gguf"
    _convert("-P", lora.__file__, str(adapter), str(merged), str(path))  # -P: else this folder shadows modules of others
    return {"bytes": path.stat().st_size}


def export(
    merged: Path,
    adapter: Path,
    tokens: Path,
    examples: Path,
    out: Path,
    described: dict[str, Any],
    tasks: list[Task],
    prompt: Prompt,
    section: Gguf,
) -> Record:
    """Write all files of one adapter to `out`, which must be empty.

    Returns:
        Size, bits a weight, perplexity and rows of importances by quantisation, and what became of the adapter alone.

    Raises:
        Failure: no room, llama.cpp refuses something, or a file is not what it should be.
    """
    checkpoint.require_space(out, (1 + len(section.quantisations)) * checkpoint.size_of(merged), "gguf")
    prompter, task = Prompter(checkpoint.load_tokenizer(merged), prompt), params.asked(tasks)
    paths = quantised(merged, out, described, section)
    importances = weighed(merged, tokens, paths, described, section)
    rows = checks.held_out(examples, tasks, prompter, section.probes)
    wanted = checks.loss_of_merged(merged, rows, section.threads) if rows else 0.0
    n_weights, question = weights_of(paths[0]), prompter.encode(task, "…", section.context).ids
    record: Record = {}
    for path in paths:
        checks.smoke(path, question, section)
        size = path.stat().st_size
        record[path.stem] = {"bytes": size, "bits_per_weight": round(8 * size / n_weights, 2)} | importances.get(path.stem, {})
        record[path.stem] |= checks.compared(path, rows, wanted, section) if rows else {}
    if section.lora:
        record["lora"] = run_time_lora(adapter, merged, out)
    stop = str(checkpoint.load_tokenizer(merged).eos_token)
    (out / "Modelfile").write_text(modelfile("q4_k_m.gguf", prompter, prompt.system[task], section, stop), encoding="utf-8")
    (out / "SHA256SUMS").write_text(sums(out), encoding="utf-8")
    (out / "gguf.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return record


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.gguf", description="Merged model to GGUF files and a Modelfile.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--merged", type=Path, required=True, help="the merged model, e.g. models/merged/products")
    parser.add_argument("--weights", type=Path, required=True, help="the adapter, e.g. models/adapters/products")
    parser.add_argument("--tokens", type=Path, required=True, help="its token shards, e.g. data/tokens/products")
    parser.add_argument("--examples", type=Path, required=True, help="held-out examples, e.g. data/examples/test.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, e.g. models/gguf/products")
    arguments = parser.parse_args()
    loaded = params.load()
    tasks, prompt, section = loaded.adapter(arguments.adapter).tasks, loaded.prompt, loaded.gguf
    name, licence = loaded.base.name, loaded.base.licence
    described = metadata.describe(arguments.adapter, name, licence, arguments.merged, arguments.tokens)
    record = run(arguments, described, tasks, prompt, section)
    sizes = ", ".join(f"{key} {value['bytes'] / 1e6:.0f} MB" for key, value in record.items() if "bytes" in value)
    print(f"gguf {arguments.adapter}: {sizes}")


def run(arguments: argparse.Namespace, described: dict[str, Any], tasks: list[Task], prompt: Prompt, section: Gguf) -> Record:
    """Export beside the folder of the command line, and rename: it never holds half of the files."""
    partial = arguments.out.with_name(arguments.out.name + ".partial")
    for folder in (partial, arguments.out):
        shutil.rmtree(folder, ignore_errors=True)
    paths = arguments.merged, arguments.weights, arguments.tokens, arguments.examples, partial
    try:
        record = export(*paths, described, tasks, prompt, section)
        partial.rename(arguments.out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return record


if __name__ == "__main__":
    command.run(main)
