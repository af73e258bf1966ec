"""Parsers in a process of their own, which is killed when it hangs and replaced when it dies.

One process serves one document after the other: starting Python for each would cost more than the parsing.

    worker = Worker(timeout_s=20, memory=2_000_000_000)
    said = worker.describe(Request(...))

    python -m stages.ingest.worker 7 2000000000     the process itself; 7 is its end of a socket pair
"""

import resource
import socket
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from typing import BinaryIO, cast

from stages.ingest.description import Request, Said, describe


class Worker:
    """The process, started when it is first needed; it ends with the one that started it."""

    def __init__(self, timeout_s: float, memory: int) -> None:
        self._timeout_s, self._memory = timeout_s, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection
        self._errors: BinaryIO

    def describe(self, request: Request) -> Said:
        """What a document says of itself; nothing but the fault where its parser hangs or dies."""
        if self._process is None:
            self._start()
        fault = f"parser killed after {self._timeout_s} s"
        try:
            self._pipe.send(request)
            if self._pipe.poll(self._timeout_s):
                return cast(Said, self._pipe.recv())
        except (EOFError, OSError):
            fault = f"parser died: {self._last_words()}"
        self.stop()
        return Said(fault=fault)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._errors = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  closed with the process
        command = [sys.executable, "-m", "stages.ingest.worker", str(theirs.fileno()), str(self._memory)]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=self._errors)
        theirs.close()
        self._pipe = Connection(ours.detach())

    def _last_words(self) -> str:
        status = self._process.wait() if self._process else 0
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else f"status {status}"

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._pipe.close()
            self._errors.close()
            self._process = None


def serve(pipe: Connection) -> None:
    """Answer requests until the other end is closed."""
    while True:
        try:
            request = pipe.recv()
        except EOFError:
            return
        pipe.send(describe(request))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
    serve(Connection(int(sys.argv[1])))
