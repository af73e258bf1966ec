"""Steps in a child process, so that a document that hangs or kills its parser costs itself only.

One child serves document after document; it is replaced when it is gone. Its clock is a timer of the kernel, whose signal
ends it whatever the interpreter or a parser does, even where the parent is gone. Handing a page of 100 kB over and back
costs 0.7 ms, a time-out 20 ms for the next child.
"""

import contextlib
import gc
import multiprocessing
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from stages.params import Limits
from stages.sanitize.records import Drop, Step, drop

GRACE_S = 5  # after the child's own clock; it never needs it but where the clock cannot be set
START_S = 60  # for the first document of a child that has to import everything first
UNSTABLE = ("timeout", "crashed")  # reasons that another machine, or this one on another day, may not come to


class Guard(PipelineStep):
    """Runs steps on every record, each in at most `limits.seconds` and `limits.memory_mb`.

    `load` reads what the steps would read when they first need it.
    """

    type, name = "sanitize", "guard"

    def __init__(self, steps: Sequence[Step], limits: Limits, load: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._steps, self._limits, self._load = steps, limits, load

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        self._load()  # before the fork, so that no child needs to
        gc.freeze()  # else every full collection of a child walks what was loaded, 0.1 s, and copies its pages
        with contextlib.ExitStack() as stack:
            child = _Child(self._steps, self._limits)
            stack.callback(lambda: child.end())
            for document in data:
                answer = child.ask(document)
                if answer is None:
                    answer = self._given_up(document, child.end())
                    child = _Child(self._steps, self._limits)
                self.stat_update(answer.metadata["drop_reason"] or "passed")
                yield answer

    def _given_up(self, document: Document, status: int | None) -> Document:
        if status == -signal.SIGALRM:
            drop(document, Drop("timeout", f"given up after {self._limits.seconds} s"))
        else:
            cause = signal.Signals(-status).name if status and status < 0 else f"status {status}"
            drop(document, Drop("crashed", f"the process that read it died of {cause}"))
        return document


class _Child:
    """The process, and this end of the pipe to it."""

    def __init__(self, steps: Sequence[Step], limits: Limits) -> None:
        context = multiprocessing.get_context("spawn" if "ray" in sys.modules else None)  # a fork of Ray's threads may hang
        self._seconds = limits.seconds
        self._started = False
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(theirs, self._pipe, steps, limits), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, document: Document) -> Document | None:
        """The document as the steps leave it; None where the child did not live to answer."""
        patience = self._seconds + (GRACE_S if self._started else START_S)
        try:
            self._pipe.send(document)
            answer = self._pipe.recv() if self._pipe.poll(patience) else None
        except (EOFError, ConnectionError):
            return None
        self._started = True
        return answer if isinstance(answer, Document) else None

    def end(self) -> int | None:
        """End the child; how it ended: by its clock, too, where it had to be killed."""
        self._pipe.close()
        self._process.join(timeout=GRACE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            return -signal.SIGALRM
        return self._process.exitcode


def _serve(pipe: Connection, theirs: Connection, steps: Sequence[Step], limits: Limits) -> None:
    theirs.close()  # a fork holds the parent's end too, and would never see it closed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory(limits.memory_mb << 20)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries complain on stderr, some of them with the document's words
    records: Iterator[Document] = _received(pipe, limits.seconds)
    for step in steps:
        records = step.run(records)
    for record in records:
        signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.send(record)
    os._exit(0)  # no cleaning up: after a fork that is the parent's business


def _limit_memory(size: int) -> None:
    """Let this process have `size` bytes more than it has; on Linux only, elsewhere the limit means nothing."""
    status = Path("/proc/self/status")
    found = re.search(r"^VmData:\s+(\d+) kB$", status.read_text(), re.MULTILINE) if status.is_file() else None
    if found:
        limit = (int(found.group(1)) << 10) + size
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _received(pipe: Connection, seconds: float) -> Iterator[Document]:
    while True:
        try:
            document = pipe.recv()
        except (EOFError, ConnectionError):
            return
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield document
