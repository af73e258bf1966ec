"""llama.cpp's losses of given texts, read by one process and by two."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import native
from stages.engines.engine import Row

TOKENS = st.lists(st.integers(1, 9), min_size=1, max_size=300)


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=2, max_size=12))
def test_halves_are_all_rows_in_their_order_and_differ_by_the_longest_row_at_most(rows: list[Row]) -> None:
    first, second = native.halves(rows)
    assert first and second and first + second == rows
    sizes = [sum(len(prompt) + len(target) for prompt, target in half) for half in (first, second)]
    assert abs(sizes[0] - sizes[1]) <= 2 * max(len(prompt) + len(target) for prompt, target in rows)


@pytest.mark.slow
def test_two_processes_read_what_one_reads(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = models / "gguf/products/f16.gguf"
    rows: list[Row] = [([], [1, 7, 8, 9]), ([1, 5, 6], [7, 2]), ([1, 5], [9, 11, 12, 2]), ([1], [3] * 20)]
    started: list[tuple[int, int]] = []
    apart = native.apart

    def counted(module: str, what: str, request: dict[str, object]) -> object:
        started.append((len(request["rows"]), request["threads"]))  # type: ignore[arg-type]
        return apart(module, what, request)

    monkeypatch.setattr(native, "apart", counted)
    two = native.read(path, rows, 3)
    assert sorted(started) == [(1, 1), (3, 2)]
    monkeypatch.setattr(native, "SHARED_BYTES", 0)
    one = native.read(path, rows, 3)
    assert started[2:] == [(4, 3)]
    assert [told.likeliest for told in two] == [told.likeliest for told in one]
    assert [told.nats for told in two] == pytest.approx([told.nats for told in one], rel=1e-3)
    assert native.read(path, [], 2) == []
