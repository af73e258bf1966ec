"""Exact and near duplicates name their twin; other texts are kept."""

import re

import pytest

from stages.duplicates import Twins, signature
from stages.params import NearDuplicates

SECTION = NearDuplicates(shingle_words=3, permutations=128, threshold=0.85)
WORDS = [f"word{n}" for n in range(120)]
TEXT = " ".join(WORDS)
NEAR = " ".join([*WORDS[:60], "other", *WORDS[61:]])
HALF = " ".join([*WORDS[:60], *(f"new{n}" for n in range(60))])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT, "exact_duplicate"),
        (TEXT.replace(" ", "\n\n"), "exact_duplicate"),
        (TEXT.upper(), "near_duplicate"),
        (NEAR, "near_duplicate"),
        (HALF, None),
        ("quite another text", None),
    ],
)
def test_a_duplicate_has_a_reason_and_a_twin(text: str, reason: str | None) -> None:
    twins = Twins(SECTION)
    assert twins.add("first", TEXT) is None
    found = twins.add("second", text)
    assert (found and found[0]) == reason
    if found:
        assert found[1].startswith("of first")


def test_the_similarity_is_about_that_of_the_shingles() -> None:
    twins = Twins(SECTION)
    twins.add("first", TEXT)
    found = twins.add("second", NEAR)
    assert found is not None
    similarity = re.fullmatch(r"of first, similarity (\d\.\d\d)", found[1])
    assert similarity is not None
    assert float(similarity.group(1)) == pytest.approx(115 / 121, abs=0.06)  # 118 shingles each, 3 differ


def test_the_nearest_of_several_is_named() -> None:
    twins = Twins(NearDuplicates(shingle_words=3, permutations=128, threshold=0.3))
    twins.add("half", HALF)
    twins.add("far", "quite another text")
    nearest = twins.nearest(signature(HALF, SECTION))
    assert nearest == ("half", 1.0)
    assert twins.nearest(signature("nothing like it at all", SECTION)) is None


def test_a_duplicate_is_not_remembered_itself() -> None:
    twins = Twins(SECTION)
    twins.add("first", TEXT)
    twins.add("second", NEAR)
    found = twins.add("third", NEAR)
    assert found is not None
    assert "of first" in found[1]
