"""Languages of prose, and of prose among code; `und` where there is too little."""

import pytest

from stages.sanitize.language import language_of, sample

ENGLISH = "The shop on the corner has been open since the year in which the old bridge was built."
FRENCH = "Le magasin du coin est ouvert depuis l'année où le vieux pont a été construit en pierre."
CODE = "```python\nfor item in items:\n    print(item.name, item.value, sep=', ')\n```"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (FRENCH, "fr"),
        (f"{CODE}\n{CODE}\n\n{FRENCH}\n\n{CODE}", "fr"),
        ("该商店位于街角，自从旧桥建成的那一年起就一直营业。" * 4, "zh"),
        ("Short.", "und"),
        (f"{CODE}\n" * 10, "und"),
        ("https://example.org/a/very/long/path/of/words " * 10, "und"),
        ("1234567890 " * 10, "und"),
        ("", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text, 80)[0] == language


def test_the_same_text_has_the_same_score() -> None:
    mixed = f"{ENGLISH} {FRENCH}"
    assert len({language_of(mixed, 80) for _ in range(5)}) == 1


def test_a_sample_is_short_and_from_everywhere() -> None:
    text = sample("a" * 5000 + "b" * 5000 + "c" * 5000)
    assert len(text) < 1600
    assert set(text) == {"a", "b", "c", "\n"}


def test_a_huge_line_is_sampled_at_once() -> None:
    assert language_of("<" * 5_000_000, 80)[0] == "und"
