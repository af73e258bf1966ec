"""Examples as rows of token ids: what is prompt and what is target, what was cut, what is refused and why.

example_id  input_ids               n_prompt  n_target  n_cut  reason
1f0c…-3     [1, 9690, …, 25, 2]     118       34        0      ""
1f0c…-4     []                      0         1300      0      "target_too_long"

A target is never cut. A prompt that is too long loses the middle of its input, or the example is refused. Continued text
that is too long becomes several rows, cut at paragraph ends, else at line ends, sentence ends, words.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from stages.checkpoint import IGNORED
from stages.command import Failure
from stages.examples import Example
from stages.params import Tokenize
from stages.portions import portions
from stages.prompt import Prompter

ROWS = pa.schema(
    [("example_id", pa.string()), ("input_ids", pa.list_(pa.int32())), ("n_prompt", pa.int32()), ("n_target", pa.int32()),
     ("n_cut", pa.int32()), ("reason", pa.string()), ("detail", pa.string())]
)  # fmt: skip
SHARD = ("example_id", "input_ids", "labels", "n_prompt", "n_target", "n_cut")  # the columns of data/tokens/*/*.parquet

TokenRow = dict[str, Any]


def token_rows(found: list[Example], prompter: Prompter, section: Tokenize) -> list[list[TokenRow]]:
    """The rows of each example: one, or several for a long continued text; a refused one has a reason."""
    texts = iter(prompter.encode_texts([example.target for example in found if example.task == "continue"]))
    asked = [example for example in found if example.task != "continue"]
    prompts = iter(prompter.ids([prompter.text(example.task, example.input) for example in asked]))
    targets = iter(prompter.encode_targets([example.target for example in asked]))
    return [
        _text_rows(example, next(texts), prompter, section)
        if example.task == "continue"
        else [_row(example, next(prompts), next(targets), prompter, section)]
        for example in found
    ]


def _row(example: Example, prompt: list[int], target: list[int], prompter: Prompter, section: Tokenize) -> TokenRow:
    room = section.max_seq_len - len(target)
    if room <= 0:
        return _refused(example, "target_too_long", f"{len(target)} tokens >= {section.max_seq_len}", len(target))
    if len(prompt) <= room:
        return _made(example, prompt, target, 0)
    detail = f"{len(prompt)} + {len(target)} tokens > {section.max_seq_len}"
    if section.too_long == "reject" or example.task == "raft":  # what a raft row loses may be its oracle
        return _refused(example, "too_long", detail, len(target))
    try:
        encoded = prompter.encode(example.task, example.input, room)
    except Failure:
        return _refused(example, "no_room", detail, len(target))
    return _made(example, encoded.ids, target, encoded.n_cut)


def _text_rows(example: Example, whole: list[int], prompter: Prompter, section: Tokenize) -> list[TokenRow]:
    start = prompter.start
    if len(start) + len(whole) <= section.max_seq_len:
        return [_made(example, start, whole, 0)]
    parts = portions(example.target, section.max_seq_len - len(start), prompter)
    return [_made(example, start, part, 0) for part in parts]


def _made(example: Example, prompt: list[int], target: list[int], n_cut: int) -> TokenRow:
    return {
        "example_id": example.example_id, "input_ids": prompt + target, "n_prompt": len(prompt),
        "n_target": len(target), "n_cut": n_cut, "reason": "", "detail": "",
    }  # fmt: skip


def _refused(example: Example, reason: str, detail: str, n_target: int) -> TokenRow:
    return {
        "example_id": example.example_id, "input_ids": [], "n_prompt": 0,
        "n_target": n_target, "n_cut": 0, "reason": reason, "detail": detail,
    }  # fmt: skip


def table_of(rows: list[TokenRow]) -> pa.Table:
    """Rows as an Arrow table."""
    return pa.Table.from_pylist(rows, schema=ROWS)


def with_labels(table: pa.Table) -> pa.Table:
    """The columns of a shard: labels are the token ids of the target, and nothing on the prompt."""
    ids = table["input_ids"].combine_chunks()
    lengths = ids.value_lengths().to_numpy()
    flat = ids.flatten().to_numpy()
    place = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    labels = np.where(place < np.repeat(table["n_prompt"].to_numpy(), lengths), IGNORED, flat).astype(np.int32)
    columns = {name: table[name] for name in ("example_id", "n_prompt", "n_target", "n_cut")}
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    columns |= {"input_ids": ids, "labels": pa.ListArray.from_arrays(pa.array(offsets), pa.array(labels))}
    return pa.table({name: columns[name] for name in SHARD})
