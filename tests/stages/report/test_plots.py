"""What `dvc plots show` draws: its templates and the columns that dvc.yaml names."""

import json
import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.report import plots
from tests.conftest import ROOT
from tests.stages.report.test_page import DRAWN

ENTRIES: list[Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["plots"]
TABLES = {path: about for entry in ENTRIES if isinstance(entry, dict) for path, about in entry.items()}
LABELLED = ("bars", "ladder")  # templates that write the value beside its mark


@pytest.mark.parametrize("path", TABLES)
def test_every_plot_has_its_columns_and_its_template(path: str) -> None:
    about = TABLES[path]
    rows = plots.tables(DRAWN)[path.removeprefix("metrics/plots/").removesuffix(".csv")]
    assert {about["x"], about["y"]} <= set(rows[0])
    text = (ROOT / ".dvc" / "plots" / f"{about['template']}.json").read_text(encoding="utf-8")
    assert json.loads(text)["data"] == {"values": "<DVC_METRIC_DATA>"}
    assert "<DVC_METRIC_X>" in text
    assert "<DVC_METRIC_Y>" in text
    computed = {"rev", *re.findall(r'"as": "(\w+)"', text)}  # rev: DVC adds it
    assert set(re.findall(r'"field": "(\w+)"', text)) - computed <= set(rows[0])


@pytest.mark.parametrize("template", LABELLED)
def test_bars_and_marks_have_their_value_beside_them(template: str) -> None:
    text = (ROOT / ".dvc" / "plots" / f"{template}.json").read_text(encoding="utf-8")
    assert '"type": "text"' in text
    assert template in {about["template"] for about in TABLES.values()}


def test_every_picture_that_dvc_shows_is_drawn() -> None:
    shown = {entry for entry in ENTRIES if isinstance(entry, str)}
    assert {f"metrics/plots/{name}.png" for name in (*plots.drawn(DRAWN), "assistant", "products")} == shown
