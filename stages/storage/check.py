"""Is everything that dvc.lock names on the remote, and is it what it was? Repair, where the local cache still has it.

    missing  models/gguf/products/q4_k_m.gguf  md5 9f86d081884c7d659a2feaa0c55ad015
    damaged  data/clean/kept-0.parquet  md5 60303ae22b998861bce3b28f33eec1be
    refused  models/base/pytorch_model.bin  is a pickle, which runs code when it is loaded

Hashes are DVC's own (md5), taken from a stream of blocks: memory does not grow with the objects.
"""

import json
import posixpath
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stages.command import Failure, progress
from stages.storage.remote import outputs

PICKLES = (".bin", ".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
BLOCK = 2**23  # bytes asked for at once; s3fs' default of 50 MiB would be held by every thread
THREADS = 4


@dataclass(frozen=True)
class Finding:
    """What is wrong with one object, and the output that it belongs to."""

    kind: str  # missing, damaged, refused
    path: str
    oid: str

    def __str__(self) -> str:
        """The line that is printed."""
        if self.kind == "refused":
            return f"refused  {self.path}  is a pickle, which runs code when it is loaded"
        return f"{self.kind:7}  {self.path}  md5 {self.oid}"


Objects = dict[str, str]  # md5 (of a folder's list: md5.dir) to the path of the output that it belongs to


def referenced(repo: Any, remote: Any, all_commits: bool) -> tuple[Objects, list[Finding]]:
    """Every object that dvc.lock and *.dvc files name, and the folder lists of them that are missing or damaged.

    Args:
        repo: a dvc.repo.Repo.
        remote: a dvc.data_cloud.Remote; a folder's list comes from the local cache, or else, checked, from there.
        all_commits: those of all commits, not of the work tree only.
    """
    objects: Objects = {}
    findings = []
    for _ in repo.brancher(all_commits=all_commits):
        for path, oid in list(outputs(repo)):
            if oid in objects:
                continue
            objects[oid] = path
            if oid.endswith(".dir"):
                found = list_of(repo, remote, oid, path)
                if isinstance(found, Finding):
                    findings.append(found)
                else:
                    objects.update({child: posixpath.join(path, name) for name, child in found if child not in objects})
    findings += [Finding("refused", path, oid) for oid, path in objects.items() if path.lower().endswith(PICKLES)]
    return objects, findings


def list_of(repo: Any, remote: Any, oid: str, path: str) -> list[tuple[str, str]] | Finding:
    """Names and hashes of a folder's files; the list then lies, checked, in the local cache.

    DVC takes a folder's list from a remote without comparing its hash, `verify` or not: who can write there could rename
    files, or write outside the repository by a name with `..`. So `pull` reads the lists here first, and DVC finds them.

    Raises:
        Failure: a name in the list leads out of its folder.
    """
    cache = repo.cache.local
    content = _read(cache, oid)
    if content is None or _digest(content) != oid:
        content = _read(remote.odb, oid)
        if content is None:
            return Finding("missing", path, oid)
        if _digest(content) != oid:
            return Finding("damaged", path, oid)
        if cache.exists(oid):
            cache.delete(oid)
        cache.add_bytes(oid, content)
    names = [(str(entry["relpath"]), str(entry["md5"])) for entry in json.loads(content)]
    for name, _ in names:
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise Failure(f"storage: {path} holds a file named {name!r}, which leads out of it: do not trust this commit")
    return names


def _read(store: Any, oid: str) -> bytes | None:
    try:
        return bytes(store.fs.cat_file(store.oid_to_path(oid)))
    except FileNotFoundError:
        return None


def _digest(content: bytes) -> str:
    from io import BytesIO

    from dvc_data.hashfile.hash import fobj_md5

    return f"{fobj_md5(BytesIO(content))}.dir"


def missing(store: Any, objects: Objects) -> list[Finding]:
    """The objects that a store does not have. Nothing is read; listing is left to DVC."""
    there = set(store.oids_exist(list(objects))) if objects else set()
    return [Finding("missing", path, oid) for oid, path in objects.items() if oid not in there]


def damaged(store: Any, objects: Objects) -> list[Finding]:
    """The objects of a store whose bytes are not those of their name; absent ones count as missing. Reads everything."""
    found = []
    with ThreadPoolExecutor(THREADS) as pool, progress(total=len(objects), desc="storage: compare", unit="object") as bar:
        for oid, kind in pool.map(lambda oid: (oid, condition(store, oid)), objects):
            bar.update()
            if kind is not None:
                found.append(Finding(kind, objects[oid], oid))
    return found


def condition(store: Any, oid: str) -> str | None:
    """`missing` or `damaged`; None for an object that is whole."""
    from dvc_data.hashfile.hash import fobj_md5

    try:
        with store.fs.open(store.oid_to_path(oid), "rb", block_size=BLOCK) as file:
            return None if fobj_md5(file) == oid.removesuffix(".dir") else "damaged"
    except FileNotFoundError:
        return "missing"


def mend(repo: Any, remote: Any, findings: Iterable[Finding]) -> list[Finding]:
    """Send broken objects again from the local cache, if it has them whole; returns those that it could not mend.

    An object is replaced in one step, not deleted first. Files go before the lists that name them: DVC takes a list that
    is there as proof that its files are.
    """
    cache = repo.cache.local
    left = []
    for finding in sorted(findings, key=lambda finding: finding.oid.endswith(".dir")):
        if finding.kind == "refused" or condition(cache, finding.oid) is not None:
            left.append(finding)
            continue
        remote.odb.add(cache.oid_to_path(finding.oid), cache.fs, finding.oid, check_exists=False, verify=False)
        print(f"mended   {finding.path}  md5 {finding.oid}")
    return left


def forget(repo: Any, findings: Iterable[Finding]) -> None:
    """Take damaged objects out of the local cache, so that the next pull fetches them again."""
    for finding in findings:
        if finding.kind == "damaged":
            repo.cache.local.delete(finding.oid)
