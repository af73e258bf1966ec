r"""The example: one thing to learn or to be tested on, between `prepare` and everything after it.

{"example_id": "1f0c…-3", "task": "extract", "doc_ids": ["1f0c…"], "group": "card-list", "language": "fr",
 "input": "# X200\\n[price] 12 €", "output": {"name": "X200", "price": "12 €", "category": null}}
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages.command import Failure

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Example:
    """One example. `output` is an object for extraction, else a text; continued pretraining has an empty `input`."""

    example_id: str
    task: str
    doc_ids: list[str]
    group: str
    language: str
    input: str
    output: Mapping[str, Any] | str

    @property
    def target(self) -> str:
        """What the model must write: a text as it is, an object as compact JSON in the order of its keys."""
        if isinstance(self.output, str):
            return self.output
        return json.dumps(self.output, ensure_ascii=False)


def write(path: Path, examples: Iterable[Example]) -> int:
    """Write examples as JSON lines; returns how many."""
    lines = [json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in examples]
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)


def read(path: Path, tasks: Iterable[str]) -> Iterator[Example]:
    """Yield the examples of the given tasks.

    Raises:
        Failure: the file does not exist.
    """
    if not path.is_file():
        raise Failure(f"{path} does not exist; run `dvc repro` to make it")
    wanted = set(tasks)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            example = Example(**json.loads(line))
            if example.task in wanted:
                yield example
