"""A document that hangs, crashes or eats memory costs itself only: its neighbours come through."""

import ctypes
import os
import re
import sys
import time
from collections.abc import Callable

import pytest
from datatrove.data import Document

from stages.params import Limits
from stages.sanitize.guard import Guard
from stages.sanitize.records import Change, Transform, record_of

LIMITS = Limits(seconds=1, memory_mb=2000, unpacked_mb=1)


@pytest.fixture(autouse=True)
def _without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray was loaded, by a test before these, children begin afresh, and lack what these tests put in."""
    monkeypatch.delitem(sys.modules, "ray", raising=False)


def _spin() -> None:
    while True:
        pass


FAULTS: dict[str, tuple[Callable[[], object], str, str]] = {
    "loop": (_spin, "timeout", "given up after 1 s"),
    "c-code": (lambda: ctypes.CDLL(None).sleep(100), "timeout", "given up after 1 s"),
    "regex": (lambda: re.match("(a+)+b", "a" * 60), "timeout", "given up after 1 s"),
    "segfault": (lambda: ctypes.string_at(0), "crashed", "the process that read it died of SIGSEGV"),
    "exit": (lambda: os._exit(3), "crashed", "the process that read it died of status 3"),
    "memory": (lambda: bytearray(8 << 30), "unreadable", "x: MemoryError: "),
}


def _work(document: Document) -> Change:
    if document.id in FAULTS:
        FAULTS[document.id][0]()
    return Change("x", "fine")


def _through(*names: str) -> list[Document]:
    return list(Guard([Transform("x", _work)], LIMITS).run(iter([record_of({"doc_id": name}) for name in names])))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_a_reason_and_its_neighbours_come_through(fault: str) -> None:
    before, bad, after = _through("before", fault, "after")
    assert (before.text, bad.text, after.text) == ("fine", "", "fine")
    assert (bad.metadata["drop_reason"], bad.metadata["detail"]) == FAULTS[fault][1:]


def test_the_clock_is_of_one_document_not_of_all() -> None:
    def slow(document: Document) -> Change:
        time.sleep(0.4)
        return Change("x", "fine")

    done = list(Guard([Transform("x", slow)], LIMITS).run(iter([record_of({"doc_id": str(n)}) for n in range(4)])))
    assert [document.text for document in done] == ["fine"] * 4


def test_what_is_loaded_once_every_child_has() -> None:
    loaded: list[int] = []

    def told(document: Document) -> Change:
        return Change("x", str(loaded == [os.getppid()])) if document.id != "exit" else _work(document)

    guard = Guard([Transform("x", told)], LIMITS, lambda: loaded.append(os.getpid()))
    done = list(guard.run(iter([record_of({"doc_id": name}) for name in ("before", "exit", "after")])))
    assert [document.text for document in done] == ["True", "", "True"]


def test_no_process_is_left() -> None:
    def told(document: Document) -> Change:
        return Change("x", str(os.getpid()))

    (document,) = Guard([Transform("x", told)], LIMITS).run(iter([record_of({"doc_id": "1"})]))
    assert int(document.text) != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(int(document.text), 0)
