"""A GGUF file in llama.cpp."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stages import native
from stages.command import Failure
from stages.engines.engine import Answer, Loss, Row, batches, even, in_order
from stages.params import Decoding

GREEDY = {"temperature": 0.0}
ONE = {"top_k": 1, "samplers": ["top_k"]}  # the greedy choice without sorting the whole vocabulary at every token


def sampling(decoding: Decoding) -> dict[str, float]:
    """How llama.cpp chooses a token as transformers does: its own further samplers are off."""
    return {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0, "min_p": 0.0, "seed": decoding.seed}


def llama_settings(path: Path, slots: int, context: int, threads: int) -> Any:
    """llama.cpp's settings for a GGUF file: a cache of `context` tokens for each of `slots` prompts, and no messages.

    Raises:
        Failure: there is no such file.
    """
    if not path.is_file():
        raise Failure(f"{path} does not exist; run `dvc repro` to make it, or `dvc pull` to fetch it")
    import xllamacpp  # a second to import, which a Hugging Face variant does without

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.n_parallel = slots
    settings.n_ctx = context * slots
    settings.verbosity = -1
    settings.warmup = False
    settings.cache_ram_mib = 0
    return settings


def llama_server(settings: Any) -> Any:
    """llama.cpp's server with these settings, in this process; it has answered once: one that is ended before hangs for ever.

    Raises:
        Failure: the file cannot be loaded.
    """
    import xllamacpp

    try:
        server = xllamacpp.Server(settings)
    except RuntimeError as error:
        path = settings.model.path
        raise Failure(f"{path} cannot be loaded by llama.cpp ({error}); is it whole? `dvc repro -f` remakes it") from error
    server.handle_completions({"prompt": [0], "n_predict": 0})
    return server


class LlamaCpp:
    """A GGUF file in llama.cpp's server, in this process.

    As many prompts as there are slots go in as one request: they are decoded in step, so that the sums inside, and so
    the answers, are the same in every run. An answer that differs from a target whose loss was asked for is written anew.
    """

    tokenizer: Any = None  # of the model: what needs it sets it

    def __init__(self, path: Path, slots: int, context: int, threads: int, sampling: Mapping[str, float] = GREEDY) -> None:
        self._server = llama_server(llama_settings(path, slots, context, threads))
        self._path, self._threads = path, threads
        self._known: dict[tuple[int, ...], list[int]] = {}  # prompt -> its greedy answer, eos included
        self.together = slots
        self.options: dict[str, Any] = {**sampling, **(ONE if sampling["temperature"] == 0 else {})}  # of every request

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """See `Engine.answer`."""
        return in_order(self.each(prompts, max_new_tokens), len(prompts))

    def each(self, prompts: list[list[int]], max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        """See `Engine.each`."""
        known = {i: self._known[tuple(prompt)] for i, prompt in enumerate(prompts) if tuple(prompt) in self._known}
        known = {i: row for i, row in known.items() if len(row) <= max_new_tokens}
        yield from ((i, Answer(self.tokenizer.decode(row[:-1], skip_special_tokens=True), True)) for i, row in known.items())
        order = sorted(set(range(len(prompts))) - set(known), key=lambda i: (len(prompts[i]), i))
        for part in batches(order, even(len(order), self.together)):
            yield from zip(part, self._ask([prompts[i] for i in part], max_new_tokens), strict=True)

    def loss(self, rows: list[Row]) -> list[Loss]:
        """See `Engine.loss`.

        Raises:
            Failure: llama.cpp cannot read the file.
        """
        found = native.read(self._path, rows, self._threads)
        for (prompt, target), told in zip(rows, found, strict=True):
            whole = prompt and target[-1:] == [self.tokenizer.eos_token_id] and told.likeliest == target
            if whole and self.options["temperature"] == 0:
                self._known[tuple(prompt)] = target
        return [(told.nats, len(told.likeliest)) for told in found]

    def _ask(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        request = {"prompt": prompts, "n_predict": max_new_tokens, "cache_prompt": False, **self.options}
        reply: Any = self._server.handle_completions(request)
        if isinstance(reply, str):
            reply = json.loads(reply)
        if "choices" not in reply:
            raise Failure(f"llama.cpp refused a prompt: {str(reply)[:200]}")
        found = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
        return [Answer(choice["text"], choice["finish_reason"] == "stop") for choice in found]
