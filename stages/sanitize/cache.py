"""Cleaned shards of earlier runs, by content: after a change only what it touches is cleaned again.

The key of a cleaned shard is a hash of all that its bytes depend on: the store's shard, the parameters of its steps, their
code, and the versions of Python and of the libraries. So the cache never changes a result, and may be deleted at any time.
Runs may share it: a file appears in it whole or not at all, and a run holds links of its own to what it uses.
"""

import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import stages
from stages.params import Sanitize

LIBRARIES = """beautifulsoup4 datatrove docutils ftfy langdetect lxml lxml_html_clean mammoth markdownify numpy phonenumbers
    pyarrow pypdfium2 rensa trafilatura""".split()
OTHER_CODE = ("documents.py", "duplicates.py", "front_matter.py")
ELSEWHERE = {"shards", "executor", "workers", "slurm", "cache_mb"}  # parameters that no cleaned shard depends on
ABANDONED_S = 7 * 86_400  # a run's folder that old is of a run that was killed


class Cache:
    """A folder of cleaned shards."""

    def __init__(self, folder: Path, section: Sanitize) -> None:
        self._folder, self._max_bytes = folder.resolve(), section.cache_mb << 20
        self._folder.mkdir(parents=True, exist_ok=True)
        self._common = _code() + section.model_dump_json(exclude=ELSEWHERE).encode("utf-8")

    @property
    def folder(self) -> Path:
        """Where it is; absolute."""
        return self._folder

    @contextmanager
    def run_folder(self) -> Iterator[Path]:
        """A folder for one run, on the cache's file system, gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._folder, ignore_cleanup_errors=True) as name:
            yield Path(name)

    def key(self, shard: Path) -> str:
        """The key of what a store shard is cleaned to."""
        with shard.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        return hashlib.sha256(content + self._common).hexdigest()

    def take(self, key: str, target: Path) -> bool:
        """Put the cleaned shard of a key at `target`; False where there is none."""
        kept = self._folder / f"{key}.parquet"
        try:
            os.utime(kept)  # it was used: `prune` takes the least recently used first
            _link(kept, target)
        except FileNotFoundError:
            return False
        return True

    def keep(self, key: str, source: Path) -> None:
        """Remember a cleaned shard."""
        partial = self._folder / f"{key}.{os.getpid()}.partial"
        partial.unlink(missing_ok=True)
        _link(source, partial)
        os.replace(partial, self._folder / f"{key}.parquet")

    def prune(self) -> None:
        """Remove the least recently used shards beyond the size that params.yaml allows, and folders of killed runs."""
        entries = []
        for path in self._folder.glob("*.parquet"):
            try:
                entries.append((path.stat(), path))
            except FileNotFoundError:  # another run was faster
                continue
        for folder in self._folder.glob("run-*"):
            if time.time() - folder.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)
        left = self._max_bytes
        for status, path in sorted(entries, key=lambda entry: entry[0].st_mtime, reverse=True):
            left -= status.st_size
            if left < 0:
                path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """A second name for the same file; a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _code() -> bytes:
    """A hash of the code and the weights that clean a document, of the libraries and of the interpreter."""
    root = Path(stages.__file__).parent
    own = (path for ending in ("py", "json") for path in (root / "sanitize").glob(f"*.{ending}"))
    files = sorted([*own, *(root / name for name in OTHER_CODE)])
    found = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files))
    for library in LIBRARIES:
        found.update(f"{library}=={version(library)};".encode())
    found.update(platform.python_version().encode())
    return found.digest()
