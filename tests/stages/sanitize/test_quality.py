"""What is no text has a reason; documentation in its usual forms is kept."""

import random

import pytest

from stages.params import Params
from stages.sanitize import quality
from stages.sanitize.records import Drop, record_of

TABLE = "| option | value | effect |\n| --- | --- | --- |\n" + "\n".join(
    f"| --opt-{n} | {n * 7} | sets no. {n} |" for n in range(150)
)
REFERENCE = "\n\n".join(
    f"### get_{name}(self)\n\nReturns the {name}." for name in (f"field_{n * 37 % 1000}" for n in range(200))
)
CODE = "```c\n" + "\n".join(f"if (a[{n}] != b->c) {{ *p++ = ~x & 0x{n:02x}; }}" for n in range(60)) + "\n```"


def _judged(text: str, loaded: Params) -> str | None:
    document = record_of({"doc_id": "1"})
    document.text = text
    found = quality.good_enough(document, loaded.sanitize.quality)
    return found.reason if isinstance(found, Drop) else None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TABLE, None),
        (REFERENCE, None),
        (CODE, None),
        ("- a\n- b\n- c\n", None),
        ("日本語の文書です。" * 10, None),
        ("*** --- === ||| +++ " * 10, "garbled"),
        ("caf\ufffd au lait, d\ufffdj\ufffd vu", "garbled"),
        ("buy now " * 1000, "repetitive"),
        ("a" * 100_000, "repetitive"),
    ],
)
def test_quality(text: str, reason: str | None, loaded: Params) -> None:
    assert _judged(text, loaded) == reason


def test_the_value_that_decided_is_told(loaded: Params) -> None:
    document = record_of({"doc_id": "1"})
    document.text = "?! " * 20
    found = quality.good_enough(document, loaded.sanitize.quality)
    assert found == Drop("garbled", "0.00 of the characters are letters or digits, less than 0.3")


def test_prose_compresses_two_to_four_times() -> None:
    dice = random.Random(0)
    words = [f"{dice.choice('bcdfgklmnprst')}{dice.choice('aeiou')}{dice.choice('lmnrst')}" for _ in range(500)]
    assert 1.5 < quality.compression(" ".join(dice.choices(words, k=5000))) < 4
    assert quality.compression("a" * 100) == 1.0


def test_length_and_language() -> None:
    document = record_of({"doc_id": "1", "language": "de"})
    document.text = " short \n"
    assert quality.long_enough(document, 5) is True
    assert quality.long_enough(document, 6) == Drop("too_short", "5 < 6 characters")
    assert quality.wanted(document, "all") is True
    assert quality.wanted(document, ["de", "und"]) is True
    assert quality.wanted(document, ["en", "fr"]) == Drop("language", "de is not in en, fr")
