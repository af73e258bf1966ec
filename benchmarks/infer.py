"""Answers a second and memory of every way to ask a model, in one table from one run.

    python -m benchmarks.infer --examples 32 --rounds 3

generate            transformers, base + adapter, one prompt after the other: what a first script does
adapter, merged     transformers as `evaluate` and `predict` use it, in batches
f16, q4_k_m         llama.cpp as they use it, with 1 and 8 slots
llama.cpp's server  the same file behind its own HTTP server, asked by as many clients as it has slots: the peer
predict             `python -m stages.predict` from file to file on the same examples, without its start: the engine's
                    share of it is what remains

Every way runs in a process of its own, so that peaks of memory are its own, and all ways in turn, round after round, so that
a drift of the machine meets all of them alike; the table shows medians. The share of `predict` is against the engine asked
alone in the same process and the same round.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from stages import params
from stages.checkpoint import load_tokenizer
from stages.engines import weights
from stages.engines.llama import llama_server, llama_settings
from stages.evaluate.__main__ import chosen
from stages.params import Params
from stages.predict.batch import answer_file
from stages.predict.model import Model, open_model
from stages.prompt import Prompter

WAYS = (
    "generate",
    "adapter",
    "merged",
    "f16 1",
    "f16 8",
    "q4_k_m 1",
    "q4_k_m 8",
    "server 8",
    "predict adapter",
    "predict q4_k_m",
)
FIRST_TOKENS = 2  # of an answer before the clock starts: the first one reads the file and makes the kernels ready
Numbers = dict[str, float]


def prompts_of(loaded: Params, models: Path, inputs: list[str]) -> list[list[int]]:
    """Token ids of inputs that are clean already, as the test examples are."""
    prompter = Prompter(load_tokenizer(models / "base"), loaded.prompt)
    budget = loaded.tokenize.max_seq_len - loaded.evaluate.max_new_tokens
    return [prompter.encode("extract", text, budget).ids for text in inputs]


def timed(work: Any) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def by_generate(model: Model, prompts: list[list[int]]) -> float:
    """Plain `generate`, prompt after prompt."""
    import torch

    engine: Any = model.engine
    eos = engine.tokenizer.eos_token_id
    options = {"max_new_tokens": model.max_new_tokens, "do_sample": False, "repetition_penalty": 1.0,
               "pad_token_id": eos, "eos_token_id": eos}  # fmt: skip
    return timed(lambda: [engine.model.generate(input_ids=torch.tensor([ids]), **options) for ids in prompts])


def ready(address: str) -> None:
    """Wait until llama.cpp's server answers: it refuses connections, then requests, while it begins."""
    with httpx.Client(base_url=address, transport=httpx.HTTPTransport(retries=10)) as client:
        while client.get("/health").is_error:
            time.sleep(0.05)


def by_server(loaded: Params, path: Path, slots: int, prompts: list[list[int]]) -> float:
    """llama.cpp's HTTP server, with a client for every slot."""
    server = llama_server(
        llama_settings(path, slots, loaded.evaluate.context + loaded.predict.max_new_tokens, loaded.evaluate.threads)
    )
    options = {"temperature": 0.0, "cache_prompt": False}

    def ask(ids: list[int], count: int = loaded.predict.max_new_tokens) -> None:
        request = {"prompt": ids, "n_predict": count, **options}
        httpx.post(f"{server.listening_address}/completion", json=request, timeout=None).raise_for_status()  # noqa: S113

    ready(server.listening_address)
    ask(prompts[0], FIRST_TOKENS)
    with ThreadPoolExecutor(slots) as clients:
        return timed(lambda: list(clients.map(ask, prompts)))


def by_predict(model: Model, inputs: list[str]) -> Numbers:
    """`predict` from file to file, and the engine alone on the very same prompts; which comes first changes by the clock."""
    prompts = [model.encode(text).ids for text in inputs]
    with tempfile.TemporaryDirectory() as folder:

        def whole() -> None:
            answer_file(model, inputs, Path(folder) / "out.jsonl", "key")

        def alone() -> None:
            model.engine.answer(prompts, model.max_new_tokens)

        if time.time_ns() % 2:
            found, bare = timed(whole), timed(alone)
        else:
            bare, found = timed(alone), timed(whole)
    return {"seconds": found, "share": bare / found}


def measured(way: str, loaded: Params, adapter: str, inputs: list[str], models: Path) -> Numbers:
    """One way once: its seconds, and the share of the engine where it is `predict`."""
    kind, _, rest = way.partition(" ")
    slots = int(rest) if rest.isdigit() else loaded.evaluate.slots
    variant = {"generate": "adapter", "server": "q4_k_m", "predict": rest}.get(kind, kind)
    prompts = prompts_of(loaded, models, inputs)
    if kind == "server":
        return {"seconds": by_server(loaded, weights(variant, adapter, models), slots, prompts)}
    model = open_model(loaded, variant, adapter, models, False, slots)
    model.engine.answer(prompts[:1], FIRST_TOKENS)
    if kind == "predict":
        return by_predict(model, inputs)
    if kind == "generate":
        return {"seconds": by_generate(model, prompts)}
    return {"seconds": timed(lambda: model.engine.answer(prompts, model.max_new_tokens))}


def _once(way: str, arguments: argparse.Namespace) -> Numbers:
    """One way in a process of its own."""
    words = ["--way", way, "--examples", arguments.examples, "--models", arguments.models, "--data", arguments.data]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.infer", *map(str, words)], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _row(way: str, found: list[Numbers], count: int) -> str:
    seconds, peak = (statistics.median(one[key] for one in found) for key in ("seconds", "peak_gb"))
    share = f"{statistics.median(one['share'] for one in found):.1%}" if "share" in found[0] else "–"
    return f"| {way} | {count / seconds:.2f} | {peak:.2f} | {share} |"


def main() -> None:
    """Print the table; with --way, one measurement as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.infer")
    parser.add_argument("--way", choices=WAYS, help="measure only this one, once, and print it as JSON")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--examples", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data/examples/test.jsonl"))
    arguments = parser.parse_args()
    loaded = params.load()
    adapter = next(name for name, section in loaded.adapters.items() if params.asked(section.tasks) == "extract")
    if arguments.way:
        inputs = [item.input for item in chosen(arguments.data, ["extract"], arguments.examples)]
        found = measured(arguments.way, loaded, adapter, inputs, arguments.models)
        print(json.dumps({**found, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
        return
    results: dict[str, list[Numbers]] = {}
    for _ in range(arguments.rounds):
        for way in arguments.ways:
            results.setdefault(way, []).append(_once(way, arguments))
    print(f"| {adapter}, n={arguments.examples} | examples/s | peak GB | of the engine alone |\n|---|---|---|---|")
    print("\n".join(_row(way, found, arguments.examples) for way, found in results.items()))


if __name__ == "__main__":
    main()
