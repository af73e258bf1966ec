"""Commands of the stages in processes that need not import the libraries first.

    Command("stages.train", "--adapter", "products", …, cwd=place).finish()

A training command takes eight seconds of CPU to import torch, transformers, peft and trl, and one to train a tiny model. The
fork server of the standard library imports them once; what it forks is a process like any other, with its own id, to be
killed, stopped or interrupted. `python -m stages.NAME` itself is run by test_pipeline.py and test_queue.py.
"""

import importlib.util
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.conftest import ROOT

LIBRARIES = [
    "stages.train.run",
    "accelerate.commands.launch",
    "stages.predict.model",
    "stages.engines",
]  # with all that they import
SERVER = multiprocessing.get_context("forkserver")
if importlib.util.find_spec("unsloth") is None:  # it has to be imported before transformers
    SERVER.set_forkserver_preload(LIBRARIES)


Before = Callable[[], None] | None


def _become(module: str, words: tuple[str, ...], cwd: Path, environment: dict[str, str], said: Path, before: Before) -> None:
    """In the forked process: what `python -m MODULE WORDS` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    with said.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *words]
    if before:
        before()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        sys.stdout.flush()
        print(end.code, file=sys.stderr, flush=True)
        os._exit(1)  # as the interpreter does it: no object of the command, such as a bar, has the last word


def _end(process: BaseProcess, said: Path) -> None:
    process.kill()
    said.unlink(missing_ok=True)


class Command:
    """A running `python -m MODULE WORDS`; `before`, which can be pickled, is called in its process first."""

    def __init__(
        self, module: str, *words: str, cwd: Path, environment: Mapping[str, str] = os.environ, before: Before = None
    ) -> None:
        number, name = tempfile.mkstemp()
        os.close(number)
        self._said = Path(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(ROOT))  # the server looks for what it imports first there
            forkserver.ensure_running()
        self._process = SERVER.Process(
            target=_become, args=(module, words, cwd, {**environment, "PYTHONPATH": str(ROOT)}, self._said, before)
        )
        self._process.start()
        weakref.finalize(self, _end, self._process, self._said)  # also where a test fails: pytest would wait for it

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; the number of a signal that ended it is negative."""
        return self._process.exitcode

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def said(self, timeout: float = 300) -> str:
        """Wait for its end; stdout and stderr together."""
        self._process.join(timeout)
        assert self.returncode is not None, self._said.read_text("utf-8")
        return self._said.read_text("utf-8")

    def finish(self) -> str:
        """Wait for its good end; what it said."""
        text = self.said()
        assert self.returncode == 0, text
        return text
