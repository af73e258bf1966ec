"""Variants against each other, and what is kept of every example."""

from pathlib import Path

import pandas as pd
import pytest

from stages.command import Failure
from stages.compare import breakdown, length, packed, pairs, probes, read
from stages.params import Intervals

SECTION = Intervals(confidence=0.95, resamples=100, min_groups=10, seed=3)


def _table(exact: list[float], nats: list[float] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "example_id": ["a", "b", "c"],
            "task": "extract",
            "group": ["card", "card", "story"],
            "language": ["en", "fr", "fr"],
            "doc_id": ["d1", "d2", "d3"],
            "characters": [10, 300, 4000],
            "exact_match": exact,
            "field_accuracy.name": [1.0, 1.0, 0.0],
        }
    )
    return table if nats is None else table.assign(nats=nats, loss_tokens=[2, 2, 4])


def _write(root: Path, **tables: pd.DataFrame) -> Path:
    for variant, table in tables.items():
        (root / variant).mkdir()
        table.to_csv(root / variant / "outcomes.csv", index=False)
    return root


def test_each_variant_against_the_one_it_was_made_from(tmp_path: Path) -> None:
    root = _write(tmp_path, base=_table([0, 0, 0], [4, 4, 4]), adapter=_table([1, 1, 0], [1, 1, 1]), rules=_table([0, 1, 0]))
    found = pairs(read(root), SECTION)
    assert list(found) == ["base → adapter", "rules → adapter"]
    assert found["base → adapter"]["exact_match"] == {"n": 3, "difference": pytest.approx(2 / 3), "lost": 0, "won": 2, "p": 0.5}
    assert found["base → adapter"]["loss"]["difference"] == pytest.approx(-1.25)  # of a token, examples counting once
    assert "loss" not in found["rules → adapter"]


def test_sides_are_joined_by_example(tmp_path: Path) -> None:
    root = _write(tmp_path, merged=_table([1, 0, 0]), f16=_table([1, 0, 0]).iloc[::-1])
    assert pairs(read(root), SECTION)["merged → f16"]["exact_match"]["lost"] == 0


def test_scores_by_kind_of_example(tmp_path: Path) -> None:
    found = breakdown(read(_write(tmp_path, f16=_table([1, 0, 0]))), {"d1": "product", "d2": "product"})
    assert found["language"] == {"en": {"f16": {"exact_match": 1.0, "n": 1}}, "fr": {"f16": {"exact_match": 0.0, "n": 2}}}
    assert {value: row["f16"]["n"] for value, row in found["group"].items()} == {"card": 2, "story": 1}
    assert {value: row["f16"]["n"] for value, row in found["doc_type"].items()} == {"product": 2, "unknown": 1}
    assert list(found["length"]) == ["0000–0249", "0250–0499", "2000 and more"]


@pytest.mark.parametrize(
    ("characters", "name"), [(0, "0000–0249"), (249, "0000–0249"), (250, "0250–0499"), (1999, "1000–1999")]
)
def test_classes_of_length(characters: int, name: str) -> None:
    assert length(characters) == name


def test_what_git_keeps_of_an_example(tmp_path: Path) -> None:
    root = _write(tmp_path, rules=_table([0, 1, 0]), base=_table([1, 0, 0], [4, 1, 1]))
    (root / "base/probe.csv").write_text("paragraph,nats,loss_tokens\n0,6.0,2\n1,1.0,4\n", encoding="utf-8")
    found = packed(read(root), probes(root))
    assert found["variants"] == ["rules", "base"]
    assert found["scores"] == ["exact_match", "field_accuracy.name"]
    assert found["right"] == {"card/a": "01 11", "card/b": "11 01", "story/c": "00 00"}
    assert found["loss"] == {"card/a": "- 2", "card/b": "- 0.5", "story/c": "- 0.25"}
    assert found["probe_loss"] == {"00": "- 3", "01": "- 0.25"}


def test_without_a_probe_nothing_is_kept_of_it(tmp_path: Path) -> None:
    assert "probe_loss" not in packed(read(_write(tmp_path, f16=_table([1, 0, 0]))), probes(tmp_path))


def test_n_counts_answers_and_the_loss_is_that_of_a_token(tmp_path: Path) -> None:
    table = _table([1.0, 0.0, float("nan")], [4, 2, 2]).assign(language="en")
    found = breakdown(read(_write(tmp_path, base=table)), {})
    assert found["language"]["en"]["base"] == {"exact_match": 0.5, "loss": 1.0, "n": 2}  # 8 nats, 8 tokens
    assert found["group"]["story"]["base"] == {"loss": 0.5, "n": 1}  # only continued text: its rows


@pytest.mark.parametrize("name", ["NA", "null", "None"])
def test_a_group_may_be_named_like_nothing(tmp_path: Path, name: str) -> None:
    found = breakdown(read(_write(tmp_path, base=_table([1, 0, 0]).assign(group=name))), {})
    assert list(found["group"]) == [name]


def test_nothing_evaluated_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"holds no \*/outcomes.csv; run `dvc repro`"):
        read(tmp_path)
