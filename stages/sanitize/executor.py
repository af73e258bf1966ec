"""Runs the tasks of a datatrove pipeline: on processes of this machine, on a Slurm cluster, or on a Ray cluster.

The tasks, and so the bytes, are the same everywhere. A cluster must see the repository's folder under the same path on
every node: the store is read from it and the cleaned shards are written into it. Ray is found as usual: RAY_ADDRESS, else a
cluster of this machine, else one that is started for the run.
"""

import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep

import stages
from stages import command
from stages.command import Failure
from stages.params import Sanitize
from stages.sanitize.pipeline import PROGRESS

ROOT = Path(stages.__file__).parent.parent
RAY_MISSING = "sanitize.executor = ray needs the package ray: pip install -r requirements-dev.txt, or -c constraints.txt ray"


def run(steps: list[PipelineStep], tasks: int, documents: int, folder: Path, section: Sanitize) -> None:
    """Run all tasks and wait for them, with a bar that counts documents.

    Args:
        steps: the pipeline; task n is given rank n.
        tasks: how many.
        documents: in all tasks together.
        folder: for logs and for the file that the bar follows; on a cluster, visible to every node.
        section: executor, workers and slurm are read.

    Raises:
        Failure: the cluster is not there, or a task of it failed.
    """
    with _bar(folder / PROGRESS, documents):
        if section.executor == "slurm":
            _submit(slurm(steps, tasks, folder / "logs", section))
        elif section.executor == "ray":
            _on_ray(steps, tasks, folder / "logs", section)
        else:
            LocalPipelineExecutor(
                steps,
                tasks=tasks,
                workers=min(section.workers, tasks),
                logging_dir=str(folder / "logs"),
                skip_completed=False,
                start_method=multiprocessing.get_start_method(),
            ).run()


@contextmanager
def _bar(followed: Path, documents: int) -> Iterator[None]:
    """A progress bar that follows the size of a file to which every task adds a byte a document."""
    done = threading.Event()

    def follow() -> None:
        with command.progress(total=documents, desc="sanitize", unit="document") as bar:
            while not done.wait(0.2):
                bar.update(followed.stat().st_size - bar.n)
            bar.update(followed.stat().st_size - bar.n)

    followed.touch()
    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def slurm(steps: list[PipelineStep], tasks: int, logs: Path, section: Sanitize) -> SlurmPipelineExecutor:
    """The job array of a pipeline; `--wait` keeps sbatch until all of it is done."""
    return SlurmPipelineExecutor(
        steps,
        tasks=tasks,
        workers=section.workers,
        partition=section.slurm.partition,
        time=section.slurm.time,
        mem_per_cpu_gb=section.slurm.memory_gb,
        job_name="sanitize",
        qos="",
        env_command=f'export PATH="{Path(sys.executable).parent}:$PATH" PYTHONPATH="{ROOT}"',
        sbatch_args={"wait": ""},
        logging_dir=str(logs),
        slurm_logs_folder=str(logs / "slurm"),
        skip_completed=False,
    )


def slurm_script(executor: SlurmPipelineExecutor) -> str:
    """The batch script that the executor submits."""
    launch = (
        f"srun  -l -n {executor.nodes_per_task} launch_pickled_pipeline {executor.logging_dir.resolve_paths('executor.pik')}"
    )
    return str(executor.get_launch_file_contents(executor.get_sbatch_args(executor.tasks), launch))


def _submit(executor: SlurmPipelineExecutor) -> None:
    try:
        executor.run()
    except FileNotFoundError as error:
        raise Failure(
            "sanitize.executor = slurm, but there is no sbatch here; run it on a login node of the cluster"
        ) from error
    except subprocess.CalledProcessError as error:
        raise Failure(f"sanitize: sbatch ended with status {error.returncode}; see `sacct -n --name sanitize`") from error


def _on_ray(steps: list[PipelineStep], tasks: int, logs: Path, section: Sanitize) -> None:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise Failure(RAY_MISSING) from error
    started = not ray.is_initialized()
    if started:
        code = {"py_modules": [str(Path(stages.__file__).parent)]}
        ray.init(log_to_driver=False, logging_level="ERROR", runtime_env=code)
    try:
        _fits(max(node["Resources"].get("memory", 0.0) for node in ray.nodes()), section.limits.memory_mb)
        RayPipelineExecutor(
            steps,
            tasks=tasks,
            workers=min(section.workers, tasks),
            mem_per_cpu_gb=section.limits.memory_mb / 1024,
            logging_dir=str(logs),
            skip_completed=False,
        ).run()
    finally:
        if started:
            ray.shutdown()


def _fits(largest: float, memory_mb: int) -> None:
    """Ray waits for ever for a node that it does not have."""
    if largest < memory_mb << 20:
        offered = f"the largest node of the Ray cluster offers {largest / 2**20:.0f}"
        raise Failure(f"sanitize.limits.memory_mb = {memory_mb}, but {offered}; lower it, or start a larger node")
