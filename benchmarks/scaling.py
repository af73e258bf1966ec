"""Rates of the stages before training on made-up pages, and what 100 million documents would take at these (docs/scaling.md).

    python -m benchmarks.scaling 1000

Each stage runs as DVC starts it, on pages with menus, tables and code (`benchmarks.sanitize.page`); needs models/base.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.sanitize import ROOT, measured, page, stage, write_params

MILLIONS = 100
CORES = 2  # of the machine whose rates they are
CORE_HOUR, TB_MONTH = 0.04, 23.0  # dollars; assumptions
STAGES = {
    "ingest": ["--raw", "raw", "--store", "store"],
    "sanitize": ["--store", "store", "--clean", "clean"],
    "prepare": ["--clean", "clean", "--examples", "examples"],
    "tokenize": ["--adapter", "assistant", "--base", str(ROOT / "models/base"), "--examples", "examples", "--tokens", "tokens"],
}


def write_pages(folder: Path, count: int) -> None:
    """So many pages below `folder`/raw, and the params.yaml of the repository without a cache of cleaned shards."""
    (folder / "raw").mkdir()
    for number in range(count):
        (folder / "raw" / f"{number}.html").write_text(page(number), encoding="utf-8")
    write_params(folder, _change)


def _change(values: Any) -> None:
    values["ingest"]["sources"][0]["metadata"] = {"doc_type": "technical"}  # what `prepare` continues
    values["sanitize"]["cache_mb"] = 0


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Print a table of the stages."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    heads = f"{'':10}{'docs/s':>8}{'peak MB':>9}{'bytes a doc':>13}   for {MILLIONS} million:"
    print(f"{heads}{'core-hours':>12}{'$':>8}{'TB':>7}{'$/month':>9}")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_pages(folder, count)
        print(f"{'raw':10}{'':17}{size_of(folder / 'raw') / count:13.0f}")
        for name, words in STAGES.items():
            seconds, peak, _ = measured(stage(name, *words), folder)
            each = size_of(folder / words[-1]) / count
            hours, terabytes = MILLIONS * 1e6 * CORES * seconds / count / 3600, MILLIONS * each / 1e6
            told = f"{name:10}{count / seconds:8.1f}{peak:9.0f}{each:13.0f}{'':21}{hours:12,.0f}{hours * CORE_HOUR:8,.0f}"
            print(f"{told}{terabytes:7.2f}{terabytes * TB_MONTH:9.0f}", flush=True)


if __name__ == "__main__":
    main()
