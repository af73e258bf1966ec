"""Main content against published benchmarks: the raw page rendered, trafilatura as it comes, and what sanitize writes.

    git clone https://github.com/Murrough-Foley/web-content-extraction-benchmark wcxb      # 2,008 pages of seven kinds
    git clone https://github.com/scrapinghub/article-extraction-benchmark articles         # 181 articles
    python -m benchmarks.content wcxb articles

F1 is that of the benchmarks' own scorers, which are imported: words (WCXB, mean over pages) and shingles of four words
(articles). Neither knows Markdown, but both count words alone. Pages a second are of one process's CPU time.
"""

import argparse
import gzip
import importlib.util
import json
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType

import trafilatura
from markdownify import markdownify

from stages.sanitize.html import to_markdown

Extractor = Callable[[str], str]


def rendered(page: str) -> str:
    """The whole page by markdownify."""
    try:
        return str(markdownify(page))
    except RecursionError:
        return ""


def by_trafilatura(page: str) -> str:
    """Trafilatura's default text."""
    return trafilatura.extract(page) or ""


def without_comments(page: str) -> str:
    """Trafilatura's text as the published figures have it."""
    return trafilatura.extract(page, include_comments=False) or ""


def ours(page: str) -> str:
    """What sanitize writes."""
    return to_markdown(page, "web")


EXTRACTORS: dict[str, Extractor] = {
    "markdownify": rendered, "trafilatura": by_trafilatura, "without comments": without_comments, "sanitize": ours,
}  # fmt: skip


def extract(job: tuple[str, Path]) -> tuple[str, float]:
    """The text of a page by a named extractor, and the seconds it took."""
    name, path = job
    with gzip.open(path, "rt", encoding="utf-8") as file:
        page = file.read()
    started = time.process_time()
    text = EXTRACTORS[name](page)
    return text, time.process_time() - started


def scorer(path: Path) -> ModuleType:
    """A benchmark's own evaluate.py."""
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, pages: list[Path]) -> tuple[dict[str, str], float]:
    """The text of every page, and pages a second."""
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(extract, [(name, page) for page in pages], chunksize=8))
    return {page.name.split(".")[0]: text for page, (text, _) in zip(pages, found, strict=True)}, len(pages) / sum(
        s for _, s in found
    )


def articles(folder: Path, name: str) -> str:
    """F1, precision and recall on the 181 articles."""
    module, truth = scorer(folder / "evaluate.py"), json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    found, speed = run(name, sorted((folder / "html").glob("*.html.gz")))
    scores = module.metrics_from_tp_fp_fns(
        [module.string_shingle_matching(truth[key]["articleBody"], found[key]) for key in truth]
    )
    return f"F1 {scores['f1']:.3f} P {scores['precision']:.3f} R {scores['recall']:.3f} {speed:.0f} pages/s"


def mixed(folder: Path, name: str, split: str) -> str:
    """Mean F1 a page on all pages and by kind, and the share of snippets found that must and must not be."""
    module = scorer(folder / "evaluate.py")
    truth = module.load_ground_truth(split)
    found, speed = run(name, sorted((folder / split / "html").glob("*.html.gz")))
    scores = defaultdict(list)
    for key, page in truth.items():
        f1 = module.word_f1(found[key], page["main_content"])[2]
        snippets = [module.snippet_check(found[key], page[which]) for which in ("with", "without")]
        for kind in (page["page_type"], "all"):
            scores[kind].append((f1, *snippets))
    means = {kind: [sum(column) / len(rows) for column in zip(*rows, strict=True)] for kind, rows in scores.items()}
    kinds = " ".join(f"{kind} {mean[0]:.3f}" for kind, mean in sorted(means.items()))
    return f"{kinds} | with {means['all'][1]:.3f} without {means['all'][2]:.3f} {speed:.0f} pages/s"


def main() -> None:
    """Print a line for each extractor and benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.content", description="Main content against published benchmarks.")
    parser.add_argument("wcxb", type=Path, help="a checkout of the web content extraction benchmark")
    parser.add_argument("articles", type=Path, help="a checkout of the article extraction benchmark")
    parser.add_argument("--only", choices=[*EXTRACTORS], help="one extractor")
    parser.add_argument("--split", choices=["test", "dev"], default="test", help="of WCXB; the weights were fitted on dev")
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else EXTRACTORS:
        print(f"{name}: articles: {articles(arguments.articles, name)}", flush=True)
        print(f"{name}: {arguments.split}: {mixed(arguments.wcxb, name, arguments.split)}", flush=True)


if __name__ == "__main__":
    main()
