"""An OpenAI-compatible server: every adapter is a model of its name, each in llama.cpp's own server.

    python -m stages.serve                                        q4_k_m of all adapters at http://127.0.0.1:8080/v1
    LLAMA_API_KEY=… python -m stages.serve --host 0.0.0.0         for others, who need the key

    from openai import OpenAI
    client = OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="none")
    client.chat.completions.create(model="products", messages=[{"role": "user", "content": "<h1>X200</h1>"}])

A page is cleaned as in training; one beyond the context is refused, with its number of tokens.
"""

import argparse
import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import uvicorn

from stages import command, params
from stages.checkpoint import load_tokenizer
from stages.command import Failure
from stages.engines import QUANTISATIONS, weights
from stages.engines.llama import llama_server, llama_settings, sampling
from stages.params import Params
from stages.predict.model import cleaner
from stages.prompt import SLOT, Prompter
from stages.serve.address import listening, port
from stages.serve.front import Front, Served

LOOPBACK = ("127.0.0.1", "localhost")
SLOTS = 4  # requests to one adapter that are answered at a time


def start(loaded: Params, variant: str, adapter: str, models: Path, token: str) -> tuple[Any, Served]:
    """llama.cpp's server for one adapter, and how the front asks it."""
    clean, tokenizer = cleaner(loaded.adapter(adapter).tasks, loaded.sanitize.pii), load_tokenizer(models / "base")
    prompter = Prompter(tokenizer, loaded.prompt)
    settings = llama_settings(weights(variant, adapter, models), SLOTS, loaded.gguf.context, loaded.evaluate.threads)
    settings.api_keys, settings.ui = [token], False
    settings.model_alias = {adapter}
    system = loaded.prompt.system[clean.task] if loaded.prompt.style == "chat" else None
    settings.chat_template = template(prompter, clean.task, None if system is None else tokenizer.get_chat_template())
    server = llama_server(settings)
    return server, Served(server.listening_address, system, lambda text: prompter.defuse(clean(text)))


def template(prompter: Prompter, task: str, own: str | None) -> str:
    """A chat template for llama.cpp that puts one question as training did, and a longer dialogue by the base's own.

    Bases without system messages, and those that print a date, are put by llama.cpp otherwise than by the prompt module.
    """
    head, _, tail = prompter.text(task, SLOT).partition(SLOT)
    before, after = (json.dumps(part, ensure_ascii=False) for part in (head, tail))
    alone = f"{{{{ {before} }}}}{{{{ messages[-1]['content'] }}}}{{{{ {after} }}}}"
    one = "messages|length == 1 and messages[0]['role'] == 'user'"
    return alone if own is None else f"{{% if {one} %}}{alone}{{% else %}}{own}{{% endif %}}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.serve", description="An OpenAI-compatible server for the adapters.")
    parser.add_argument("--variant", default="q4_k_m", choices=QUANTISATIONS, help="which GGUF files (default: q4_k_m)")
    parser.add_argument("--adapters", nargs="+", help="names in params.yaml (default: all)")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of all models (default: models)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine only)")
    parser.add_argument("--port", type=port, default=8080, help="0: any that is free (default: 8080)")
    parser.add_argument("--api-key", default=os.environ.get("LLAMA_API_KEY"), help="what clients must show (or LLAMA_API_KEY)")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    if arguments.host not in LOOPBACK and not arguments.api_key:
        raise Failure(f"serve: at {arguments.host} everybody could ask; set LLAMA_API_KEY, or leave --host out")
    loaded = params.load()
    names = arguments.adapters or list(loaded.adapters)
    found = listening("serve", arguments.host, arguments.port)
    token = secrets.token_urlsafe()
    started = {name: start(loaded, arguments.variant, name, arguments.models, token) for name in names}
    defaults = {**sampling(loaded.evaluate.decoding), "max_tokens": loaded.predict.max_new_tokens}
    front = Front({name: served for name, (_, served) in started.items()}, token, arguments.api_key or None, defaults)
    hosts = list(LOOPBACK) if arguments.host in LOOPBACK else ["*"]  # elsewhere the key is the guard
    server = uvicorn.Server(uvicorn.Config(front.app(hosts), log_level="error", access_log=False))
    found.listen()  # who reads the next line may ask at once
    print(f"serve: {', '.join(names)} at http://{arguments.host}:{found.getsockname()[1]}/v1; Ctrl-C ends it", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[found])


if __name__ == "__main__":
    command.run(main)
