"""A file of inputs to a file of answers; a killed run goes on where it was.

in.jsonl    {"input": "<div>…"}
out.jsonl   {"output": {"name": "X200"}, "raw": "…"}, in the same order

Answers come in the order of their length, not of their line: until the last one is there they stand beside the output, in
`out.jsonl.answered.partial`, each behind its place and the number of tokens that were cut from its input:

    3f0c…                                   what the answers depend on; with another key they are not taken up
    17 0 {"output": {"name": "X200"}, …}
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from stages.answers import Reply
from stages.command import Failure, progress
from stages.engines.engine import batches, even
from stages.predict.model import Model

PART = 200  # inputs cleaned, sorted by length and put into batches at a time


def read_lines(path: Path, *keys: str) -> list[list[str]]:
    """The texts under these keys in every line of a JSON lines file.

    Raises:
        Failure: the file is missing or not UTF-8, or a line is no object with these texts; the line is named.
    """
    if not path.is_file():
        raise Failure(f"{path} does not exist")
    try:
        lines = path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8: {error}") from error
    found = []
    for number, line in enumerate(lines if lines != [""] else [], start=1):
        try:
            held = json.loads(line)
            texts = [held[key] for key in keys]
        except (ValueError, KeyError, TypeError, RecursionError):
            texts = [None]
        if not all(isinstance(text, str) for text in texts):
            form = ", ".join(f'"{key}": text' for key in keys)
            raise Failure(f"{path}, line {number}: expected {{{form}}}, found {line[:60]!r}")
        found.append(texts)
    return found


def key_of(words: Iterable[str], weights: Path, inputs: list[str]) -> str:
    """A hash of what the answers depend on: settings, the weights' files by size and time, and the inputs."""
    found = hashlib.sha256(json.dumps([*words, inputs]).encode("utf-8"))
    files = [weights] if weights.is_file() else sorted(path for path in weights.rglob("*") if path.is_file())
    for path in files:
        found.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}\n".encode())
    return found.hexdigest()


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Let one process at a time answer into a file.

    Raises:
        Failure: another one does, or it is a folder.
    """
    if target.is_dir():
        raise Failure(f"{target} is a folder; name a file in it: --output {target / 'answers.jsonl'}")
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f"{target.name}.lock.partial"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Failure(f"another process writes {target} already; wait for it, or take another --output") from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def taken_up(journal: Path, key: str) -> dict[int, str]:
    """The answers of a killed run, by place; of another key, none. The line that the kill cut in half goes."""
    content = journal.read_bytes() if journal.is_file() else b""
    head, *lines = content[: content.rfind(b"\n") + 1].decode("utf-8").split("\n")
    if head != key:
        journal.write_text(f"{key}\n", encoding="utf-8")
        return {}
    os.truncate(journal, content.rfind(b"\n") + 1)
    return {int(place): rest for place, _, rest in (line.partition(" ") for line in lines if line)}


def line_of(reply: Reply) -> str:
    """What the output says of a reply."""
    return json.dumps({"output": reply.output, "raw": reply.raw}, ensure_ascii=False)


def _answers(model: Model, inputs: list[str], found: Collection[int]) -> Iterator[tuple[int, Reply]]:
    """Replies as they come, of all batches that are not wholly found: the sums inside, and so the answers, of a prompt can
    depend on the other prompts in its batch; a run that was killed makes up the batches of one that was not.
    """
    for start in range(0, len(inputs), PART):
        places = range(start, min(start + PART, len(inputs)))
        if all(place in found for place in places):
            continue
        encoded = {place: model.encode(inputs[place]) for place in places}
        order = sorted(places, key=lambda place: len(encoded[place].ids))
        for batch in batches(order, even(len(order), model.engine.together)):
            if any(place not in found for place in batch):
                yield from ((batch[index], reply) for index, reply in model.each([encoded[place] for place in batch]))


def answer_file(model: Model, inputs: list[str], target: Path, key: str) -> dict[int, int]:
    """Answer all inputs into a file of JSON lines, which is there when the last one is.

    Returns:
        How many tokens were cut from which line of the input (counted from 1), where any were.
    """
    journal = target.with_name(f"{target.name}.answered.partial")
    found = taken_up(journal, key)
    with journal.open("a", encoding="utf-8") as out:
        bar = progress(total=len(inputs), initial=len(found), desc="answers", unit="input")
        for place, reply in _answers(model, inputs, frozenset(found)):
            bar.update(place not in found)
            found[place] = f"{reply.n_cut} {line_of(reply)}"
            out.write(f"{place} {found[place]}\n")
            out.flush()  # what is written survives a kill of the process
        bar.close()
    parts = [found[place].partition(" ") for place in range(len(inputs))]
    write(target, (line for _, _, line in parts))
    journal.unlink()
    return {number: int(n_cut) for number, (n_cut, _, _) in enumerate(parts, start=1) if int(n_cut)}


def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines, beside the target first: a broken run leaves no half a file."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in lines)
    os.replace(partial, path)
