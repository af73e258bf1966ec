"""Fit the weights of `stages/sanitize/content.json` on labelled pages: which runs are content, which pages are articles.

    git clone https://github.com/Murrough-Foley/web-content-extraction-benchmark wcxb
    pip install scikit-learn==1.9.1
    python -m benchmarks.fit_content wcxb

Takes WCXB's 1,497 development pages (CC-BY-4.0) and never its test pages. A run is content where the page's reference
text has it; runs count by their share of the page's content, so that F1 a page is what is learned, not accuracy a line.
"""

import argparse
import gzip
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from stages.sanitize import content, signs
from stages.sanitize.kinds import kind_signs
from stages.sanitize.outline import outline, words_and_linked
from stages.sanitize.told import told
from stages.sanitize.tree import body_of, parse

TREES, LEAVES, RATE, FEWEST = 150, 15, 0.1, 100  # fewer and smaller ones: 0.01 less in F1 on pages held out
Page = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, float], bool]  # rows, labels, weights, kind, is an article


def page_of(paths: tuple[Path, Path]) -> Page | None:
    """One labelled page; None where it has no text."""
    with gzip.open(paths[0], "rt", encoding="utf-8") as file:
        tree = parse(file.read())
    truth = json.loads(paths[1].read_text(encoding="utf-8"))
    page = outline(body_of(tree)) if tree is not None else None
    if tree is None or page is None or not page.runs:
        return None
    rows = signs.signs(page)
    found = told(page.runs, truth["ground_truth"]["main_content"] or "").astype(float)
    words = words_and_linked(page)[0]
    weights = np.minimum(3.0, 10 * (words + 1) / ((words * found).sum() or words.sum()))
    is_article = truth["_internal"]["page_type"]["primary"] == "article"
    return rows, found, weights, kind_signs(tree, page, rows, signs.names()), is_article


def fit_runs(pages: list[Page]) -> dict[str, Any]:
    """Trees for the runs of pages that are no articles, as `content.Trees` takes them."""
    rows, found, weights = (np.concatenate([page[n] for page in pages if not page[4]]) for n in range(3))
    model = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=RATE, min_samples_leaf=FEWEST, early_stopping=False
    ).fit(rows, found, sample_weight=weights)
    trees = [predictor[0].nodes for predictor in model._predictors]
    starts = np.cumsum([0, *(len(nodes) for nodes in trees)])
    flat: dict[str, list[Any]] = {key: [] for key in ("feature", "threshold", "left", "right", "value")}
    for start, nodes in zip(starts, trees, strict=False):
        leaf = nodes["is_leaf"].astype(bool)
        flat["feature"] += np.where(leaf, -1, nodes["feature_idx"]).tolist()
        flat["threshold"] += [round(float(value), 6) for value in np.where(leaf, 0, nodes["num_threshold"])]
        flat["left"] += np.where(leaf, 0, nodes["left"] + start).tolist()
        flat["right"] += np.where(leaf, 0, nodes["right"] + start).tolist()
        flat["value"] += [round(float(value), 4) for value in np.where(leaf, nodes["value"], 0)]
    return {**flat, "roots": starts[:-1].tolist(), "bias": round(float(model._baseline_prediction.ravel()[0]), 4)}


def fit_kind(pages: list[Page]) -> dict[str, Any]:
    """Weights for the signs of an article."""
    vectors = DictVectorizer(sparse=False)
    values = vectors.fit_transform([page[3] for page in pages])
    scale = values.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.05, max_iter=1000).fit(values / scale, [page[4] for page in pages])
    weights = zip(vectors.get_feature_names_out(), model.coef_[0] / scale, strict=True)
    return {"bias": round(float(model.intercept_[0]), 4), "weights": {name: round(float(value), 4) for name, value in weights}}


def main() -> None:
    """Write content.json."""
    parser = argparse.ArgumentParser(prog="benchmarks.fit_content", description="Fit the weights of content.json.")
    parser.add_argument("wcxb", type=Path, help="a checkout of the web content extraction benchmark")
    folder = parser.parse_args().wcxb / "dev"
    paths = [(page, folder / "ground-truth" / f"{page.name[:4]}.json") for page in sorted((folder / "html").glob("*.html.gz"))]
    with ProcessPoolExecutor() as pool:
        pages = [page for page in pool.map(page_of, paths, chunksize=16) if page is not None]
    model = {"names": signs.names(), "kind": fit_kind(pages), "runs": fit_runs(pages)}
    content.MODEL.write_text(json.dumps(model, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{content.MODEL}: {len(pages)} pages, {content.MODEL.stat().st_size} bytes")


if __name__ == "__main__":
    main()
