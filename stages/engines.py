"""Answers from any variant of an adapter, by transformers or by llama.cpp, from the same prompt token ids.

base      models/base                              transformers
adapter   models/base + models/adapters/A          transformers
merged    models/merged/A                          transformers
f16       models/gguf/A/f16.gguf                   llama.cpp
q4_k_m    models/gguf/A/q4_k_m.gguf                llama.cpp

engine = open_engine("q4_k_m", "products", Path("models"), section)
engine.answer([[1, 9690, 198, ...]], max_new_tokens=128)  ->  [Answer(text='{"name": …}', stopped=True)]
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args

import torch
from torch.nn.functional import cross_entropy

from stages import attention, checkpoint
from stages.checkpoint import IGNORED
from stages.command import Failure, progress
from stages.params import VARIANTS, Decoding, Evaluate, Quantisation

T = TypeVar("T")
GREEDY = {"temperature": 0.0}
QUANTISATIONS = get_args(Quantisation)
ONE = {"top_k": 1, "samplers": ["top_k"]}  # the greedy choice without sorting the whole vocabulary at every token
LOSS_TOKENS = 2048  # of rows scored together, padding included


@dataclass(frozen=True)
class Answer:
    """What a model wrote, and whether it ended by itself rather than at the token limit."""

    text: str
    stopped: bool


class Engine(Protocol):
    """Answers prompts; the order of the answers is that of the prompts."""

    together: int  # prompts in one batch: those that follow each other when all are sorted by their length

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """Answer every prompt (token ids) with at most `max_new_tokens` tokens."""

    def each(self, prompts: list[list[int]], max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        """The same answers as soon as they are ready, each with the place of its prompt."""


def in_order(found: Iterator[tuple[int, Answer]], count: int) -> list[Answer]:
    """Answers in the order of their prompts, with progress."""
    answers: dict[int, Answer] = {}
    bar = progress(total=count, desc="answers", unit="prompt", disable=count == 1)
    for place, answer in found:
        answers[place] = answer
        bar.update()
    bar.close()
    return [answers[place] for place in range(count)]


def weights(variant: str, adapter: str, models: Path) -> Path:
    """Where the weights of a variant are: a GGUF file, or the folder of a model or an adapter.

    Raises:
        Failure: there is no such variant.
    """
    if variant in QUANTISATIONS:
        return models / "gguf" / adapter / f"{variant}.gguf"
    if variant not in VARIANTS:
        raise Failure(f"no variant {variant!r}; there are {', '.join(VARIANTS)}")
    return {"base": models / "base", "adapter": models / "adapters" / adapter, "merged": models / "merged" / adapter}[variant]


def open_engine(variant: str, adapter: str, models: Path, section: Evaluate) -> Engine:
    """The engine of a variant; see the module's table for where each one's weights are.

    Raises:
        Failure: the variant is unknown, or its files are missing or damaged.
    """
    path = weights(variant, adapter, models)
    if variant in QUANTISATIONS:
        return LlamaCpp(path, section.slots, section.context, section.threads, sampling(section.decoding))
    return Transformers(models / "base", path, section) if variant == "adapter" else Transformers(path, None, section)


def sampling(decoding: Decoding) -> dict[str, float]:
    """How llama.cpp chooses a token as transformers does: its own further samplers are off."""
    return {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0, "min_p": 0.0, "seed": decoding.seed}


def batches(items: list[T], size: int) -> Iterator[list[T]]:
    """Consecutive parts of a list."""
    return (items[start : start + size] for start in range(0, len(items), size))


def even(count: int, most: int) -> int:
    """The size of parts of at most `most` that are as few as can be, and alike: 52 rows of at most 50 are two times 26."""
    return math.ceil(count / math.ceil(count / most)) if count else 1


def alike(rows: list[tuple[list[int], list[int]]]) -> Iterator[list[int]]:
    """The places of (prompt, target) rows, in parts of like length that hold at most `LOSS_TOKENS` tokens, or one row.

    Rows without a prompt stand apart: all their logits are needed, which with a prompt's would fill the memory.
    """
    part: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: (not rows[i][0], sum(map(len, rows[i])))):
        other = part and bool(rows[i][0]) != bool(rows[part[0]][0])
        if part and (other or (len(part) + 1) * sum(map(len, rows[i])) > LOSS_TOKENS):
            yield part
            part = []
        part.append(i)
    if part:
        yield part


class Transformers:
    """A Hugging Face model; prompts of similar length are generated together, padded on the left.

    Where the loss was asked for before the answers, the answers begin with what the loss has shown: as far as the likeliest
    tokens are those of the target, greedy decoding would write them too. An adapter that knows its task then writes
    few tokens one by one.
    """

    def __init__(self, folder: Path, adapter: Path | None, section: Evaluate) -> None:
        torch.set_num_threads(section.threads)
        self.model, self.tokenizer = checkpoint.load(folder, section.dtype, adapter)
        if self.model.device.type == "cpu" and self.model.config._attn_implementation == "sdpa":
            self.model.set_attn_implementation(attention.GROUPED)
        self.together = section.batch_size
        self._decoding = section.decoding
        self._begun: dict[tuple[int, ...], list[int]] = {}  # prompt -> the first tokens of its greedy answer
        self.guide: Callable[[], Any] | None = None  # makes a logits processor, which forbids tokens, for one batch

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """See `Engine.answer`."""
        return in_order(self.each(prompts, max_new_tokens), len(prompts))

    def each(self, prompts: list[list[int]], max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        """See `Engine.each`."""
        torch.manual_seed(self._decoding.seed)
        eos = self.tokenizer.eos_token_id
        written = [self._begun.get(tuple(prompt), [])[:max_new_tokens] for prompt in prompts]
        open_ = [i for i, row in enumerate(written) if len(row) < max_new_tokens and eos not in row]
        yield from ((i, self._read(written[i])) for i in sorted(set(range(len(prompts))) - set(open_)))
        open_.sort(key=lambda i: len(prompts[i]) + len(written[i]))
        for part in batches(open_, even(len(open_), self.together)):
            room = max(max_new_tokens - len(written[i]) for i in part)
            for i, row in zip(part, self._continued([prompts[i] + written[i] for i in part], room), strict=True):
                yield i, self._read((written[i] + row)[:max_new_tokens])

    @torch.inference_mode()
    def _continued(self, rows: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        """The tokens that follow each row, padding after eos included."""
        ids, mask = self._padded(rows)
        how: dict[str, Any] = {"do_sample": False}
        if self._decoding.temperature > 0:
            how = {"do_sample": True, "temperature": self._decoding.temperature, "top_p": self._decoding.top_p, "top_k": 0}
        if self.guide:
            how["logits_processor"] = [self.guide()]
        out = self.model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, repetition_penalty=1.0, **how,
            pad_token_id=self.tokenizer.pad_token_id, eos_token_id=self.tokenizer.eos_token_id,
        )  # fmt: skip
        return [list(row) for row in out[:, ids.shape[1] :].tolist()]

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and attention mask, both of shape (rows, longest)."""
        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows], device=self.model.device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=self.model.device)
        return ids, mask

    def _read(self, row: list[int]) -> Answer:
        eos = self.tokenizer.eos_token_id
        stopped = eos in row
        kept = row[: row.index(eos)] if stopped else row
        return Answer(self.tokenizer.decode(kept, skip_special_tokens=True), stopped)

    @torch.inference_mode()
    def loss(self, rows: list[tuple[list[int], list[int]]]) -> list[tuple[float, int]]:
        """The cross-entropy over the target of every (prompt, target) row: its sum in nats, and its number of tokens.

        The first token of a row without a prompt is never predicted, and so not counted.
        """
        found: dict[int, tuple[float, int]] = {}
        bar = progress(total=len(rows), desc="loss", unit="row")
        for part in alike(rows):
            logits, wanted = self._target_logits([rows[i] for i in part])
            sizes = [int(count) for count in (wanted != IGNORED).sum(dim=1)]
            losses = cross_entropy(logits, wanted[wanted != IGNORED], reduction="none").split(sizes)
            likeliest = logits.argmax(dim=-1).split(sizes)
            for index, i in enumerate(part):
                found[i] = float(losses[index].sum()), sizes[index]
                self._remember(rows[i], likeliest[index].tolist())
            bar.update(len(part))
        bar.close()
        return [found[i] for i in range(len(rows))]

    def _target_logits(self, rows: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (targets, vocabulary) of the target tokens of all rows, one after the other, and labels (rows, places).

        Only these logits are widened to 32 bits: the other places of a batch took a third of the pass.
        """
        longest = max(len(prompt) + len(target) for prompt, target in rows)
        places = longest - min(max(len(prompt), 1) for prompt, _ in rows) + 1
        ids = torch.full((len(rows), longest), self.tokenizer.pad_token_id, device=self.model.device)
        labels = torch.full_like(ids, IGNORED)
        for index, (prompt, target) in enumerate(rows):
            start, end = max(len(prompt), 1), len(prompt) + len(target)
            ids[index, :end] = torch.tensor([*prompt, *target])
            labels[index, start:end] = ids[index, start:end]
        mask = (torch.arange(longest) < torch.tensor([[len(p) + len(t)] for p, t in rows])).long().to(ids.device)
        logits = self.model(input_ids=ids, attention_mask=mask, logits_to_keep=places).logits[:, :-1]
        wanted = labels[:, -(places - 1) :]
        return logits[wanted != IGNORED].float(), wanted

    def _remember(self, row: tuple[list[int], list[int]], likeliest: list[int]) -> None:
        """Keep how the greedy answer to a prompt begins: the target up to, and the own token at, the first difference."""
        prompt, target = row
        if prompt and self._decoding.temperature == 0:
            same = next((n for n, pair in enumerate(zip(likeliest, target, strict=True)) if pair[0] != pair[1]), len(target))
            self._begun[tuple(prompt)] = likeliest[: same + 1]


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
    """llama.cpp's server with these settings, in this process.

    Raises:
        Failure: the file cannot be loaded.
    """
    import xllamacpp

    try:
        return xllamacpp.Server(settings)
    except RuntimeError as error:
        path = settings.model.path
        raise Failure(f"{path} cannot be loaded by llama.cpp ({error}); is it whole? `dvc repro -f` remakes it") from error


class LlamaCpp:
    """A GGUF file in llama.cpp's server, in this process.

    As many prompts as there are slots go in as one request: they are decoded in step, so that the sums inside, and so
    the answers, are the same in every run.
    """

    def __init__(self, path: Path, slots: int, context: int, threads: int, sampling: Mapping[str, float] = GREEDY) -> None:
        self._server = llama_server(llama_settings(path, slots, context, threads))
        self.together = slots
        self.options: dict[str, Any] = {**sampling, **(ONE if sampling["temperature"] == 0 else {})}  # of every request

    def answer(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        """See `Engine.answer`."""
        return in_order(self.each(prompts, max_new_tokens), len(prompts))

    def each(self, prompts: list[list[int]], max_new_tokens: int) -> Iterator[tuple[int, Answer]]:
        """See `Engine.each`."""
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        for part in batches(order, self.together):
            yield from zip(part, self._ask([prompts[i] for i in part], max_new_tokens), strict=True)

    def _ask(self, prompts: list[list[int]], max_new_tokens: int) -> list[Answer]:
        request = {"prompt": prompts, "n_predict": max_new_tokens, "cache_prompt": False, **self.options}
        reply: Any = self._server.handle_completions(request)
        if isinstance(reply, str):
            reply = json.loads(reply)
        if "choices" not in reply:
            raise Failure(f"llama.cpp refused a prompt: {str(reply)[:200]}")
        found = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
        return [Answer(choice["text"], choice["finish_reason"] == "stop") for choice in found]
