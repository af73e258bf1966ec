"""What a pull request's check does, on clones of a small real DVC repository with a remote; and a merge of two branches."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.stages.review.repository import commit, git

pytestmark = pytest.mark.slow

PIPELINE = """
stages:
  train:
    foreach: [products, assistant]
    do:
      cmd: python train.py ${item} && echo ran ${item} >> runs.txt
      params: ["adapters.${item}.lora.r"]
      deps: [train.py]
      outs: ["${item}.txt"]
  report:
    cmd: python report.py && echo ran report >> runs.txt
    deps: [products.txt, assistant.txt, report.py]
    metrics:
      - metrics/scores: {cache: false}
    outs:
      - metrics/scores.json: {cache: false}
      - metrics/outcomes.json: {cache: false}
      - metrics/data.json: {cache: false}
      - metrics/train.json: {cache: false}
"""
TRAIN = """
import sys, yaml
r = yaml.safe_load(open("params.yaml"))["adapters"][sys.argv[1]]["lora"]["r"]
open(sys.argv[1] + ".txt", "w").write(str(r))
"""
REPORT = """
from pathlib import Path
from tests.stages.review.repository import outcomes, publish
wrong = range(16 - int(open("products.txt").read()))   # a rank below 16 loses an example each
tables = {"adapter": outcomes({}), "q4_k_m": outcomes({"price": list(wrong)})}
both = {"steps": int(open("assistant.txt").read()), "rank": int(open("products.txt").read())}
publish(Path(), tables, train=both)
"""


def _run(root: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    identity = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    known = {**os.environ, **identity, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(words, cwd=root, env={**known, **environment}, capture_output=True, text=True, check=False)


def _done(root: Path, *words: str) -> str:
    done = _run(root, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _set_rank(root: Path, adapter: str, rank: int) -> None:
    yaml, path = YAML(), root / "params.yaml"
    values = yaml.load(path)
    values["adapters"][adapter]["lora"]["r"] = rank
    with path.open("w", encoding="utf-8") as out:
        yaml.dump(values, out)


def _runs(root: Path) -> list[str]:
    path = root / "runs.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a remote, its run pushed, and branches that a pull request may have."""
    root = tmp_path_factory.mktemp("ci") / "origin"
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/a.json").write_text("[]", encoding="utf-8")
    for name, text in (("dvc.yaml", PIPELINE), ("train.py", TRAIN), ("report.py", REPORT)):
        (root / name).write_text(text, encoding="utf-8")
    (root / ".gitignore").write_text("/review/\n/runs.txt\n__pycache__/\n", encoding="utf-8")
    (root / ".ci").mkdir()
    for name in ("review", "comment.py"):
        shutil.copy(ROOT / ".ci" / name, root / ".ci" / name)
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").split("\n")
    kept = [line for line in lines if "{metric: " not in line or "field_accuracy" in line]
    (root / "params.yaml").write_text("\n".join(kept), encoding="utf-8")
    git(root, "init", "-q", "-b", "main")
    _done(root, "dvc", "init", "-q")
    _done(root, "dvc", "remote", "add", "-q", "-d", "storage", str(root.parent / "remote"))
    _branch(root, "main", {})
    _branch(root, "good", {"assistant": 8})
    _branch(root, "bad", {"products": 13})
    _branch(root, "stale", {"products": 15}, repro=False)
    return root


def _branch(root: Path, name: str, ranks: dict[str, int], repro: bool = True) -> None:
    if name != "main":
        git(root, "checkout", "-q", "-b", name, "main")
    for adapter, rank in ranks.items():
        _set_rank(root, adapter, rank)
    if repro:
        _done(root, "dvc", "repro", "-q")
        _done(root, "dvc", "push", "-q", "--run-cache")
    commit(root, name)
    (root / "runs.txt").unlink(missing_ok=True)


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    """A fresh clone: Git's files only, no data."""
    git(tmp_path, "clone", "-q", str(origin), "clone")
    return tmp_path / "clone"


def test_a_good_change_needs_no_data(clone: Path) -> None:
    git(clone, "checkout", "-q", "good")
    done = _run(clone, ".ci/review", "origin/main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "**All gates passed.**" in done.stdout
    assert "| `adapters.assistant.lora.r` | `16` | `8` |" in done.stdout
    assert "| train · steps | 16 | 8 |" in done.stdout
    assert _runs(clone) == []
    assert not (clone / "products.txt").exists()
    assert (clone / "review/review.html").is_file()


def test_a_failed_gate_fails_the_check(clone: Path) -> None:
    git(clone, "checkout", "-q", "bad")
    done = _run(clone, ".ci/review", "origin/main")
    assert done.returncode == 1
    line = "`scores.products.q4_k_m.field_accuracy.price` dropped from 1 to 0.97, by 0.03; at most 0.02 is allowed"
    assert line in (clone / "review/review.md").read_text(encoding="utf-8")
    assert f"gate failed: {line}" in done.stderr


def test_a_stale_lock_runs_what_changed_and_fails(clone: Path) -> None:
    git(clone, "checkout", "-q", "stale")
    done = _run(clone, ".ci/review", "origin/main")
    assert done.returncode == 1
    assert _runs(clone) == ["ran products", "ran report"]  # the other adapter is pulled
    note = "> ❌ **dvc.lock does not match the tree.** Ran again for this review: train@products, report."
    assert (clone / "review/review.md").read_text(encoding="utf-8").startswith(note)  # before "All gates passed"
    assert "| products · q4_k_m · exact_match | 1 | 0.99 |" in done.stdout
    git(clone, "checkout", "-q", ".")
    git(clone, "apply", "review/results.patch")
    assert "Running" not in _done(clone, "dvc", "repro", "--dry", "--allow-missing")


def test_metrics_edited_by_hand_are_written_again(clone: Path) -> None:
    git(clone, "checkout", "-q", "bad")
    path = clone / "metrics/scores.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.97", "1.0"), encoding="utf-8")
    commit(clone, "Nicer numbers")
    done = _run(clone, ".ci/review", "origin/main")
    assert done.returncode == 1
    assert "Ran again for this review: report." in done.stdout
    assert "dropped from 1 to 0.97" in done.stdout


def test_a_broken_pipeline_ends_the_check(clone: Path) -> None:
    (clone / "dvc.yaml").write_text("stages: {report: {}}", encoding="utf-8")
    done = _run(clone, ".ci/review", "origin/main")
    assert done.returncode != 0
    assert not (clone / "review/review.md").exists()


def test_a_merge_conflict_in_the_lock(clone: Path) -> None:
    """The recipe of docs/review.md: either side's lock, then `dvc repro` takes both sides' runs from the run cache."""
    for name in ("good", "bad"):
        git(clone, "branch", name, f"origin/{name}")
    git(clone, "checkout", "-q", "good")
    merged = _run(clone, "git", "merge", "bad")
    assert merged.returncode == 1
    assert "dvc.lock" in git(clone, "diff", "--name-only", "--diff-filter=U").splitlines()
    assert git(clone, "diff", "--name-only", "--diff-filter=U", "params.yaml") == ""
    for words in (
        ("git", "checkout", "--ours", "dvc.lock", "metrics"),
        ("dvc", "fetch", "--run-cache"),
        ("dvc", "repro", "--pull", "--allow-missing"),
        ("git", "commit", "-q", "-a", "-m", "Merge"),
    ):
        _done(clone, *words)
    assert _runs(clone) == ["ran report"]  # nothing trained
    assert ((clone / "products.txt").read_text(), (clone / "assistant.txt").read_text()) == ("13", "8")
    assert "Running" not in _done(clone, "dvc", "repro", "--dry", "--allow-missing")


def test_the_table_of_experiments_shows_what_was_varied_and_the_scores(clone: Path) -> None:
    """The command of `make experiments`, on one experiment."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "").replace("$$", "$")
    (line,) = [line.strip().removeprefix("@") for line in makefile.splitlines() if "dvc exp show --md" in line]
    git(clone, "checkout", "-q", "main")
    _done(clone, "dvc", "exp", "run", "-q", "--pull", "-S", "adapters.products.lora.r=13", "-n", "low")
    shown = [row for row in _done(clone, "bash", "-c", line).splitlines() if "|" in row]
    lines = [[cell.strip() for cell in row.strip("|").split("|")] for row in shown]
    scores = [f"metrics/scores/products/q4_k_m.json:{score}" for score in ("exact_match", "mean_field_accuracy")]
    assert lines[0] == ["Experiment", *scores, "adapters.products.lora.r"]
    assert [row[1:] for row in lines[2:]] == [["1", "1", "16"], ["0.97", "0.985", "13"]]


# --- the comment


@pytest.fixture
def service() -> Iterator[tuple[str, list[tuple[str, str, str]], list[dict[str, Any]]]]:
    """An API with two comments on two pages, which remembers what it was asked and what was written."""
    asked: list[tuple[str, str, str]] = []
    comments: list[dict[str, Any]] = [{"id": 1, "body": "Nice."}]

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, value: Any, link: str = "") -> None:
            self.send_response(200)
            if link:
                self.send_header("Link", f'<{link}>; rel="next"')
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def do_GET(self) -> None:
            more = "page=2" not in self.path and len(comments) > 1
            page = comments[1:] if "page=2" in self.path else comments[:1]
            self._answer(page, f"http://{self.headers['Host']}{self.path}&page=2" if more else "")

        def _write(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
            asked.append((self.command, self.path, self.headers.get("Authorization") or self.headers["PRIVATE-TOKEN"]))
            if self.command == "POST":
                comments.append({"id": 7, "body": body})
            else:
                comments[-1]["body"] = body
            self._answer({})

        do_POST = do_PATCH = do_PUT = _write  # noqa: N815

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked, comments
    server.shutdown()


GITHUB = {"GITHUB_REPOSITORY": "o/r", "GITHUB_REF": "refs/pull/12/merge", "GITHUB_TOKEN": "secret"}
GITLAB = {"CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "12", "GITLAB_TOKEN": "secret"}


@pytest.mark.parametrize(
    ("name", "address", "environment", "written"),
    [
        ("github", "GITHUB_API_URL", GITHUB, [("POST", "/repos/o/r/issues/12/comments", "Bearer secret"),
                                              ("PATCH", "/repos/o/r/issues/comments/7", "Bearer secret")]),
        ("gitlab", "CI_API_V4_URL", GITLAB, [("POST", "/projects/5/merge_requests/12/notes", "secret"),
                                             ("PUT", "/projects/5/merge_requests/12/notes/7", "secret")]),
    ],
)  # fmt: skip
def test_the_comment_is_posted_once_and_then_edited(
    tmp_path: Path, service: Any, name: str, address: str, environment: dict[str, str], written: list[Any]
) -> None:
    url, asked, comments = service
    known = {**environment, address: url, "REVIEW_COMMENT": name}
    for text in ("first", "second"):
        (tmp_path / "review.md").write_text(f"<!-- review of the metrics -->\n{text}", encoding="utf-8")
        done = _run(ROOT, sys.executable, ".ci/comment.py", str(tmp_path / "review.md"), **known)
        assert done.returncode == 0, done.stderr
    assert asked == written
    assert [comment["body"].split("\n")[-1] for comment in comments] == ["Nice.", "second"]


def test_the_last_comment_is_edited_wherever_it_stands(tmp_path: Path, service: Any) -> None:
    url, asked, comments = service
    comments[:] = [{"id": number, "body": "<!-- review of the metrics -->"} for number in (9, 3)]  # a page each
    (tmp_path / "review.md").write_text("<!-- review of the metrics -->", encoding="utf-8")
    known = {**GITHUB, "GITHUB_API_URL": url, "REVIEW_COMMENT": "github"}
    _run(ROOT, sys.executable, ".ci/comment.py", str(tmp_path / "review.md"), **known)
    assert [path for _, path, _ in asked] == ["/repos/o/r/issues/comments/9"]


def test_a_token_that_may_not_write_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "review.md").write_text("text", encoding="utf-8")
    known = {**GITHUB, "GITHUB_API_URL": "http://127.0.0.1:9", "REVIEW_COMMENT": "github"}
    done = _run(ROOT, sys.executable, ".ci/comment.py", str(tmp_path / "review.md"), **known)
    assert done.returncode == 0
    assert done.stderr.startswith("warning: the comment could not be written")


def test_the_comment_is_found_by_what_the_review_writes() -> None:
    from stages.review.markdown import MARKER

    assert f'MARKER = "{MARKER}"' in (ROOT / ".ci/comment.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [".github/workflows/review.yml", ".gitlab-ci.yml"])
def test_both_services_run_the_same_script(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert YAML(typ="safe").load(text)
    assert text.count(".ci/review ") == 1
    assert "make setup" in text
