"""Follow a document from its bytes to its tokens: what every stage made of it, or why it went no further.

    python -m stages.trace manual/drill.md          a path below data/raw, as in the ledger
    python -m stages.trace 'faq/*.html'             several: a pattern as in a shell
    python -m stages.trace a2f59bdfa9707516         a doc_id
    python -m stages.trace a2f59bdfa9707516-faq-3   an example_id: back from a token row to its document, and the row's
                                                    text: what is prompt, and in green what is label

It reads what the stages left in data/ and computes nothing; the text of a token row needs the base's tokenizer.
"""

import argparse
import fnmatch
import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stages import command
from stages.command import Failure
from stages.documents import Row
from stages.examples import SPLITS

DOC_ID = re.compile(r"[0-9a-f]{16}")
EXAMPLE_ID = re.compile(r"([0-9a-f]{16})-\w+-\d+(\.\d+)?")
IGNORED = -100  # the label of what is prompt
SHOWN = 12  # examples of one document
STORED = ("doc_id", "mime", "mime_declared", "mime_detected", "mime_score", "charset", "charset_evidence", "bytes", "doc_type",
          "doc_type_score", "language", "licence", "date", "fault")  # fmt: skip


def rows(folder: Path, stem: str, column: str, values: set[str], without: tuple[str, ...] = ()) -> Iterator[Row]:
    """The rows of all shards of `stem` whose column holds one of these values; only they are read whole."""
    for path in sorted(folder.glob(f"{stem}-*.parquet")):
        file = pq.ParquetFile(path)
        names = [name for name in file.schema_arrow.names if name not in without]
        for group in range(file.num_row_groups):
            column_values = file.read_row_group(group, columns=[column])[column].to_pylist()
            if not values.isdisjoint(column_values):
                table = file.read_row_group(group, columns=names)
                yield from table.filter(pc.is_in(table[column], value_set=pa.array(sorted(values)))).to_pylist()


def matching(data: Path, query: str) -> dict[str, str]:
    """The documents and files that a query means: doc_id -> source_uri, in the order of source_uri.

    Raises:
        Failure: the store is missing, or nothing matches.
    """
    store = data / "documents"
    if not any(store.glob("documents-*.parquet")):
        raise Failure(f"{store} holds no documents-*.parquet; run `dvc repro` to make it, or `dvc pull`")
    known: dict[str, str] = {}
    for stem in ("documents", "ledger"):
        for path in sorted(store.glob(f"{stem}-*.parquet")):
            table = pq.read_table(path, columns=["doc_id", "source_uri"])
            known |= dict(zip(table["doc_id"].to_pylist(), table["source_uri"].to_pylist(), strict=True))
    example = EXAMPLE_ID.fullmatch(query)
    wanted = example.group(1) if example else query
    found = {doc_id: uri for doc_id, uri in known.items() if wanted in (doc_id, uri)}
    if not found:
        found = {doc_id: uri for doc_id, uri in known.items() if fnmatch.fnmatchcase(uri, query)}
    if not found:
        raise Failure(
            f"no document is {query!r}; give a doc_id, a path such as {min(known.values(), default='a/b.md')}, or a pattern"
        )
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def life(data: Path, doc_id: str, only: str | None = None) -> dict[str, Any]:
    """All that the stages recorded of one document.

    Returns:
        `stored`, `kept` and `dropped` (a row or None), `examples` (with their split), `rejected` (also by tokenize),
        `tokens` (example_id -> token rows with their adapter, with token ids where `only` names one example), each as far
        as the stages have run.
    """
    one = {doc_id}
    stored = next(rows(data / "documents", "documents", "doc_id", one, without=("content",)), None)
    kept = next(rows(data / "clean", "kept", "doc_id", one), None)
    dropped = next(rows(data / "clean", "dropped", "doc_id", one), None)
    dropped = dropped or next(rows(data / "documents", "ledger", "doc_id", one), None)
    examples = [line for line in _examples(data / "examples", doc_id) if only in (None, line["example_id"])]
    rejected = _rejected(data / "examples", (stored or dropped or {}).get("source_uri"))
    return {
        "stored": stored,
        "kept": kept,
        "dropped": dropped,
        "examples": examples,
        "rejected": [
            *(line for line in rejected if only is None or line["index"] == _index(only)),
            *_refused(data / "tokens", {line["example_id"] for line in examples}),
        ],
        "tokens": _tokens(data / "tokens", {line["example_id"] for line in examples}, () if only else ("input_ids", "labels")),
    }


def _index(example_id: str) -> int:
    return int(example_id.rsplit("-", 1)[1].split(".")[0])


def _lines(path: Path) -> Iterator[Row]:
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file)


def _examples(folder: Path, doc_id: str) -> Iterator[Row]:
    for split in SPLITS:
        for line in _lines(folder / f"{split}.jsonl"):
            if doc_id in line["doc_ids"]:
                yield {**line, "split": split}


def _rejected(folder: Path, source_uri: str | None) -> Iterator[Row]:
    return (line for line in _lines(folder / "rejected.jsonl") if line["source_uri"] == source_uri)


def _refused(folder: Path, example_ids: set[str]) -> Iterator[Row]:
    for path in sorted(folder.glob("*/rejected.jsonl")):
        for line in _lines(path):
            if line["example_id"] in example_ids:
                yield {"index": line["example_id"].rsplit("-", 1)[1], **line, "detail": f"{path.parent.name}: {line['detail']}"}


def _tokens(folder: Path, example_ids: set[str], without: tuple[str, ...]) -> dict[str, list[Row]]:
    """A long text, and an example with a weight above one, has several rows."""
    found: dict[str, list[Row]] = {}
    for adapter in sorted(folder.glob("*")):
        for split in SPLITS:
            for row in rows(adapter, split, "example_id", example_ids, without):
                found.setdefault(row["example_id"], []).append({**row, "adapter": adapter.name})
    return found


def show(console: Console, source_uri: str, found: dict[str, Any]) -> None:
    """Print the life of one document."""
    console.rule(f"[bold]{escape(source_uri)}", align="left")
    _show_stored(console, found["stored"])
    if found["kept"]:
        _show_kept(console, found["kept"])
    if found["dropped"]:
        _show_steps(console, found["dropped"].get("steps") or [])
        console.print(f"[red]dropped[/]: {found['dropped']['drop_reason']}: {escape(str(found['dropped']['detail']))}")
    elif not found["kept"]:
        console.print("[yellow]not sanitized yet[/]: run `dvc repro sanitize`")
    _show_examples(console, found)
    console.print()


def _show_stored(console: Console, stored: Row | None) -> None:
    if stored is None:
        console.print("not stored")
        return
    facts = [f"{name} {stored[name]}" for name in STORED if stored.get(name) not in (None, "")]
    console.print(f"[green]stored[/]: {escape(', '.join(facts))}")
    origin = ", ".join(f"{key} by {who}" for key, who in sorted(dict(stored.get("origin") or {}).items()))
    if origin:
        console.print(f"  declared: {escape(origin)}")


def _show_steps(console: Console, steps: list[Row]) -> None:
    table = Table("step", "in", "out", "notes", title_justify="left", box=None, padding=(0, 2))
    for step in steps:
        table.add_row(
            step["step"], f"{step['chars_in']:,}", f"{step['chars_out']:,}", escape("; ".join(step.get("notes") or []))
        )
    if steps:
        console.print(table)


def _show_kept(console: Console, kept: Row) -> None:
    _show_steps(console, kept["steps"])
    score = "" if kept["language_score"] is None else f" ({kept['language_score']})"
    pii = ", ".join(f"{count} {name}" for name, count in sorted(dict(kept["pii"] or {}).items())) or "none"
    console.print(
        f"[green]kept[/]: {len(kept['text']):,} characters, title {escape(repr(kept['title']))}, "
        f"language {kept['language']}{score}, personal data: {pii}"
    )


def _show_examples(console: Console, found: dict[str, Any]) -> None:
    for line in found["examples"][:SHOWN]:
        for row in found["tokens"].get(line["example_id"], [None]):
            counts = "no token row"
            if row:
                counts = f"{row['adapter']}: {row['n_prompt']} + {row['n_target']} tokens, {row['n_cut']} cut"
            console.print(f"[green]example[/] {line['example_id']} in {line['split']}: {counts}")
    if len(found["examples"]) > SHOWN:
        every = [row for made in found["tokens"].values() for row in made]
        cut = sum(1 for row in every if row["n_cut"])
        console.print(f"  … {len(found['examples'])} examples in all, {len(every)} token rows, {cut} of them shortened")
    for line in found["rejected"][:SHOWN]:
        console.print(f"[red]rejected[/] item {line['index']}: {line['reason']}: {escape(line['detail'])}")
    if len(found["rejected"]) > SHOWN:
        console.print(f"  … {len(found['rejected'])} rejected in all")
    if found["kept"] and not found["examples"] and not found["rejected"]:
        console.print(
            f"no example: no task makes any of a document of type {found['kept']['doc_type']}, or `prepare` has not run"
        )


def show_row(console: Console, row: Row, tokenizer: Any) -> None:
    """Print the text of a token row: the prompt dim, the label green, each between its own tokens."""
    console.rule(f"{row['adapter']}, {row['n_prompt']} + {row['n_target']} tokens", style="dim", align="left")
    for labelled, part in groupby(zip(row["input_ids"], row["labels"], strict=True), lambda pair: pair[1] != IGNORED):
        text = tokenizer.decode([token for token, _ in part])
        console.print(Text(text, style="bold green" if labelled else "dim"), end="")
    console.print()


def show_rows(console: Console, token_rows: list[Row], base: Path) -> None:
    """Print the text of every token row of an example, if the base's tokenizer is there."""
    if not (base / "config.json").is_file():
        console.print(f"{base} is not there to read the token rows: run `dvc repro base`, or name another with --base")
        return
    from transformers import AutoTokenizer  # seconds to import: only where a row is read

    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    for row in token_rows:
        show_row(console, row, tokenizer)


def require_example(data: Path, doc_id: str, uri: str, only: str) -> None:
    """Refuse an example_id that its document does not have.

    Raises:
        Failure: it stands neither among the examples nor among the rejected items.
    """
    known = [line["example_id"] for line in _examples(data / "examples", doc_id)]
    if only not in known and all(line["index"] != _index(only) for line in _rejected(data / "examples", uri)):
        has = f"{len(known)}, from {known[0]} to {known[-1]}" if known else "none"
        raise Failure(f"no example {only!r}; {uri} has {has}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="stages.trace",
        description="What happened to a document, step by step: stored, cleaned or dropped, examples, tokens.",
        epilog="e.g. manual/drill.md, 'faq/*.html', a2f59bdfa9707516 (a doc_id), a2f59bdfa9707516-faq-3 (an example_id)",
    )
    parser.add_argument("query", help="a path below the raw root, a pattern in quotes, a doc_id or an example_id")
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="folder of documents, clean, examples, tokens (default: data)"
    )
    parser.add_argument("--base", type=Path, default=Path("models/base"), help="its tokenizer reads token rows (models/base)")
    parser.add_argument("--limit", type=int, default=20, help="documents shown at most (default: 20)")
    arguments = parser.parse_args()
    found = matching(arguments.data, arguments.query)
    console = Console(highlight=False, soft_wrap=True)
    only = arguments.query if EXAMPLE_ID.fullmatch(arguments.query) else None
    for doc_id, uri in list(found.items())[: arguments.limit]:
        if only:
            require_example(arguments.data, doc_id, uri, only)
        lived = life(arguments.data, doc_id, only)
        show(console, uri, lived)
        if only and lived["tokens"]:
            show_rows(console, lived["tokens"][only], arguments.base)
    if len(found) > arguments.limit:
        console.print(f"{len(found) - arguments.limit} more documents match; --limit shows them")


if __name__ == "__main__":
    command.run(main)
