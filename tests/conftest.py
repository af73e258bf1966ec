"""What several tests need: the committed parameters, and the base model with its real tokenizer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from stages import params
from stages.params import Params

ROOT = Path(__file__).parent.parent
LONGEST = ("test_pipeline.py", "test_storage_e2e.py", "test_queue.py", "test_launch.py")

# The same examples in every run: a red test is a change of the code, never of the dice.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process of a parallel run ends with one of them alone."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """No bytes in the name of a test: compressed ones hold the time, and the processes of a parallel run must agree."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def loaded() -> Params:
    """The committed params.yaml."""
    return params.load(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def base(loaded: Params) -> Path:
    """The base model: the work tree's if it is whole, else one that stages.base makes once, kept beside pytest's cache."""
    made = ROOT / ".pytest_cache" / "base"
    made.parent.mkdir(exist_ok=True)
    with FileLock(made.with_suffix(".lock")):  # processes of one test run need it at the same time
        for folder in (ROOT / "models" / "base", made):
            if _is_whole(folder, loaded):
                return folder
        subprocess.run([sys.executable, "-m", "stages.base", "--out", str(made)], cwd=ROOT, check=True)
    return made


def _is_whole(folder: Path, loaded: Params) -> bool:
    """base.json is written last: where it names the source of params.yaml, everything before it is there."""
    record = folder / "base.json"
    return record.is_file() and loaded.base.source.model_dump().items() <= json.loads(record.read_text("utf-8")).items()
