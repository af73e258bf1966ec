"""Answers from any variant of any adapter: for a file of inputs, one page, or a dialogue in the terminal.

    python -m stages.predict --variant q4_k_m --input pages.jsonl --output answers.jsonl
    python -m stages.predict --variant q4_k_m --html page.html --schema
    python -m stages.predict --variant adapter --adapter assistant --chat

A line `{"input": "<div>…"}` becomes `{"output": {"name": "X200"}, "raw": "…"}`, in the same order. A page is cleaned as
the training data was; `output` is null where the answer holds no JSON object, which --schema makes impossible unless
the token limit cuts it. The same call after a kill goes on where it was.
"""

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path

from stages import command, params
from stages.engines import weights
from stages.params import Params
from stages.predict.batch import alone, answer_file, key_of, read_lines
from stages.predict.model import Model, open_model
from stages.predict.page import put, read_page

SHOWN = 10  # shortened lines that are named


def chat(model: Model) -> None:
    """Answer line after line, each by itself as in training, until the input ends."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  # arrows and history in a terminal
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return
        if line:
            reply = model.reply(line)
            print(reply.raw.strip(), flush=True)
            if reply.n_cut:
                print(f"predict: {reply.n_cut:,} tokens from its middle did not fit and were left out", file=sys.stderr)


def one_page(model: Model, page: str) -> None:
    """Print the answer to a page; what the model read of it goes to stderr."""
    encoded, said = put(model, page)
    print(f"predict: {said}", file=sys.stderr)
    reply = next(model.each([encoded]))[1]
    print(json.dumps(reply.output, ensure_ascii=False, indent=1) if reply.output is not None else reply.raw.strip())


def batch(loaded: Params, arguments: argparse.Namespace, adapter: str) -> None:
    """Answer a file."""
    inputs = [text for (text,) in read_lines(arguments.input, "input")]
    with alone(arguments.output):
        model = open_model(loaded, arguments.variant, adapter, arguments.models, arguments.schema, loaded.evaluate.slots)
        settings = [loaded.model_dump_json(), arguments.variant, adapter, str(arguments.schema)]
        key = key_of(settings, weights(arguments.variant, adapter, arguments.models), inputs)
        cut = answer_file(model, inputs, arguments.output, key)
    print(f"predict: {len(inputs)} answers in {arguments.output}")
    if cut:
        named = ", ".join(f"{number} ({n_cut})" for number, n_cut in list(cut.items())[:SHOWN])
        print(f"predict: {len(cut)} inputs were too long; line (tokens cut): {named}{', …' if len(cut) > SHOWN else ''}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.predict", description="Answers from any variant of any adapter.")
    parser.add_argument(
        "--variant", required=True, help=f"one of {', '.join(params.VARIANTS)}, or another of gguf.quantisations"
    )
    parser.add_argument("--adapter", help="name of an adapter in params.yaml (default: the first one)")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of all models (default: models)")
    parser.add_argument("--schema", action="store_true", help="let the model write only objects of prepare.fields")
    parser.add_argument("--input", type=Path, help='JSON lines of {"input": text}')
    parser.add_argument("--output", type=Path, help="where the answers to --input go")
    parser.add_argument("--html", help="one page: a file, or - for standard input")
    parser.add_argument("--chat", action="store_true", help="a dialogue in the terminal, each line answered by itself")
    arguments = parser.parse_args()
    if [bool(arguments.input), bool(arguments.html), arguments.chat].count(True) != 1:
        parser.error("give exactly one of --input, --html and --chat")
    if bool(arguments.input) != bool(arguments.output):
        parser.error("--input and --output belong together")
    return arguments


def main() -> None:
    arguments = _arguments()
    loaded = params.load()
    adapter = arguments.adapter or next(iter(loaded.adapters))
    if arguments.input:
        batch(loaded, arguments, adapter)
        return
    model = open_model(loaded, arguments.variant, adapter, arguments.models, arguments.schema, slots=1)
    if arguments.chat:
        chat(model)
    else:
        one_page(model, read_page(arguments.html))


if __name__ == "__main__":
    command.run(main)
