"""Which runs of a page a text tells."""

import time

import lxml.html
import pytest

from stages.sanitize.outline import Run, outline
from stages.sanitize.told import told

LONG = "The rank of an adapter sets how much it can learn from its examples."
OTHER = "Ten doors that no key of this world fits, and what they cost you."


@pytest.mark.parametrize(
    ("page", "text", "kept"),
    [
        (f"<li>Home<p>{LONG}</p><p>{OTHER}</p>", LONG, [LONG]),
        (f"<li>Home<p>{LONG}</p><p>{OTHER}</p>", f"Home\n{LONG}", ["Home", LONG]),
        (f"<p>{LONG}<p>{OTHER}", LONG.replace(" its", ""), [LONG]),
        (f"<li>adapter<p>{LONG}</p><td>adapter</td>", LONG, [LONG, "adapter", "adapter"]),
        (f"<li>adapter<li>1<li>2<p>{OTHER}</p>", LONG, []),
        (f"<p>{LONG}", "", []),
        (f"<p>{LONG}<p>{OTHER}<p>{LONG}<p>{OTHER}", f"{LONG}\n{OTHER}", [LONG, OTHER]),
        (f"<p>{LONG}<p>{LONG} {OTHER}", LONG, [LONG]),  # the second tells more, of which the text has what the first told
        ("<td>Rank</td><td>8</td><p>8</p>", "| Rank | 8 |", ["Rank", "8"]),
    ],
)
def test_told(page: str, text: str, kept: list[str]) -> None:
    runs = outline(lxml.html.document_fromstring(f"<body>{page}</body>").find("body")).runs
    assert sorted(run.text for run, stays in zip(runs, told(runs, text), strict=True) if stays) == sorted(kept)


def test_time_grows_with_the_runs_that_are_alike_and_not_with_their_square() -> None:
    """160,000 take 0.5 s here; where each weighs all runs anew, 11 s."""
    runs = [Run(0, [], "one two three four", ["one", "two", "three", "four"], 0)] * 160_000
    start = time.process_time()
    assert told(runs, "one two three four").sum() == 1
    assert time.process_time() - start < 4
