"""Errors of a command: one line and an exit code."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


def _run(body: str) -> subprocess.CompletedProcess[str]:
    code = f"from stages.command import Failure, run\ndef main():\n    {body}\nrun(main)"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("body", "status", "stdout", "stderr"),
    [
        ("print('made')", 0, "made\n", ""),
        ("raise Failure('x = 3; use 4')", 1, "", "error: x = 3; use 4\n"),
        ("raise Failure('two\\n  lines')", 1, "", "error: two lines\n"),
        ("raise KeyboardInterrupt", 1, "", "error: interrupted\n"),
        ("raise BrokenPipeError", 0, "", ""),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(body: str, status: int, stdout: str, stderr: str) -> None:
    done = _run(body)
    assert (done.returncode, done.stdout, done.stderr) == (status, stdout, stderr)


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    done = _run("raise ZeroDivisionError")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
