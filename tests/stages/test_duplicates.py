"""Exact and near duplicates name the right twin; what merely shares words is kept."""

import random
from itertools import combinations

import numpy as np
import pytest

from stages import duplicates
from stages.duplicates import Twins, digest, near_duplicates, rows_of_a_band, signature
from stages.params import NearDuplicates

SECTION = NearDuplicates(shingle_words=3, permutations=128, threshold=0.7)
WORDS = [f"word{n}" for n in range(120)]
TEXT = " ".join(WORDS)
NEAR = " ".join([*WORDS[:60], "other", *WORDS[61:]])
HALF = " ".join([*WORDS[:60], *(f"new{n}" for n in range(60))])


def _found(texts: list[str], section: NearDuplicates = SECTION) -> list[tuple[int, int]]:
    signatures = np.array([signature(text, section) for text in texts])
    return [(row, twin) for row, twin, _ in near_duplicates(signatures, section)]


@pytest.mark.parametrize(("other", "same"), [(TEXT.replace(" ", "\n\n"), True), (f" {TEXT}\n", True), (TEXT.upper(), False)])
def test_an_exact_duplicate_may_differ_in_white_space_only(other: str, same: bool) -> None:
    assert (digest(TEXT) == digest(other)) is same


@pytest.mark.parametrize(("text", "near"), [(TEXT.upper(), True), (NEAR, True), (HALF, False), ("quite another text", False)])
def test_a_near_duplicate_shares_most_shingles(text: str, near: bool) -> None:
    assert _found([TEXT, text]) == ([(1, 0)] if near else [])


def test_the_similarity_is_about_that_of_the_shingles() -> None:
    signatures = np.array([signature(text, SECTION) for text in (TEXT, NEAR)])
    ((_, _, similarity),) = near_duplicates(signatures, SECTION)
    assert similarity == pytest.approx(115 / 121, abs=0.06)  # 118 shingles each, 3 differ


def test_the_nearest_of_several_that_stay_is_named() -> None:
    loose = NearDuplicates(shingle_words=3, permutations=128, threshold=0.3)
    third = " ".join([*WORDS[:40], *(f"third{n}" for n in range(80))])
    assert _found([HALF, third, TEXT], loose) == [(2, 0)]


def test_of_a_chain_what_is_near_a_dropped_text_only_stays() -> None:
    """A ~ B ~ C, but A and C differ: B goes for A, and C has no twin left."""
    chain = [" ".join([*(f"new{n}" for n in range(count)), *WORDS[count:]]) for count in (0, 12, 24)]
    assert _found(chain) == [(1, 0)]
    assert _found(chain[1:]) == [(1, 0)]


def test_a_text_of_another_block_is_found() -> None:
    texts = [f"{n} " * 5 + " ".join(f"w{n}x{m}" for m in range(20)) for n in range(1500)]
    assert _found([*texts, texts[3], texts[1400]]) == [(1500, 3), (1501, 1400)]


def test_remembered_texts_are_found_one_by_one_as_all_at_once() -> None:
    signatures = np.array([signature(" ".join(random.Random(n // 2).choices(WORDS, k=60)), SECTION) for n in range(40)])
    at_once, one_by_one = Twins(signatures, SECTION), Twins(signatures, SECTION)
    at_once.remember(np.arange(40))
    for row in range(40):
        one_by_one.remember(np.array([row]))
    for first, second in zip(at_once.similar(signatures), one_by_one.similar(signatures), strict=True):
        assert first.tolist() == second.tolist()


@pytest.mark.parametrize(("threshold", "rows"), [(0.7, 5), (0.85, 8), (1.0, 128), (0.0, 1)])
def test_bands_are_as_narrow_as_the_threshold_asks_for(threshold: float, rows: int) -> None:
    section = NearDuplicates(shingle_words=3, permutations=128, threshold=threshold)
    assert rows_of_a_band(section) == rows


def edited(words: list[str], share: float, dice: random.Random) -> list[str]:
    """Words of which this share are replaced, at random places."""
    places = set(dice.sample(range(len(words)), round(share * len(words))))
    return [f"edit{dice.randrange(10**6)}" if place in places else word for place, word in enumerate(words)]


def test_precision_and_recall_on_known_edits() -> None:
    """Copies with 3 words in 100 replaced are found; texts of which 15 in 100 differ, or half, are kept."""
    dice = random.Random(7)
    vocabulary = [f"term{n}" for n in range(5000)]
    originals = [dice.choices(vocabulary, k=dice.randrange(60, 600)) for _ in range(200)]
    copies = [edited(words, 0.03, dice) for words in originals[:100]]
    others = [edited(words, 0.15, dice) for words in originals[100:]]
    halves = [[*words[: len(words) // 2], *dice.choices(vocabulary, k=len(words) // 2)] for words in originals]
    texts = [" ".join(words) for words in (*originals, *copies, *others, *halves)]
    found = set(_found(texts))
    wanted = {(200 + n, n) for n in range(100)}
    assert len(found & wanted) >= 0.95 * len(wanted)
    assert len(found & wanted) >= 0.95 * len(found)


def test_precision_and_recall_on_known_edits_of_chinese() -> None:
    """As above, in a language without spaces, a comma in ten characters: there a character is a word."""
    dice = random.Random(7)
    vocabulary = [chr(0x4E00 + n) for n in range(3000)]
    originals = [dice.choices(vocabulary, k=dice.randrange(60, 600)) for _ in range(100)]
    changes = [[dice.choice(vocabulary) if dice.random() < share else word for word in words]
               for words, share in zip(originals, [0.03] * 50 + [0.2] * 50, strict=True)]  # fmt: skip
    texts = ["，".join("".join(words[n : n + 10]) for n in range(0, len(words), 10)) for words in (*originals, *changes)]
    found = set(_found(texts))
    wanted = {(100 + n, n) for n in range(50)}
    assert len(found & wanted) >= 0.95 * len(wanted)
    assert len(found & wanted) >= 0.95 * len(found)


def test_candidates_are_looked_up_in_parts_that_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of one template are candidates of each other, each with each."""
    signatures = np.array([signature(f"{TEXT} {n}", SECTION) for n in range(40)])
    twins = Twins(signatures, SECTION)
    twins.remember(np.arange(40))
    whole = twins.similar(signatures)
    held: list[int] = []
    unique = np.unique

    def counted(pairs: np.ndarray) -> np.ndarray:
        held.append(len(pairs))
        return unique(pairs)

    monkeypatch.setattr(duplicates, "PAIRS", 5000)
    monkeypatch.setattr(np, "unique", counted)
    for first, second in zip(whole, twins.similar(signatures), strict=True):
        assert first.tolist() == second.tolist()
    assert len(whole[0]) == 40 * 40
    assert len(held) > 4
    assert max(held) <= 2 * 5000


def test_no_text_has_no_twin() -> None:
    twins = Twins(np.zeros((1, 128), dtype=np.uint16), SECTION)
    assert [len(found) for found in twins.similar(np.zeros((0, 128), dtype=np.uint16))] == [0, 0, 0]


def test_the_estimate_is_right_within_the_error_of_128_permutations() -> None:
    dice = random.Random(1)
    words = [f"w{n}" for n in range(400)]
    texts = [words, *(edited(words, share, dice) for share in (0.01, 0.02, 0.05, 0.1))]
    shingles = [{tuple(text[i : i + 3]) for i in range(len(text) - 2)} for text in texts]
    signatures = [signature(" ".join(text), SECTION) for text in texts]
    for one, two in combinations(range(len(texts)), 2):
        jaccard = len(shingles[one] & shingles[two]) / len(shingles[one] | shingles[two])
        assert float((signatures[one] == signatures[two]).mean()) == pytest.approx(jaccard, abs=4 * (0.25 / 128) ** 0.5)
