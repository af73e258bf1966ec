"""The process of the parsers: one for many documents, replaced when it hangs or dies."""

import os
import signal

from stages.ingest.description import Request
from stages.ingest.worker import Worker

PAGE = Request("text/html", "utf-8", b"<title>T</title>", True, 0.5)


def test_one_process_serves_many_documents() -> None:
    worker = Worker(timeout_s=20, memory=3_000_000_000)
    first = worker.describe(PAGE)
    process = worker._process
    assert (first.metadata, worker.describe(PAGE)) == ({"title": "T"}, first)
    assert worker._process is process
    worker.stop()
    assert process is not None and process.poll() is not None


def test_a_process_that_died_is_named_and_replaced() -> None:
    worker = Worker(timeout_s=20, memory=3_000_000_000)
    worker.describe(PAGE)
    assert worker._process is not None
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.wait()
    assert worker.describe(PAGE).fault == "parser died: status -9"
    assert worker.describe(PAGE).metadata == {"title": "T"}
    worker.stop()


def test_a_process_that_takes_all_memory_dies_alone() -> None:
    worker = Worker(timeout_s=20, memory=800_000_000)
    fault = worker.describe(Request("text/html", "utf-8", b"x" * 900_000_000, True, 0.5)).fault
    assert fault is not None and "MemoryError" in fault
    worker.stop()
