"""Whether a GGUF file is the merged model: it must answer, and predict held-out text about as well.

{"perplexity": 8.42, "perplexity_of_merged": 8.42}
"""

import math
from pathlib import Path

import torch

from stages import checkpoint, examples, native
from stages.command import Failure
from stages.engines.llama import LlamaCpp
from stages.params import Gguf, Task
from stages.prompt import Prompter

ROW_TOKENS = 256  # of a held-out row
SMOKE_TOKENS = 8


def held_out(path: Path, tasks: list[Task], prompter: Prompter, count: int) -> list[list[int]]:
    """Token ids of the first held-out examples, prompt and target."""
    rows = []
    for item in list(examples.read(path, tasks))[:count]:
        prompt = [] if item.task == "continue" else prompter.encode(item.task, item.input, ROW_TOKENS).ids
        rows.append((prompt + prompter.encode_target(item.target))[:ROW_TOKENS])
    return [row for row in rows if len(row) > 1]


@torch.inference_mode()
def loss_of_merged(merged: Path, rows: list[list[int]], threads: int) -> float:
    """Mean cross-entropy of the merged model by transformers in float32, in nats a token."""
    torch.set_num_threads(threads)
    model, _ = checkpoint.load(merged, "float32", None)
    total = 0.0
    for row in rows:
        ids = torch.tensor([row], device=model.device)
        logits = model(input_ids=ids).logits[0, :-1].float()
        total += float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
    return total / sum(len(row) - 1 for row in rows)


def loss_of_file(path: Path, rows: list[list[int]], threads: int) -> float:
    """The same by llama.cpp from a GGUF file."""
    found = native.read(path, [([], row) for row in rows], threads)
    return sum(told.nats for told in found) / sum(len(told.likeliest) for told in found)


def compared(path: Path, rows: list[list[int]], wanted: float, section: Gguf) -> dict[str, float]:
    """Perplexity of a file beside that of the merged model.

    Raises:
        Failure: an f16 file, which loses nothing but roundings, is further off than the threshold.
    """
    found = loss_of_file(path, rows, section.threads)
    if path.stem == "f16" and not abs(found - wanted) <= section.max_f16_loss_difference:
        raise Failure(
            f"gguf: held-out text costs f16.gguf {found:.4f} nats a token in llama.cpp and the merged model {wanted:.4f} in "
            f"transformers: more than gguf.max_f16_loss_difference = {section.max_f16_loss_difference} apart; nothing is kept"
        )
    return {"perplexity": math.exp(found), "perplexity_of_merged": math.exp(wanted)}


def smoke(path: Path, prompt: list[int], section: Gguf) -> None:
    """Refuse a file with which llama.cpp cannot answer.

    Raises:
        Failure: it cannot be loaded, or answers nothing, not even that it has ended.
    """
    answer = LlamaCpp(path, 1, section.context, section.threads).answer([prompt], SMOKE_TOKENS)[0]
    if not answer.text and not answer.stopped:
        raise Failure(f"gguf: llama.cpp answers nothing with {path.name}")
