"""Answers from any variant of any adapter: for a file of inputs, one page, or a dialogue in the terminal.

    python -m stages.predict --variant q4_k_m --input pages.jsonl --output answers.jsonl
    python -m stages.predict --variant q4_k_m --html page.html
    python -m stages.predict --variant adapter --adapter assistant --chat

A line `{"input": "<div>…"}` becomes `{"output": {"name": "X200"}, "raw": "…"}`, in the same order. A page is cleaned as
the training data was; `output` is null where the answer holds no JSON object.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from stages import answers, command, params
from stages.answers import Reply
from stages.checkpoint import load_tokenizer
from stages.command import Failure
from stages.documents import fold_space
from stages.engines import open_engine
from stages.params import Params
from stages.prompt import Prompter
from stages.sanitize.product import product_text

Ask = Callable[[list[str]], list[Reply]]


def asker(loaded: Params, variant: str, name: str, models: Path) -> Ask:
    """A function that answers inputs as one variant of one adapter would.

    Raises:
        Failure: no such adapter or variant, or its files are missing.
    """
    adapter = loaded.adapter(name)
    engine = open_engine(variant, name, models, loaded.evaluate)
    prompter = Prompter(load_tokenizer(models / "base"), loaded.prompt)
    task = next((task for task in adapter.tasks if task != "continue"), "faq")
    clean = product_text if task == "extract" else fold_space

    def ask(inputs: list[str]) -> list[Reply]:
        limits = loaded.tokenize.max_seq_len, loaded.evaluate.max_new_tokens
        return answers.ask(engine, prompter, [task] * len(inputs), [clean(text) for text in inputs], *limits)

    return ask


def read_inputs(path: Path) -> list[str]:
    """The inputs of a JSON lines file.

    Raises:
        Failure: the file is missing, or a line is not `{"input": text}`; the line is named.
    """
    if not path.is_file():
        raise Failure(f"predict: {path} does not exist")
    inputs = []
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise Failure(f"predict: {path} is not UTF-8: {error}") from error
    for number, line in enumerate(lines if lines != [""] else [], start=1):
        try:
            found = json.loads(line)["input"]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, str):
            raise Failure(f'predict: {path}, line {number}: expected {{"input": text}}, found {line[:60]!r}')
        inputs.append(found)
    return inputs


def write_replies(path: Path, replies: list[Reply]) -> None:
    """Write replies as JSON lines, beside the target first: a broken run leaves no half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    lines = (json.dumps({"output": reply.output, "raw": reply.raw}, ensure_ascii=False) + "\n" for reply in replies)
    partial.write_text("".join(lines), encoding="utf-8")
    os.replace(partial, path)


def chat(ask: Ask) -> None:
    """Answer line after line until the input ends."""
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return
        if line:
            print(ask([line])[0].raw.strip(), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.predict", description="Answers from any variant of any adapter.")
    parser.add_argument("--variant", required=True, help=f"one of {', '.join(params.VARIANTS)}")
    parser.add_argument("--adapter", help="name of an adapter in params.yaml (default: the first one)")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of all models (default: models)")
    parser.add_argument("--input", type=Path, help='JSON lines of {"input": text}')
    parser.add_argument("--output", type=Path, help="where the answers to --input go")
    parser.add_argument("--html", help="one page: a file, or - for standard input")
    parser.add_argument("--chat", action="store_true", help="a dialogue in the terminal")
    arguments = parser.parse_args()
    if [bool(arguments.input), bool(arguments.html), arguments.chat].count(True) != 1:
        parser.error("give exactly one of --input, --html and --chat")
    if bool(arguments.input) != bool(arguments.output):
        parser.error("--input and --output belong together")
    return arguments


def main() -> None:
    arguments = _arguments()
    loaded = params.load()
    inputs = read_inputs(arguments.input) if arguments.input else []
    ask = asker(loaded, arguments.variant, arguments.adapter or next(iter(loaded.adapters)), arguments.models)
    if arguments.chat:
        chat(ask)
    elif arguments.html:
        _one_page(ask, arguments.html)
    else:
        write_replies(arguments.output, ask(inputs))
        print(f"predict: {len(inputs)} answers in {arguments.output}")


def _one_page(ask: Ask, name: str) -> None:
    if name != "-" and not Path(name).is_file():
        raise Failure(f"predict: {name} does not exist; give a file, or - for standard input")
    content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    reply = ask([content.decode("utf-8", "replace")])[0]
    if reply.n_cut:
        print(f"predict: {reply.n_cut} tokens from the middle of the page did not fit and were left out", file=sys.stderr)
    print(json.dumps(reply.output, ensure_ascii=False, indent=1) if reply.output is not None else reply.raw.strip())


if __name__ == "__main__":
    command.run(main)
