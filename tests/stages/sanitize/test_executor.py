"""The same steps on processes, on Slurm and on Ray write the same bytes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.command import Failure
from stages.params import Params, Sanitize
from stages.sanitize.__main__ import dry_run, sanitize
from tests.stages.sanitize.test_sanitize import texts_of, write_store

SBATCH = r"""#!/bin/bash
# A stand-in for Slurm: runs every task of the array, one after the other, and then says that it did.
script="${@: -1}"
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
cp "$script" "$(dirname "$0")/script-$(ls "$(dirname "$0")" | wc -l)"
export SLURM_JOB_ID=7 SLURM_NODELIST=node1
for task in $(seq 0 "${last:-0}"); do SLURM_ARRAY_TASK_ID=$task bash "$script" > /dev/null 2>&1 || exit 1; done
echo "Submitted batch job 7"
"""
SRUN = '#!/bin/bash\nwhile [[ "$1" == -* ]]; do [[ "$1" == -n ]] && shift; shift; done\nexec "$@"\n'
SCONTROL = "#!/bin/bash\necho node1\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("executor") / "store", texts_of(24), shards=4)


@pytest.fixture(scope="module")
def local(store: Path, loaded: Params) -> dict[str, bytes]:
    """The bytes that one process writes."""
    return _sanitized(store, store.parent / "local", _section(loaded, executor="local", workers=1))


def _section(loaded: Params, **changes: object) -> Sanitize:
    limits = loaded.sanitize.limits.model_copy(update={"memory_mb": 1024})  # what Ray sets aside for a task
    return loaded.sanitize.model_copy(update={"limits": limits, **changes})


def _sanitized(store: Path, folder: Path, section: Sanitize) -> dict[str, bytes]:
    done = sanitize(store, folder / "clean", section, folder / "cache")
    assert (done.kept, done.cleaned) == (24, 4)
    return {path.name: path.read_bytes() for path in (folder / "clean").iterdir()}


def test_two_workers_write_the_same_bytes(store: Path, local: dict[str, bytes], tmp_path: Path, loaded: Params) -> None:
    assert _sanitized(store, tmp_path, _section(loaded, executor="local", workers=2)) == local


def test_nothing_is_left_in_the_working_directory(
    store: Path, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    _sanitized(store, tmp_path, _section(loaded, executor="local", workers=1))
    assert list((tmp_path / "work").iterdir()) == []
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".parquet"}


def test_the_slurm_script_is_shown_and_nothing_submitted(store: Path, tmp_path: Path, loaded: Params) -> None:
    script = dry_run(store, _section(loaded, executor="slurm", workers=3), tmp_path)
    for line in (
        "#!/bin/bash",
        "#SBATCH --array=0-3%3",
        "#SBATCH --partition=cpu",
        "#SBATCH --time=04:00:00",
        "#SBATCH --wait",
    ):
        assert line in script.splitlines()
    assert "launch_pickled_pipeline" in script
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Failure, match=r"--dry-run shows the batch script of sanitize.executor = slurm; params.yaml has local"):
        dry_run(store, _section(loaded, executor="local"), tmp_path)


def test_the_slurm_job_writes_the_same_bytes(
    store: Path, local: dict[str, bytes], tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sbatch, srun and scontrol are stand-ins: the script is the real one, and so is what it starts."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", SCONTROL)):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert _sanitized(store, tmp_path, _section(loaded, executor="slurm", workers=2)) == local


def test_without_slurm_the_remedy_is_named(
    store: Path, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Failure, match="there is no sbatch here; run it on a login node"):
        _sanitized(store, tmp_path, _section(loaded, executor="slurm"))


@pytest.fixture
def cluster(local: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Ray cluster of two nodes, one processor each, on loopback."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # else Ray takes the machine's outer address for 127.0.0.1
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "memory": 2 << 30, "object_store_memory": 100 << 20, "node_ip_address": "127.0.0.1"}
    started = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        started.add_node(**node)
        assert len(started.list_all_nodes()) == 2
        monkeypatch.setenv("RAY_ADDRESS", started.address)
        yield started.address
    finally:
        started.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_two_ray_nodes_write_the_same_bytes(store: Path, local: dict[str, bytes], tmp_path: Path, loaded: Params) -> None:
    assert _sanitized(store, tmp_path, _section(loaded, executor="ray", workers=2)) == local


def test_without_ray_the_remedy_is_named(store: Path, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Failure, match="needs the package ray: pip install"):
        _sanitized(store, tmp_path, _section(loaded, executor="ray"))


def test_the_command_is_quiet_but_for_its_bar(store: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stages.sanitize", "--store", str(store), "--clean", str(tmp_path / "clean")]
    done = subprocess.run([*command, "--cache", str(tmp_path / "cache")], capture_output=True, text=True, check=True)
    assert all(line.startswith("sanitize:") for line in done.stderr.splitlines())
    assert done.stdout.splitlines()[-1] == f"sanitize: 4 shards cleaned, 0 from {tmp_path / 'cache'}"
