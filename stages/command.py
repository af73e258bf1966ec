"""What every command shares: errors as one line, and progress.

    if __name__ == "__main__":
        run(main)

A `Failure` raised anywhere inside `main` ends the process with exit code 1 and one line on stderr:

    error: prepare: data/raw/products/card.json, item 3: "output" is not an object; write {"name": …}
"""

import errno
import os
import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm


class Failure(Exception):
    """An error that the user can mend: one line with the value that is wrong and the remedy."""


def run(main: Callable[[], None]) -> None:
    """Run a command: a `Failure` or Ctrl-C becomes one line and a non-zero exit code, never a traceback."""
    try:
        main()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Failure as failure:
        sys.exit("error: " + " ".join(str(failure).split()))
    except PermissionError as error:
        sys.exit(f"error: {error.filename}: permission denied")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(f"error: no space left on the disk ({error.filename or 'while writing'}); make room and run it again")
    except KeyboardInterrupt:
        sys.exit("error: interrupted")


class _Lines:
    """A file for tqdm that gets a line, not a carriage return, for every update."""

    def write(self, text: str) -> None:
        if text.strip():
            sys.stderr.write(text.strip() + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def progress(**options: Any) -> Any:
    """A tqdm bar; where there is no terminal, a plain line every ten seconds."""
    if sys.stderr.isatty():
        return tqdm(**options, dynamic_ncols=True)
    return tqdm(**options, file=_Lines(), mininterval=10, ncols=130)
