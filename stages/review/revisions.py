"""What Git keeps at a commit and in the work tree: metrics, parameters, dvc.lock, pictures. No DVC data is read."""

import json
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.command import Failure

METRICS = "metrics"
ROWS = "metrics/scores/"  # a small file a variant, which `dvc metrics show` reads
PICTURES = (".png", ".svg")
REMEDY = "`dvc repro -f -s report` writes it again"
DETAILS = ("breakdown", "outcomes", "pairs")  # of the scores: their keys come and go with the test examples


@dataclass(frozen=True)
class Snapshot:
    """One side of a review. `metrics` is `{file name without .json: its value}`, `lock` `{output: its entry in dvc.lock}`,
    `rows` `{adapter: {variant: its file below metrics/scores}}`.

    `commit` is empty for a work tree whose metrics are not those of its commit.
    """

    commit: str
    metrics: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    params: dict[str, Any]
    lock: dict[str, dict[str, Any]]
    pictures: dict[str, bytes]

    @property
    def name(self) -> str:
        """How a person calls this side."""
        return self.commit[:9] or "work tree"


def git(*words: str) -> bytes:
    """What a Git command prints.

    Raises:
        Failure: it fails; its own last line is the reason.
    """
    known = ["git", "-c", "core.quotepath=off", *words]  # paths in any script, as they are
    done = subprocess.run(known, capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise Failure(f"git {' '.join(words[:2])}: {lines[-1]}")
    return done.stdout


def commit_of(revision: str) -> str:
    """The full hash of a commit.

    Raises:
        Failure: there is no such commit here.
    """
    try:
        return git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except Failure as failure:
        remedy = "fetch it first, e.g. `git fetch origin main`, and name it as `origin/main`"
        raise Failure(f"review: no commit {revision!r} here; {remedy}") from failure


def committed(revision: str) -> Snapshot:
    """A commit's side."""
    commit = commit_of(revision)
    paths = git("ls-tree", "-r", "--name-only", "-z", commit).decode("utf-8").split("\0")
    return _snapshot(commit, {path: lambda path=path: git("show", f"{commit}:{path}") for path in paths})


def here() -> Snapshot:
    """The work tree's side, committed or not."""
    changed = git("status", "--porcelain", "--", METRICS, "params.yaml", "dvc.lock")
    files = [path for path in Path(METRICS).rglob("*") if path.is_file()] if Path(METRICS).is_dir() else []
    files += [path for path in (Path("params.yaml"), Path("dvc.lock")) if path.is_file()]
    return _snapshot("" if changed else commit_of("HEAD"), {path.as_posix(): path.read_bytes for path in files})


def _snapshot(commit: str, files: dict[str, Any]) -> Snapshot:
    """From paths with functions that read them."""
    values = {
        Path(path).stem: _json(path, files[path]())
        for path in sorted(files)
        if Path(path).parent.as_posix() == METRICS and path.endswith(".json")
    }
    if any(not isinstance(record, dict) for adapter in _parts(values.get("scores", {})) for record in _parts(adapter)):
        raise Failure(f"review: {METRICS}/scores.json does not hold scores by adapter and variant; {REMEDY}")
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted(path for path in files if path.startswith(ROWS) and path.endswith(".json")):
        rows.setdefault(Path(path).parent.name, {})[Path(path).stem] = _json(path, files[path]())
    pictures = {path: files[path]() for path in sorted(files) if path.startswith(f"{METRICS}/") and path.endswith(PICTURES)}
    parameters = _yaml("params.yaml", files["params.yaml"]()) if "params.yaml" in files else {}
    stages = _yaml("dvc.lock", files["dvc.lock"]()).get("stages", {}) if "dvc.lock" in files else {}
    outs = {out["path"]: out for stage in stages.values() for out in stage.get("outs", [])}
    return Snapshot(commit, values, rows, parameters, outs, pictures)


def _parts(value: Any) -> list[Any]:
    """The values of an object; anything else is its own part."""
    return list(value.values()) if isinstance(value, dict) else [value]


def _json(path: str, content: bytes) -> Any:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise Failure(f"review: {path} is not JSON ({error}); {REMEDY}") from error
    if not isinstance(found, dict):
        raise Failure(f"review: {path} holds no object; {REMEDY}")
    return found


def _yaml(path: str, content: bytes) -> dict[str, Any]:
    try:
        return YAML(typ="safe", pure=True).load(content) or {}
    except YAMLError as error:
        raise Failure(f"review: {path} is not YAML; is a merge conflict left in it? docs/review.md has the recipe") from error


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones; a list counts as one value."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        key: leaf
        for name, part in value.items()
        for key, leaf in flat(part, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def numbers(snapshot: Snapshot) -> dict[str, float]:
    """Every number in the metrics by its dotted key, e.g. `scores.products.q4_k_m.exact_match`; null counts as NaN."""
    leaves = flat({name: value for name, value in snapshot.metrics.items() if name not in DETAILS})
    return {
        key: math.nan if value is None else float(value)
        for key, value in leaves.items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    }


def raw_changes(revision: str) -> list[tuple[str, str]]:
    """Files below data/raw that were added (A), changed (M) or deleted (D) since a commit, in Git's order."""
    words = ("diff", "--name-status", "--no-renames", commit_of(revision), "--", "data/raw")
    found = [line.split("\t", 1) for line in git(*words).decode("utf-8").splitlines()]
    new = git("ls-files", "--others", "--exclude-standard", "--", "data/raw").decode("utf-8").splitlines()
    return [*((state, path) for state, path in found), *(("A", path) for path in new)]
