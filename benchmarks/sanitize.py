"""Time, memory and exactness of the sanitizer, printed as tables.

    python -m benchmarks.sanitize                   all of it, on pages that it makes
    python -m benchmarks.sanitize speed FOLDER      on the *.html and *.html.gz files of a folder
    python -m benchmarks.sanitize memory            or increment, duplicates, edits; filters, languages or books FOLDER

Every run of the sanitizer is a process of its own, started as DVC starts it; times are of the whole process.
"""

import gzip
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.data import Document
from ruamel.yaml import YAML

from stages import params
from stages.documents import LEDGER, STORE, Shards, document_id
from stages.duplicates import HASH, near_duplicates, signature
from stages.ingest.detection import charset_of
from stages.params import NearDuplicates, Sanitize
from stages.sanitize.records import record_of
from stages.sanitize.steps import steps

ROOT = Path(__file__).parent.parent
PAGES = 600
ROUNDS = 3
SMALL, LARGE = 1_000, 20_000
MILLION = 1_000_000
STARTS, MIDDLES, ENDS = ("ka", "lo", "mi", "ter", "sun", "ver"), ("ra", "ne", "ti", "do"), ("s", "n", "l", "ment", "ing")
WORDS = [start + middle + end for start in STARTS for middle in MIDDLES for end in ENDS]
WEIGHTS = [1 / (n + 1) for n in range(len(WORDS))]


def prose(dice: random.Random, words: int) -> str:
    """Sentences of made-up words, frequent ones more often."""
    picked = dice.choices(WORDS, WEIGHTS, k=words)
    return ". ".join(" ".join(picked[at : at + 14]).capitalize() for at in range(0, words, 14)) + "."


def page(number: int) -> str:
    """A page as sites have them: head, menus, an article with lists, a table and code, related links, scripts, a footer."""
    dice = random.Random(number)
    menu = "".join(f'<li class="nav-item"><a href="/{n}/{dice.random()}">{prose(dice, 2)}</a></li>' for n in range(40))
    sections = "".join(
        f"<h2>{prose(dice, 4)}</h2><p>{prose(dice, 90)}</p><p>{prose(dice, 60)} <a href='#'>{prose(dice, 3)}</a></p>"
        f"<ul>{''.join(f'<li>{prose(dice, 8)}</li>' for _ in range(4))}</ul>"
        for _ in range(dice.randrange(3, 9))
    )
    rows = "".join(f"<tr><td>{prose(dice, 2)}</td><td>{dice.randrange(1000)}</td></tr>" for _ in range(10))
    cards = "".join(
        f'<div class="card teaser"><img src="{n}.jpg"><a href="/{n}"><h3>{prose(dice, 6)}</h3></a></div>' for n in range(20)
    )
    script = "".join(f"window.data[{n}]={{'id':'{dice.random()}','value':{dice.randrange(10**6)}}};" for n in range(400))
    return (
        f"<!DOCTYPE html><html lang='en'><head><title>{prose(dice, 5)}</title><style>{'.a{color:red}' * 300}</style>"
        f"<script>{script}</script></head><body><header><nav><ul>{menu}</ul></nav></header>"
        f"<div class='cookie'>{prose(dice, 20)}</div>"
        f"<main><article><h1>{prose(dice, 6)}</h1>{sections}<table>{rows}</table><pre><code>x = {number}\nprint(x)</code></pre>"
        f"</article></main><aside>{cards}</aside><footer>{menu}</footer><script>{script}</script></body></html>"
    )


def pages_of(folder: Path) -> Iterator[bytes]:
    """The pages of a folder, sorted by name."""
    for path in sorted(path for path in folder.rglob("*.htm*") if path.is_file()):
        yield gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def write_store(folder: Path, contents: Iterable[bytes], mime: str) -> Path:
    """A document store of these contents, as `ingest` would write it."""
    with Shards(folder, "documents", STORE, 8, key="doc_id") as store:
        for number, content in enumerate(contents):
            uri = f"site/{number:07d}"
            row = {"doc_id": document_id(uri), "source_uri": uri, "collection": "site", "title": uri, "doc_type": "web",
                   "mime": mime, "charset": "utf-8", "content": content}  # fmt: skip
            store.add({**dict.fromkeys(STORE.names), **row})
    with Shards(folder, "ledger", LEDGER, 1, key="doc_id"):
        pass
    return folder


def measured(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Seconds, peak memory of the largest process in MB, and standard output of a command that runs in `folder`."""
    started = time.perf_counter()
    wrapper = "import resource,subprocess,sys; done=subprocess.run(sys.argv[1:],stdout=sys.stderr.fileno()).returncode; "
    wrapper += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done)"
    done = subprocess.run([sys.executable, "-c", wrapper, *command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}: {done.stderr[-2000:]}")
    return time.perf_counter() - started, int(done.stdout) / 1024, done.stderr


def write_params(folder: Path, change: Callable[[Any], None]) -> None:
    """The repository's params.yaml, changed, in `folder`."""
    yaml = YAML()
    values = yaml.load(ROOT / "params.yaml")
    change(values)
    yaml.dump(values, folder / "params.yaml")


def stage(name: str, *words: str) -> list[str]:
    """The command line of a stage, for whatever folder it runs in."""
    code = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_module('stages.{name}', run_name='__main__')"
    return [sys.executable, "-c", code, *words]


def sanitized(store: Path, folder: Path, workers: int) -> tuple[float, float, str]:
    """One run of the stage with so many workers; `folder` holds its params.yaml, its cache and its result."""
    write_params(folder, lambda values: values["sanitize"].update(workers=workers))
    return measured(stage("sanitize", "--store", str(store), "--clean", "clean"), folder)


TRAFILATURA = """
import sys, trafilatura, pyarrow.parquet as pq
from multiprocessing import get_context
from pathlib import Path

def extract(path):
    for batch in pq.ParquetFile(path).iter_batches(batch_size=16, columns=["content"]):
        for content in batch.column(0).to_pylist():
            trafilatura.extract(content)

paths = sorted(Path(sys.argv[1]).glob("documents-*.parquet"))
if sys.argv[2] == "1":
    list(map(extract, paths))
else:
    with get_context("fork").Pool(int(sys.argv[2])) as pool:
        pool.map(extract, paths, chunksize=1)
"""
CASES = [("trafilatura.extract", 1), ("trafilatura.extract", 2), ("sanitize", 1), ("sanitize", 2)]


def speed(folder: Path | None) -> None:
    """Bare trafilatura and the stage, with one process and with two, in turn; what two of the first gain is the limit."""
    contents = list(pages_of(folder)) if folder else [page(number).encode() for number in range(PAGES)]
    size = sum(map(len, contents)) / 1e6
    best: dict[tuple[str, int], float] = {}
    memory: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as name:
        store = write_store(Path(name) / "store", contents, "text/html")
        for case in CASES * ROUNDS:
            work = Path(tempfile.mkdtemp(dir=name))
            if case[0] == "sanitize":
                seconds, peak, _ = sanitized(store, work, case[1])
            else:
                seconds, peak, _ = measured([sys.executable, "-c", TRAFILATURA, str(store), str(case[1])], work)
            best[case] = min(seconds, best.get(case, seconds))
            memory[case] = max(peak, memory.get(case, 0))
    print(f"{len(contents)} pages, {size:.1f} MB; best of {ROUNDS}; whole processes, start included; peak of the largest")
    for case, seconds in best.items():
        rate = f"{len(contents) / seconds:6.1f} pages/s {size / seconds:5.2f} MB/s  x{seconds / best[CASES[0]]:4.2f}"
        gained = f"  {best[case[0], 1] / seconds:4.2f} times as fast as one" if case[1] > 1 else ""
        print(f"{case[0]:20} {case[1]} {seconds:6.1f} s {rate}  {memory[case]:5.0f} MB{gained}")


def texts(count: int) -> Iterator[bytes]:
    """Plain texts of 60 to 600 words, all different."""
    for number in range(count):
        dice = random.Random(number)
        yield f"Number {number}. {prose(dice, dice.randrange(60, 600))}".encode()


def memory() -> None:
    """Peak memory of the largest process for few and for many documents."""
    for count in (SMALL, LARGE):
        with tempfile.TemporaryDirectory() as name:
            store = write_store(Path(name) / "store", texts(count), "text/plain")
            seconds, peak, _ = sanitized(store, Path(name), 2)
            print(f"{count:6} documents {seconds:6.1f} s, peak {peak:5.0f} MB")


def increment() -> None:
    """One more document: how many shards are cleaned again, and how long that takes."""
    with tempfile.TemporaryDirectory() as name:
        for label, count in (("first run", LARGE), ("one more document", LARGE + 1), ("nothing changed", LARGE + 1)):
            store = write_store(Path(name) / f"store-{count}", texts(count), "text/plain")
            seconds, _, said = sanitized(store, Path(name), 2)
            print(f"{label:18} {seconds:6.1f} s  {said.splitlines()[-1]}")


def duplicates() -> None:
    """Near duplicates among a million texts, every tenth of which repeats an earlier one with few edits."""
    section = params.load().sanitize.near_duplicates
    with tempfile.TemporaryDirectory() as name:
        shape = (MILLION, section.permutations)
        matrix = np.lib.format.open_memmap(Path(name) / "signatures.npy", mode="w+", dtype=HASH, shape=shape)
        started = time.perf_counter()
        for row in range(MILLION):
            matrix[row] = signature(_synthetic(row), section)
        made, started = time.perf_counter() - started, time.perf_counter()
        found = {row: twin for row, twin, _ in near_duplicates(matrix, section)}
        seconds = time.perf_counter() - started
    right = sum(1 for row, twin in found.items() if row % 10 == 9 and twin == row - 9)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{MILLION} texts: signatures {made:.0f} s, twins {seconds:.0f} s, peak {peak:.0f} MB")
    print(f"precision {right / max(len(found), 1):.4f}, recall {right / (MILLION // 10):.4f}")


def _synthetic(row: int) -> str:
    original = row - 9 if row % 10 == 9 else row
    words = random.Random(original).choices(range(20_000), k=80)
    if original != row:
        words[random.Random(row).randrange(80)] = -row
    return " ".join(map(str, words))


EDITS = {"1 word in 100": 0.01, "3 in 100": 0.03, "5 in 100": 0.05, "10 in 100": 0.1, "20 in 100": 0.2}


def edits() -> None:
    """Which share of copies with known edits is found; unedited originals are all different."""
    section: NearDuplicates = params.load().sanitize.near_duplicates
    dice = random.Random(5)
    originals = [dice.choices(range(5000), k=dice.randrange(60, 800)) for _ in range(1000)]
    for label, share in EDITS.items():
        copies = [[-dice.randrange(10**9) if dice.random() < share else word for word in words] for words in originals]
        matrix = np.array([signature(" ".join(map(str, words)), section) for words in (*originals, *copies)])
        found = [(row, twin) for row, twin, _ in near_duplicates(matrix, section)]
        right = sum(row - twin == len(originals) for row, twin in found)
        print(f"{label:14} words replaced: recall {right / len(copies):.3f}, precision {right / max(len(found), 1):.3f}")


def filters(folder: Path) -> None:
    """How many texts (*.md, *.rst, *.txt of a folder) the filters of web corpora keep, and how many ours do.

    Needs spacy, whose English words datatrove counts; nothing else here needs it.
    """
    from datatrove.data import Document
    from datatrove.pipeline import filters as web

    from stages.sanitize.quality import good_enough

    found = [
        path.read_text("utf-8", "replace") for ending in ("md", "rst", "txt") for path in sorted(folder.rglob(f"*.{ending}"))
    ]
    found = [text for text in found if len(text) > 500]
    section = params.load().sanitize.quality
    judges = {"Gopher quality": web.GopherQualityFilter(), "Gopher repetition": web.GopherRepetitionFilter(),
              "FineWeb": web.FineWebQualityFilter(), "C4": web.C4QualityFilter()}  # fmt: skip
    for label, judge in judges.items():
        kept = sum(judge.filter(Document(text=text, id="")) is True for text in found)
        print(f"{label:18} keeps {kept / len(found):6.1%} of {len(found)}")
    kept = sum(good_enough(Document(text=text, id=""), section) is True for text in found)
    print(f"{'ours':18} keeps {kept / len(found):6.1%} of {len(found)}")


def languages(folder: Path) -> None:
    """Right languages among whole documents: files LANGUAGE-*.txt of a folder, LANGUAGE an ISO 639-1 code."""
    from stages.sanitize.language import language_of, load

    load()
    found = [(path.name.split("-")[0], path.read_text("utf-8")) for path in sorted(folder.glob("*-*.txt"))]
    started = time.perf_counter()
    right = sum(language_of(text, 80)[0] == language for language, text in found)
    print(f"{right} of {len(found)} right, {(time.perf_counter() - started) / len(found) * 1000:.1f} ms a document")


KINDS = {".txt": "text/plain", ".html": "text/html", ".pdf": "application/pdf"}


def books(folder: Path) -> None:
    """Word F1 between the sanitized forms of one book: files of a folder with the same name, as .txt, .html and .pdf."""
    section = params.load().sanitize
    texts = {path: sanitized_text(path, section) for path in sorted(folder.iterdir()) if path.suffix in KINDS}
    for one, other in combinations(texts, 2):
        if one.stem == other.stem:
            print(f"{one.stem}: {one.suffix} and {other.suffix}: word F1 {word_f1(texts[one], texts[other]):.4f}")


def sanitized_text(path: Path, section: Sanitize) -> str:
    """A file as the steps leave it, read as a narrative."""
    content = path.read_bytes()
    charset = charset_of(content).name if path.suffix != ".pdf" else None
    known = {"doc_id": path.name, "source_uri": path.name, "collection": "books", "doc_type": "narrative"}
    row = {**dict.fromkeys(STORE.names), **known, "mime": KINDS[path.suffix], "charset": charset, "content": content}
    records: Iterator[Document] = iter([record_of(row)])
    for step in steps(section):
        records = step.run(records)
    return next(records).text


def word_f1(one: str, other: str) -> float:
    """The F1 of two bags of words."""
    left, right = (Counter(re.findall(r"\w+", text.lower())) for text in (one, other))
    return 2 * (left & right).total() / max(left.total() + right.total(), 1)


def main() -> None:
    """Run what the command line names, or all that needs no folder."""
    name, folder = ([*sys.argv[1:], None, None])[:2]
    needs = {"speed": speed, "filters": filters, "languages": languages, "books": books}
    alone = {"memory": memory, "increment": increment, "duplicates": duplicates, "edits": edits}
    if name in needs:
        needs[name](Path(folder) if folder else None)
    elif name in alone:
        alone[name]()
    else:
        speed(None)
        for run in alone.values():
            run()


if __name__ == "__main__":
    main()
