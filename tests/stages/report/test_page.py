"""Tables, pictures and the page, from the metrics of two adapters; the page in a real browser where there is one."""

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages.report import page, plots
from stages.review import markdown
from stages.review import page as review_page
from stages.review.revisions import Snapshot

RECORD = {
    "exact_match": 0.9, "json_parse_rate": 1.0, "field_accuracy": {"name": 0.9, "price": 1.0}, "loss": 0.5, "n": 10,
    "n_groups": 12, "intervals": {"drawn": "groups", "exact_match": [0.8, 0.95], "loss": [0.4, 0.6]},
}  # fmt: skip
TEXTS = {"token_f1": 0.2, "n": 5, "n_groups": 2, "intervals": {"drawn": "examples", "token_f1": [0.1, 0.3]}}
PAIR = {"n": 10, "difference": -0.1, "lost": 1, "won": 0, "p": 1.0}
FOUND: dict[str, Any] = {
    "scores": {"products": {"rules": RECORD, "base": RECORD}, "assistant": {"base": TEXTS, "adapter": TEXTS}},
    "pairs": {"products": {"base → adapter": {"exact_match": PAIR}}, "assistant": {}},
    "breakdown": {
        "products": {"language": {"fr": {"rules": {"exact_match": 0.5, "n": 4}, "base": {"exact_match": 0.25, "n": 4}}}},
        "assistant": {},
    },
    "merge": {"products": {"max_logit_difference": 0.077}, "assistant": {"max_logit_difference": 0.065}},
    "gguf": {
        name: {"f16": {"bits_per_weight": 16.1, "bytes": 270885760}, "lora": {"bytes": 19566656}}
        for name in ("products", "assistant")
    },
    "data": {
        "leaks": {"found": 7, "left": 0, "answers_known_on_purpose": 2},
        "tokens": {
            "products": {
                "train": {
                    "rows": 9,
                    "shortened": 1,
                    "rejected": 0,
                    "real_share": {"padded_to_max_seq_len": 0.125, "padded_to_longest": 0.5, "packed": 0.975},
                }
            }
        },
    },
    "base": "<Small> & Co",
    "confidence": 0.95,
}
DRAWN = plots.Found(
    scores=FOUND["scores"],
    curves={"products": [{"step": 10, "loss": 0.5, "learning_rate": 0.001}, {"step": 10, "valid_loss": 0.4}]},
    lengths={"products": {"prompt": [5, 12, 19], "target": [3]}},
    funnel={"raw files": {"kept": 9, "too_short": 1}, "examples": {"train": 0}},
    breakdown=FOUND["breakdown"],
)


def test_tables_of_dvc_plots() -> None:
    tables = plots.tables(DRAWN)
    assert tables["loss"] == [
        {"adapter": "products", "kind": "train", "step": 10, "loss": "0.5"},
        {"adapter": "products", "kind": "valid", "step": 10, "loss": "0.4"},
    ]
    assert tables["learning_rate"] == [{"adapter": "products", "kind": "train", "step": 10, "learning_rate": "0.001"}]
    assert tables["fields"][0] == {"adapter": "products", "variant": "rules", "name": "name", "accuracy": 0.9}
    assert tables["variants"][-1] == {
        "adapter": "assistant", "variant": "adapter", "metric": "token_f1", "score": 0.2, "low": 0.1, "high": 0.3,
    }  # fmt: skip
    assert [(row["part"], row["tokens"], row["rows"]) for row in tables["lengths"]] == [
        ("prompt", 0, 1),
        ("prompt", 10, 2),
        ("target", 0, 1),
    ]
    assert tables["funnel"][1] == {"step": "raw files", "outcome": "too_short", "count": 1}
    assert tables["breakdown"][0]["mean"] == 0.5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("report")
    text = page.render(FOUND, plots.write(folder / "plots", DRAWN))
    (folder / "report.html").write_text(text, encoding="utf-8")
    return folder, text


def test_equal_numbers_give_equal_bytes(written: tuple[Path, str], tmp_path: Path) -> None:
    folder, text = written
    assert page.render(FOUND, plots.write(tmp_path / "plots", copy.deepcopy(DRAWN))) == text
    for path in sorted((folder / "plots").iterdir()):
        assert (tmp_path / "plots" / path.name).read_bytes() == path.read_bytes(), path.name


def test_every_table_has_a_picture_beside_it(written: tuple[Path, str]) -> None:
    names = {path.name for path in (written[0] / "plots").iterdir()}
    csv = {"breakdown.csv", "fields.csv", "funnel.csv", "learning_rate.csv", "lengths.csv", "loss.csv", "variants.csv"}
    png = {"assistant.png", "funnel.png", "lengths.png", "loss.png", "products.png", "variants.png"}
    assert names == csv | png


@pytest.mark.parametrize(
    ("value", "score", "cell"),
    [
        (0.0108, "loss", "0.0108"),
        (3.5, "probe_loss", "3.50"),
        (1.01, "perplexity", "1.01"),
        (123.4, "perplexity", "123"),
        (0.96, "exact_match", "0.960"),
        (1.0, "exact_match", "1.000"),
        (100, "n", "100"),
        (None, "loss", "–"),
    ],
)
def test_a_loss_has_the_digits_of_the_scorecard(value: Any, score: str, cell: str) -> None:
    assert page.shown(value, score) == cell


def test_a_loss_that_fell_is_not_called_lost(written: tuple[Path, str]) -> None:
    assert "<th>fell</th><th>rose</th>" in written[1]
    assert "a loss is better where it fell" in written[1]


def test_the_page_needs_no_network(written: tuple[Path, str]) -> None:
    text = written[1]
    assert "<script" not in text
    assert not [part for part in ("src=", 'href="http', "url(http", "@import") if part in text]
    assert "&lt;Small&gt; &amp; Co" in text
    assert text.count("<svg") == 6
    assert "The same examples on both sides" in text
    assert "too few groups" in text  # of the assistant
    assert "7 found and taken out, 0 left" in text
    assert "<td>12.5%</td><td>50.0%</td><td>97.5%</td>" in text


COLOURS = {
    "report": "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill]",
    "review": "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('td')).color]",
}


def _reviewed(folder: Path) -> Path:
    """A review's page, with a wide table and a picture of before and after."""
    before, after = (
        Snapshot(commit, {}, {}, {"key": "word " * n}, {}, {"metrics/plots/funnel.png": content})
        for commit, n, content in (
            ("a" * 40, 60, (folder / "plots/funnel.png").read_bytes()),
            ("", 70, (folder / "plots/lengths.png").read_bytes()),
        )
    )
    path = folder / "review.html"
    path.write_text(review_page.render(markdown.render(before, after, [], [], [], ""), before, after), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("kind", ["report", "review"])
def test_the_page_in_a_browser(written: tuple[Path, str], scheme: Any, width: int, kind: str) -> None:
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    path = _reviewed(written[0]) if kind == "review" else written[0] / "report.html"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        view = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
        requests: list[str] = []
        faults: list[str] = []
        view.on("request", lambda request: requests.append(request.url))
        view.on("console", lambda message: faults.append(message.text))
        view.goto(path.as_uri())
        assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
        assert faults == []
        colours = view.evaluate(COLOURS[kind])
        white, black = "rgb(255, 255, 255)", "rgb(0, 0, 0)"
        assert colours == ([white, black] if scheme == "light" else ["rgb(18, 18, 18)", white])
        assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")  # only tables scroll
        browser.close()
