"""Make examples of the clean corpus and split them, so that nothing of a test group is ever trained on.

In: `kept-*.parquet`. Out: `{train,valid,test}.jsonl`, `rejected.jsonl`: items with their index and a reason, among
them (reason `leak`) the near-duplicates of test inputs that were found among the training inputs.

    python -m stages.prepare --clean data/clean --examples data/examples
"""

import argparse
import json
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path

from stages import command, examples, params
from stages.command import Failure
from stages.documents import Row, read_shards, shard_of
from stages.duplicates import Twins, signature
from stages.examples import Example
from stages.params import Prepare
from stages.prepare.tasks import TASKS, Rejected

BUCKETS = 10_000


def split_of(group: str, section: Prepare) -> str:
    """The split of a group, from a hash of its name: adding other groups moves nothing."""
    place = shard_of(f"{section.salt}/{group}", BUCKETS) / BUCKETS
    if place < section.test_share:
        return "test"
    return "valid" if place < section.test_share + section.valid_share else "train"


def prepare(documents: list[Row], section: Prepare) -> tuple[dict[str, list[Example]], list[Rejected]]:
    """All examples of all tasks by split, and what was rejected."""
    splits: dict[str, list[Example]] = {split: [] for split in examples.SPLITS}
    rejected: list[Rejected] = []
    for document in sorted(documents, key=lambda row: str(row["source_uri"])):
        for make in TASKS.values():
            for item in make(document, section):
                if isinstance(item, Rejected):
                    rejected.append(item)
                else:
                    splits[document["split"] or split_of(item.group, section)].append(item)
    return splits, rejected


def without_leaks(splits: dict[str, list[Example]], section: Prepare) -> tuple[dict[str, list[Example]], list[Rejected]]:
    """Move out of train and valid what nearly repeats the input (or, without one, the text) of a test example."""
    twins = Twins(section.near_duplicates)
    for example in splits["test"]:
        twins.remember(example.example_id, signature(example.input or example.target, section.near_duplicates))
    clean, leaks = {"test": splits["test"]}, []
    for split in ("train", "valid"):
        clean[split] = []
        for example in splits[split]:
            twin = twins.nearest(signature(example.input or example.target, section.near_duplicates))
            if twin:
                index = int(example.example_id.rsplit("-", 1)[1])
                leaks.append(Rejected(example.doc_ids[0], index, "leak", f"of {twin[0]}, similarity {twin[1]:.2f}"))
            else:
                clean[split].append(example)
    return clean, leaks


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.prepare", description="Clean corpus to examples, split without leakage.")
    parser.add_argument("--clean", type=Path, required=True, help="the clean corpus, e.g. data/clean")
    parser.add_argument("--examples", type=Path, required=True, help="folder to write, e.g. data/examples")
    arguments = parser.parse_args()
    section = params.load().prepare
    shutil.rmtree(arguments.examples, ignore_errors=True)
    documents = list(read_shards(arguments.clean, "kept"))
    splits, rejected = prepare(documents, section)
    splits, leaks = without_leaks(splits, section)
    uris = {document["doc_id"]: document["source_uri"] for document in documents}
    leaks = [replace(leak, source_uri=uris[leak.source_uri]) for leak in leaks]
    for item in rejected[:20]:
        print(f"warning: prepare: {item.source_uri}, item {item.index}: {item.reason}: {item.detail}", file=sys.stderr)
    if not splits["train"]:
        raise Failure(f"prepare: no training examples in {arguments.clean}; see its dropped-*.parquet and the items above")
    _write(arguments.examples, splits, rejected, leaks)
    counts = ", ".join(f"{len(splits[split])} {split}" for split in examples.SPLITS)
    print(f"prepare: {counts}; {len(rejected)} rejected, {len(leaks)} leaks removed")


def _write(out: Path, splits: dict[str, list[Example]], rejected: list[Rejected], leaks: list[Rejected]) -> None:
    out.mkdir(parents=True)
    for split in examples.SPLITS:
        examples.write(out / f"{split}.jsonl", splits[split])
    lines = [json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in (*rejected, *leaks)]
    (out / "rejected.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    command.run(main)
