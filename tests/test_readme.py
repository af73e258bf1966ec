"""The README's table of what re-runs is what DVC would do."""

import json
import re
from pathlib import Path

import networkx as nx
import pytest
from dvc.repo import Repo

ROOT = Path(__file__).parent.parent
ROWS = re.findall(
    r"^\| `([\w.]+)` \| ([^|]*) \| ([^|]*) \|$",
    (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- what re-runs -->")[1].split("<!-- end -->")[0],
    re.MULTILINE,
)


def _names(addresses: set[str], universe: list[str]) -> str:
    """Stages as the table writes them, in the order of dvc.yaml.

    `train` stands for all of its adapters, `evaluate@products-{base,f16}` for two variants.
    """
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(address.split("@")[0] for address in universe):
        mine = [address for address in universe if address.split("@")[0] == name]
        hit = [address for address in mine if address in addresses]
        for address in hit:
            head, _, variant = address.partition("-")
            found.setdefault(name if hit == mine else head, []).extend([variant] if variant and hit != mine else [])
    written = (f"`{head}-{{{','.join(variants)}}}`" if variants else f"`{head}`" for head, variants in found.items())
    return ", ".join(written) or "–"


def _reruns(section: str) -> tuple[str, str]:
    """Both columns of the table, from DVC's own graph.

    The row of a whole section is about the keys in it that no stage names apart.
    """
    with Repo(str(ROOT)) as repo:
        stages = [stage for stage in repo.index.stages if stage.addressing]
        universe = [stage.addressing for stage in stages]
        at_once = {
            stage.addressing
            for stage in stages
            for dep in stage.deps
            for name in (getattr(dep, "params", None) or [])
            if name == section or section.startswith(f"{name}.")
        }
        graph = nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing)
        later = set().union(*(nx.ancestors(graph, name) for name in at_once)) - at_once
    return _names(at_once, universe), _names(later, universe)


@pytest.mark.parametrize(("section", "at_once", "later"), ROWS)
def test_row_is_what_dvc_does(section: str, at_once: str, later: str) -> None:
    assert (at_once, later) == _reruns(section)


def test_every_parameter_has_a_row() -> None:
    with Repo(str(ROOT)) as repo:
        named = {name for stage in repo.index.stages for dep in stage.deps for name in getattr(dep, "params", None) or []}
    wanted = {name for name in named if not name.startswith("adapters.assistant.")}
    assert wanted == {row[0] for row in ROWS}


def test_scorecard_is_the_committed_one() -> None:
    scores = json.loads((ROOT / "metrics" / "scores.json").read_text(encoding="utf-8"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for adapter, key in (("products", "exact_match"), ("assistant", "token_f1")):
        for variant, row in scores[adapter].items():
            assert f"\n| {variant} | {row[key]:.3f} |" in text
