"""What a release consists of: sha256 and size of every file of the models, signed if there is a key.

{"commit": "4ba700b…", "lock": "sha256 of dvc.lock", "outputs": ["models/base", …],
 "files": {"models/base/model.safetensors": {"sha256": "9f86d0…", "size": 269060552}, …}}
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from stages.command import Failure, progress

BLOCK = 2**20
PICKLE_HEADS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # protocol 2 and later; torch.save's zip holds data.pkl


def make(root: Path, outputs: dict[str, str], commit: str) -> dict[str, Any]:
    """The manifest of some outputs of the work tree, which must be what dvc.lock names.

    Args:
        root: the repository.
        outputs: path to md5 as dvc.lock has it; a folder's ends in `.dir`.
        commit: of Git, for the record.

    Raises:
        Failure: an output is absent or not what dvc.lock names, or a file is a link or a pickle.
    """
    files: dict[str, dict[str, Any]] = {}
    for path, oid in progress(iterable=sorted(outputs.items()), desc="storage: manifest", unit="output"):
        found = {name: _hashes(root / name) for name in _files(root, path)}
        if _md5(path, {name: md5 for name, (md5, _, _) in found.items()}) != oid:
            raise Failure(f"storage: {path} is not what dvc.lock names; run `dvc repro` or `dvc checkout {path}`")
        files |= {name: {"sha256": sha256, "size": size} for name, (_, sha256, size) in found.items()}
    lock = hashlib.sha256((root / "dvc.lock").read_bytes()).hexdigest()
    return {"commit": commit, "lock": lock, "outputs": sorted(outputs), "files": files}


def _files(root: Path, path: str) -> Iterator[str]:
    """All files of an output, sorted; none that leads elsewhere, none that runs code."""
    if not (root / path).exists():
        raise Failure(f"storage: {path} does not exist; run `dvc repro` to make it, or `make pull` to fetch it")
    inside = sorted((root / path).rglob("*")) if (root / path).is_dir() else [root / path]
    for file in inside:
        name = file.relative_to(root).as_posix()
        if file.is_symlink():
            raise Failure(f"storage: {name} is a link; a release holds files only")
        if file.is_file():
            if is_pickle(file):
                raise Failure(f"storage: {name} is a pickle, which runs code when it is loaded; write safetensors")
            yield name


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle by its name or its first bytes; torch's zipped ones included."""
    from zipfile import BadZipFile, ZipFile

    from stages.storage.check import PICKLES

    with path.open("rb") as file:
        head = file.read(4)
    if head[:4] == b"PK\x03\x04":
        try:
            return any(name.endswith("data.pkl") for name in ZipFile(path).namelist())
        except BadZipFile:
            return True
    return path.suffix.lower() in PICKLES or head[:2] in PICKLE_HEADS


def _hashes(path: Path) -> tuple[str, str, int]:
    """md5, sha256 and size in bytes, in one reading."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            md5.update(block)
            sha256.update(block)
            size += len(block)
    return md5.hexdigest(), sha256.hexdigest(), size


def _md5(path: str, files: dict[str, str]) -> str:
    """The hash that DVC would give an output."""
    from dvc_data.hashfile.tree import Tree

    if path in files:
        return files[path]
    tree = Tree.from_list([{"md5": md5, "relpath": name[len(path) + 1 :]} for name, md5 in files.items()], hash_name="md5")
    tree.digest()
    return str(tree.hash_info.value)


def differences(root: Path, manifest: dict[str, Any]) -> list[str]:
    """One line for every file that is missing, changed, or in an output without being listed.

    Raises:
        Failure: the manifest names a path outside the root.
    """
    found = []
    for name, record in progress(iterable=sorted(manifest["files"].items()), desc="storage: verify", unit="file"):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise Failure(f"storage: the manifest names {name!r}, which leads out of the folder: do not trust it")
        path = root / name
        if not path.is_file() or path.is_symlink():
            found.append(f"missing  {name}")
        elif path.stat().st_size != record["size"]:
            found.append(f"changed  {name}  {path.stat().st_size} bytes instead of {record['size']}")
        elif (sha256 := _hashes(path)[1]) != record["sha256"]:
            found.append(f"changed  {name}  sha256 {sha256} instead of {record['sha256']}")
    for output in manifest["outputs"]:
        present = {path.relative_to(root).as_posix() for path in (root / output).rglob("*") if path.is_file()}
        found += [f"unlisted {name}" for name in sorted(present - manifest["files"].keys())]
    return found


def write(path: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest, beside the target first: a broken run leaves no half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def read(path: Path) -> dict[str, Any]:
    """A manifest from its file.

    Raises:
        Failure: there is none, or it is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if all(type(record["size"]) is int and type(record["sha256"]) is str for record in found["files"].values()):
            return {"outputs": [str(output) for output in found["outputs"]], **found}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"storage: {path} is no manifest: {error}") from error
    raise Failure(f"storage: {path} is no manifest: a file without size and sha256")
