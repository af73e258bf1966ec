"""DVC with many documents and a big model, against an S3 server on this machine: seconds and peak memory of each step.

    python -m benchmarks.storage --documents 50000 --gigabytes 2

Prints a Markdown table. A step that takes longer than --limit seconds is ended and shown as such. Everything stands below one
temporary folder, which is removed.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from stages.command import Failure, run
from stages.storage import loopback, server

ROOT = Path(__file__).parent.parent
DOCUMENT_BYTES = 2000
STEPS = {
    "add": ["dvc", "add", "-q", "data"],
    "first repro": ["dvc", "repro", "-q"],
    "no-op repro": ["dvc", "repro", "-q"],
    "push": [sys.executable, "-m", "stages.storage", "push"],
    "push again": [sys.executable, "-m", "stages.storage", "push"],
    "check --exists-only": [sys.executable, "-m", "stages.storage", "check", "--exists-only"],
    "pull in a new clone": [sys.executable, "-m", "stages.storage", "pull"],
    "check": [sys.executable, "-m", "stages.storage", "check"],
}
GRAPH = "stages:\n  count:\n    cmd: ls data > count.txt\n    deps: [data]\n    outs: [count.txt]\n"


@dataclass(frozen=True)
class Cost:
    """What one command took: seconds, and the peak of its resident memory in MB."""

    seconds: float
    megabytes: float
    ended: bool

    def __str__(self) -> str:
        """A table cell."""
        return f"over {self.seconds:.0f} s" if self.ended else f"{self.seconds:.1f} s, {self.megabytes:.0f} MB"


def measure(words: list[str], root: Path, limit: float) -> Cost:
    """Run a command to its end or to the limit.

    Raises:
        Failure: it failed.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(root.parent / "site"),
    }
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    started = time.monotonic()
    with (root.parent / "log").open("w") as log:
        process = subprocess.Popen(words, cwd=root, env=environment, stdout=log, stderr=log)
        while True:
            found, status, usage = os.wait4(process.pid, os.WNOHANG)
            seconds = time.monotonic() - started
            if found or seconds > limit:
                break
            time.sleep(0.02)
        if not found:
            process.kill()
            os.wait4(process.pid, 0)
            return Cost(limit, 0, True)
    if status != 0:
        raise Failure(f"benchmark: {' '.join(words)} failed: {(root.parent / 'log').read_text(encoding='utf-8')[-500:]}")
    return Cost(seconds, usage.ru_maxrss / 1000, False)


def documents(folder: Path, number: int) -> None:
    """Text files of made-up words, 1,000 in a folder."""
    dice = random.Random(1)
    for index in range(number):
        path = folder / f"{index // 1000:03}" / f"{index:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dice.randbytes(DOCUMENT_BYTES // 2).hex(), encoding="utf-8")


def as_archive(folder: Path, number: int) -> None:
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made, tarfile.open(folder / "documents.tar", "w") as archive:
        documents(Path(made), number)
        archive.add(made, "documents")


def as_lines(folder: Path, number: int) -> None:
    dice = random.Random(1)
    folder.mkdir(parents=True)
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as out:
        for index in range(number):
            out.write(json.dumps({"id": index, "text": dice.randbytes(DOCUMENT_BYTES // 2).hex()}) + "\n")


def as_model(folder: Path, gigabytes: float) -> None:
    folder.mkdir(parents=True)
    with (folder / "model.safetensors").open("wb") as out:
        for seed in range(int(gigabytes * 100)):
            out.write(random.Random(seed).randbytes(10_000_000))


def repository(root: Path, found: loopback.Server) -> None:
    """An empty DVC repository with one stage that reads data/, connected to the server."""
    (root / ".dvc").mkdir(parents=True)
    for name in (".dvc/config", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, root / name)
    (root / "dvc.yaml").write_text(GRAPH, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)  # noqa: S607
    loopback.connect(root, found)


def steps(root: Path, limit: float) -> dict[str, Cost]:
    """Every step in turn; the last one in a copy of what Git would hold."""
    costs = {}
    for name, words in STEPS.items():
        place = root
        if name.startswith("pull"):
            place = root.with_name(f"{root.name}-clone")
            (place / ".dvc").mkdir(parents=True)
            for file in ("dvc.yaml", "dvc.lock", "data.dvc", ".dvc/config", ".dvc/config.local"):
                shutil.copy(root / file, place / file)
            subprocess.run(["git", "init", "-q"], cwd=place, check=True)  # noqa: S607
        costs[name] = measure(words, place, limit)
        print(f"{root.name}: {name}: {costs[name]}", file=sys.stderr, flush=True)
        if costs[name].ended:
            break
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.storage", description="DVC with many documents and a big model.")
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--limit", type=float, default=600, help="seconds that one step may take")
    parser.add_argument("--only", choices=("files", "tar", "lines", "model"), help="one of the four cases")
    parser.add_argument("--folder", type=Path, help="where the temporary folder goes")
    arguments = parser.parse_args()
    kinds = {
        "files": lambda path: documents(path, arguments.documents),
        "tar": lambda path: as_archive(path, arguments.documents),
        "lines": lambda path: as_lines(path, arguments.documents),
        "model": lambda path: as_model(path, arguments.gigabytes),
    }
    kinds = {name: fill for name, fill in kinds.items() if arguments.only in (None, name)}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as made:
        needed = 6e9 * arguments.gigabytes + 6 * 4096 * arguments.documents
        if shutil.disk_usage(made).free < needed:
            raise Failure(f"benchmark: {needed / 1e9:.0f} GB are needed in {made}; give a roomier --folder")
        place = Path(made)
        (place / "server/.dvc").mkdir(parents=True)
        found = server.start(place / "server", life=int(len(kinds) * len(STEPS) * arguments.limit))
        try:
            table = {}
            for number, (name, fill) in enumerate(kinds.items()):
                root = place / f"repo{number}"
                repository(root, found)
                fill(root / "data")
                table[name] = steps(root, arguments.limit)
                shutil.rmtree(root)
                shutil.rmtree(root.with_name(f"{root.name}-clone"), ignore_errors=True)
        finally:
            server.stop(place / "server")
    print("| | " + " | ".join(table) + " |\n|---" * 1 + "|---" * len(table) + "|")
    for step in STEPS:
        print(f"| {step} | " + " | ".join(str(costs.get(step, "–")) for costs in table.values()) + " |")


if __name__ == "__main__":
    run(main)
