"""Time and peak memory of ingest at several corpus sizes.

    python -m benchmarks.ingest 1000 20000

Documents are synthetic pages and notes of 2 to 60 kB, written to a temporary folder and ingested by the command
itself, so that the peak is that of its process and of its parsers' process.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = (
    "drill key hinge paint the a of turn left with care 12mm shelf counter question answer price metal when she said".split()
)


def write_corpus(root: Path, count: int) -> int:
    """Write `count` documents; returns their bytes."""
    dice = random.Random(0)
    total = 0
    for n in range(count):
        folder = root / f"{n % 100:02d}"
        folder.mkdir(exist_ok=True)
        text = [" ".join(dice.choices(WORDS, k=60)) for _ in range(dice.randint(5, 160))]
        if n % 4:
            body = "".join(f"<p class='text'>{paragraph}</p>\n" for paragraph in text)
            content = f"<html lang='en'><title>Page {n}</title><body><h1>Page {n}</h1>{body}</body></html>"
        else:
            content = f"---\ntitle: Note {n}\n---\n# Note {n}\n\n" + "\n\n".join(text)
        total += (folder / f"{n}.{'html' if n % 4 else 'md'}").write_text(content)
    return total


def main() -> None:
    print(f"{'documents':>10} {'MB':>7} {'seconds':>8} {'ms each':>8} {'peak MB':>8}")
    for count in map(int, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "raw").mkdir()
            size = write_corpus(Path(folder) / "raw", count)
            command = [sys.executable, "-m", "stages.ingest", "--raw", f"{folder}/raw", "--store", f"{folder}/store"]
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000  # the largest process so far: sizes must grow
        print(f"{count:>10} {size / 1e6:>7.0f} {seconds:>8.1f} {1000 * seconds / count:>8.1f} {peak:>8.0f}")


if __name__ == "__main__":
    main()
