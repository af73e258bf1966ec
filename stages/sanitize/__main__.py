"""Clean every document of the store, by MIME type and document type; drop what is useless, each with a reason.

In: `documents-*.parquet` and the ledger beside it. Out: `kept-*.parquet` with Markdown and the steps it went through,
and `dropped-*.parquet`; every file of the raw tree stands in one of the two, once.

    python -m stages.sanitize --store data/documents --clean data/clean

Shards that an earlier run cleaned come from .cache/sanitize (cache.py). With `sanitize.executor: slurm`, `--dry-run` prints
the batch script and ends.
"""

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from stages import command, params
from stages.command import Failure
from stages.documents import read_shards
from stages.params import Sanitize
from stages.sanitize import corpus, executor
from stages.sanitize.cache import Cache
from stages.sanitize.guard import UNSTABLE
from stages.sanitize.pipeline import pipeline

CACHE = Path(".cache/sanitize")
NAMED = ("unreadable", "encrypted", "timeout", "crashed")  # reasons that a person may want to mend
MOST_NAMED = 20


@dataclass
class Summary:
    """What a run did."""

    kept: int = 0
    dropped: int = 0
    cleaned: int = 0  # shards
    cached: int = 0  # shards


def sanitize(store: Path, out: Path, section: Sanitize, cached: Path) -> Summary:
    """Write the clean corpus and its ledger.

    Args:
        store: the document store.
        out: folder to write.
        section: how to clean.
        cached: folder for cleaned shards, of earlier runs and for later ones.

    Raises:
        Failure: there is no store, or a cluster failed.
    """
    shards = store_shards(store)
    cache = Cache(cached, section)
    with cache.run_folder() as folder:
        summary, paths = _cleaned(shards, folder, cache, section)
        found = corpus.corpus_of(paths, folder, section)
        counts = corpus.boilerplate_of(found, section)
        named = 0
        for row in corpus.write(found, counts, store, out, section):
            summary.dropped += 1
            if row["drop_reason"] in NAMED:
                named += 1
                if named <= MOST_NAMED:
                    print(f"warning: sanitize: {row['source_uri']}: {row['detail']}; left out", file=sys.stderr)
        if named > MOST_NAMED:
            print(f"warning: sanitize: {named - MOST_NAMED} more files left out; see {out}/dropped-*.parquet", file=sys.stderr)
        summary.kept = len(found.twins) - summary.dropped
    cache.prune()
    summary.dropped += sum(1 for _ in read_shards(store, "ledger"))
    return summary


def store_shards(store: Path) -> list[Path]:
    """The Parquet files of a store.

    Raises:
        Failure: there are none.
    """
    found = sorted(store.resolve().glob("documents-*.parquet"))
    if not found:
        raise Failure(f"{store} holds no documents-*.parquet; run `dvc repro` to make it")
    return found


def _cleaned(shards: list[Path], folder: Path, cache: Cache, section: Sanitize) -> tuple[Summary, list[Path]]:
    """A cleaned shard in `folder` for every shard of the store, in the same order."""
    targets = {shard: folder / f"{number:05d}.parquet" for number, shard in enumerate(shards)}
    keys = {shard: cache.key(shard) for shard in shards}
    missing = [shard for shard in shards if not cache.take(keys[shard], targets[shard])]
    missing.sort(key=lambda shard: shard.stat().st_size, reverse=True)  # lest a worker be left alone with a large one
    if missing:
        steps = pipeline(section, missing, [targets[shard] for shard in missing])
        documents = sum(pq.read_metadata(shard).num_rows for shard in missing)
        executor.run(steps, len(missing), documents, folder, section)
    for shard in missing:
        if not targets[shard].exists():
            raise Failure(f"sanitize: no task cleaned {shard.name}; run it again, or set sanitize.executor to local to see why")
        if not set(UNSTABLE) & set(pq.read_table(targets[shard], columns=["drop_reason"])["drop_reason"].to_pylist()):
            cache.keep(keys[shard], targets[shard])
    return Summary(cleaned=len(missing), cached=len(shards) - len(missing)), list(targets.values())


def dry_run(store: Path, section: Sanitize, cached: Path) -> str:
    """What would be submitted to Slurm if nothing came from the cache.

    Raises:
        Failure: params.yaml does not ask for Slurm.
    """
    if section.executor != "slurm":
        raise Failure(f"--dry-run shows the batch script of sanitize.executor = slurm; params.yaml has {section.executor}")
    shards = store_shards(store)
    with Cache(cached, section).run_folder() as folder:
        steps = pipeline(section, shards, [folder / shard.name for shard in shards])
        return executor.slurm_script(executor.slurm(steps, len(shards), folder / "logs", section))


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.sanitize", description="Document store to clean corpus.")
    parser.add_argument("--store", type=Path, required=True, help="the document store, e.g. data/documents")
    parser.add_argument("--clean", type=Path, required=True, help="folder to write, e.g. data/clean")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"cleaned shards of earlier runs (default: {CACHE})")
    parser.add_argument("--dry-run", action="store_true", help="print the Slurm script and end")
    arguments = parser.parse_args()
    section = params.load().sanitize
    if arguments.dry_run:
        print(dry_run(arguments.store, section, arguments.cache), end="")
        return
    shutil.rmtree(arguments.clean, ignore_errors=True)
    done = sanitize(arguments.store, arguments.clean, section, arguments.cache)
    print(f"sanitize: {done.kept} documents kept in {arguments.clean}, {done.dropped} files in its ledger")
    print(f"sanitize: {done.cleaned} shards cleaned, {done.cached} from {arguments.cache}")


if __name__ == "__main__":
    command.run(main)
