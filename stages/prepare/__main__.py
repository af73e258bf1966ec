"""Make examples of the clean corpus and split them, so that nothing of a test group is ever trained on.

In: `kept-*.parquet`. Out: `{train,valid,test}.jsonl`; `rejected.jsonl`: items with their index and a reason, among them
(reason `leak`) the training examples that nearly repeat a test example; `examples.json`: how many leaks were found and,
counted by another method, are left, and which groups follow another document's split.

    python -m stages.prepare --clean data/clean --examples data/examples
"""

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages import command, examples, params
from stages.command import Failure
from stages.documents import Row, read_shards
from stages.examples import Example
from stages.params import Prepare
from stages.prepare import continued, extract, faq, leaks, raft
from stages.prepare.rows import Pair, Rejected, pairs
from stages.prepare.splits import Splits

Made = Callable[[Row, Prepare], Iterator[Example | Rejected]]
TASKS: dict[str, Made] = {"extract": extract.examples, "faq": faq.examples, "continue": continued.examples}
BY_DOCUMENT = "document"  # prepare.group_by: every document is a group


@dataclass(frozen=True)
class Prepared:
    """All examples by split, what was rejected, and the counts for `metrics/data.json`."""

    splits: dict[str, list[Example]]
    rejected: list[Rejected]
    counts: dict[str, Any]


def prepare(documents: list[Row], section: Prepare) -> Prepared:
    """All examples of all tasks, split without leakage.

    Raises:
        Failure: a group is forced into two splits.
    """
    made: list[tuple[Row, Example]] = []
    rejected: list[Rejected] = []
    known_answers: set[str] = set()
    columns: set[str] = set()
    for document in sorted(documents, key=lambda row: str(row["source_uri"])):
        before = len(made), len(rejected)
        for item in _items(document, section):
            if isinstance(item, Rejected):
                rejected.append(item)
            elif isinstance(item, Pair):
                columns |= set(item.row)
                if item.row.get(section.columns.rewords):
                    known_answers |= {f"{document['doc_id']}-{task}-{item.place}" for task in ("faq", "raft")}
            else:
                made.append((document, item))
        if before == (len(made), len(rejected)):
            rejected.append(_useless(document, section))
    _warn_of_groups(columns, section)
    return _split(made, rejected, known_answers, section)


def _items(document: Row, section: Prepare) -> Iterator[Example | Rejected | Pair]:
    """The rows of a document that is a table, and the examples of every task."""
    yield from pairs(document, section)
    for task, make in TASKS.items():
        if task in section.tasks:
            yield from make(document, section)


def _useless(document: Row, section: Prepare) -> Rejected:
    detail = f"doc_type {document['doc_type']}, {document['mime']}: no example of {', '.join(section.tasks)}"
    return Rejected(document["source_uri"], 0, "no_task", detail)


def _check_fields(made: list[Example], section: Prepare) -> None:
    objects = [example.output for example in made if not isinstance(example.output, str)]
    absent = [field for field in section.fields if all(output.get(field) is None for output in objects)]
    if objects and absent:
        raise Failure(
            f"prepare: no row has {', '.join(absent)}, which prepare.fields names; take it out there, "
            "or name the columns of your rows in prepare.columns"
        )


def _warn_of_groups(columns: set[str], section: Prepare) -> None:
    if columns and section.group_by not in (*columns, BY_DOCUMENT):
        print(
            f"warning: prepare: no row has the column prepare.group_by = {section.group_by!r}; "
            f"every document is one group (set it to {BY_DOCUMENT} to say so)",
            file=sys.stderr,
        )


def _split(made: list[tuple[Row, Example]], rejected: list[Rejected], known_answers: set[str], section: Prepare) -> Prepared:
    where = Splits(made, section)
    moved = {reason for document, example in made if (reason := where.why_moved(document, example.group))}
    splits: dict[str, list[Example]] = {split: [] for split in examples.SPLITS}
    for _, example in made:
        splits[where.of(example.group)].append(example)
    uris = {document["doc_id"]: document["source_uri"] for document, _ in made}
    found = _remove_leaks(splits, known_answers, section)
    if "raft" in section.tasks:
        rejected = rejected + _add_raft(splits, uris, section)
        found += _remove_leaks(splits, known_answers, section)  # of the new rows: the others are clean
    left = sum(
        watch.count(splits[split])
        for watch in leaks.watches(splits["test"], known_answers, section)
        for split in ("train", "valid")
    )
    on_purpose = sum(example.example_id in known_answers for example in splits["test"])
    return Prepared(
        splits,
        [*rejected, *(leak.rejection(uris) for leak in found)],
        {
            "leaks": {"found": len(found), "left": left, "answers_known_on_purpose": on_purpose},
            "groups_moved": sorted(moved),
        },
    )


def _remove_leaks(splits: dict[str, list[Example]], known_answers: set[str], section: Prepare) -> list[leaks.Leak]:
    guards = leaks.watches(splits["test"], known_answers, section)
    found: list[leaks.Leak] = []
    for split in ("train", "valid"):
        splits[split], gone = leaks.without_leaks(splits[split], guards)
        found += gone
    return found


def _add_raft(splits: dict[str, list[Example]], uris: dict[str, str], section: Prepare) -> list[Rejected]:
    """Add the rows of `raft` to every split, each from passages of its own split only; returns the rejections."""
    rejected: list[Rejected] = []
    for found in splits.values():
        shelf = raft.Shelf(found, section)
        rows = [row for example in found if example.task == "faq" for row in raft.examples(example, shelf, section)]
        found += [row for row in rows if isinstance(row, Example)]
        rejected += [
            Rejected(uris[row.source_uri], row.index, row.reason, row.detail) for row in rows if isinstance(row, Rejected)
        ]
    return rejected


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.prepare", description="Clean corpus to examples, split without leakage.")
    parser.add_argument("--clean", type=Path, required=True, help="the clean corpus, e.g. data/clean")
    parser.add_argument("--examples", type=Path, required=True, help="folder to write, e.g. data/examples")
    arguments = parser.parse_args()
    section = params.load().prepare
    shutil.rmtree(arguments.examples, ignore_errors=True)
    found = prepare(list(read_shards(arguments.clean, "kept")), section)
    for item in [item for item in found.rejected if item.reason not in ("leak", "no_task")][:20]:
        print(f"warning: prepare: {item.source_uri}, item {item.index}: {item.reason}: {item.detail}", file=sys.stderr)
    _check_fields([example for items in found.splits.values() for example in items], section)
    _check_splits(found, section, arguments.clean)
    _write(arguments.examples, found)
    counts = ", ".join(f"{len(found.splits[split])} {split}" for split in examples.SPLITS)
    reasons = Counter(item.reason for item in found.rejected)
    shown = "".join(f", {n} {reason}" for reason, n in sorted(reasons.items()))
    print(f"prepare: {counts}; {len(found.rejected)} in the ledger{shown}")


def _check_splits(found: Prepared, section: Prepare, clean: Path) -> None:
    sizes = {split: len(found.splits[split]) for split in examples.SPLITS}
    if not sizes["train"]:
        raise Failure(f"prepare: no training examples in {clean}; see its dropped-*.parquet and the items above")
    if not sizes["test"]:
        raise Failure(
            f"prepare: no test examples (prepare.test_share = {section.test_share}, {sizes['train']} for training); raise it, "
            "change prepare.salt, or give a document `split: test`"
        )
    if found.counts["leaks"]["left"]:
        raise Failure(
            f"prepare: {found.counts['leaks']['left']} training examples still nearly repeat a test example; "
            "raise prepare.near_duplicates.permutations"
        )
    if not sizes["valid"]:
        print("warning: prepare: no validation examples: training will show no validation loss", file=sys.stderr)


def _write(out: Path, found: Prepared) -> None:
    out.mkdir(parents=True)
    for split in examples.SPLITS:
        examples.write(out / f"{split}.jsonl", found.splits[split])
    lines = [json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in found.rejected]
    (out / "rejected.jsonl").write_text("".join(lines), encoding="utf-8")
    (out / "examples.json").write_text(json.dumps(found.counts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command.run(main)
