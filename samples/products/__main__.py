"""Writes the sample pairs, one JSON file per page family, and their metadata.

Example:
    python -m samples.products --out data/raw/products --seed 3407
"""

import argparse
import json
from pathlib import Path

from samples.products import pairs
from samples.products.pages import FAMILIES

METADATA = """title: Product pages and extracted objects
source: Written for this project by the generator samples/products
author: The authors of this project
licence: CC0-1.0
date: 2026-11-22
doc_type: product
"""


def write(out: Path, seed: int) -> None:
    """Writes all files into the folder."""
    out.mkdir(parents=True, exist_ok=True)
    for family in sorted(FAMILIES):
        text = json.dumps(pairs(family, seed), indent=1, ensure_ascii=False) + "\n"
        (out / f"{family}.json").write_text(text, encoding="utf-8", newline="\n")
    (out / "_metadata.yaml").write_text(METADATA, encoding="utf-8", newline="\n")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="samples.products", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/raw/products"), help="folder to write")
    parser.add_argument("--seed", type=int, default=3407, help="seed of every choice")
    options = parser.parse_args()
    write(options.out, options.seed)


if __name__ == "__main__":
    main()
