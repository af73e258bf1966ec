"""Share what DVC tracks, and make sure of it.

python -m stages.storage start                 # an S3 server on this machine; stop ends it
python -m stages.storage push                  # dvc push of what is whole, then: is all of it there?
python -m stages.storage pull [PATH …]         # dvc pull, of lists that are checked first
python -m stages.storage check --exists-only   # before a pull request: is everything on the remote?
python -m stages.storage check --repair        # compare every object with its hash, mend from the local cache
python -m stages.storage manifest --out models/manifest.json --sign release.key
python -m stages.storage verify models/manifest.json --key release.pub
"""

import argparse
import os
from pathlib import Path
from typing import Any

from stages import command
from stages.command import Failure
from stages.storage import check, loopback, manifest, remote, server, signature
from stages.storage.check import Finding, Objects


def push(repo: Any, store: Any) -> None:
    """Push the work tree's objects.

    Raises:
        Failure: an object is damaged in the local cache, or neither there nor on the remote; it is named.
    """
    from dvc.cli import main as dvc

    remote.reach(repo, store)
    objects, findings = check.referenced(repo, store, all_commits=False)
    new = {finding.oid: finding.path for finding in check.missing(store.odb, objects)}
    local = [finding for finding in check.damaged(repo.cache.local, new) if finding.kind == "damaged"]
    findings += local
    if not findings and dvc(["push", "--remote", store.name]) == 0:
        findings = check.missing(store.odb, objects)
    elif not findings:
        raise Failure("storage: the push broke off; nothing is lost, run it again")
    where = "in the local cache" if local else f"on remote {store.name!r}"
    _conclude(objects, findings, where, "make it again with `dvc repro`, or pull it from where it is whole")


def pull(repo: Any, store: Any, targets: list[str]) -> None:
    """Pull the work tree's objects, or those of some outputs.

    Raises:
        Failure: an object on the remote is missing, damaged or a pickle; it is named. Or the connection broke.
    """
    from dvc.cli import main as dvc

    remote.reach(repo, store)
    objects, findings = check.referenced(repo, store, all_commits=False)
    wanted = {oid: path for oid, path in objects.items() if not targets or _below(path, targets)}
    findings = [finding for finding in findings if finding.oid in wanted]
    with remote.full_disk_raised(repo.root_dir):
        whole = bool(findings) or dvc(["pull", "--remote", store.name, *targets]) == 0
    if not whole:
        findings = check.damaged(store.odb, {oid: wanted[oid] for oid in wanted if not repo.cache.local.exists(oid)})
        if not findings:
            raise Failure("storage: the pull broke off; what came is kept, run it again")
    _conclude(wanted, findings, f"on remote {store.name!r}", "where it was made, run `python -m stages.storage check --repair`")


def _below(path: str, targets: list[str]) -> bool:
    """Whether an object's output is one of the targets, lies in one, or is the folder that one lies in."""
    names = [os.path.normpath(target) for target in targets]
    return any(path == name or path.startswith(f"{name}/") or name.startswith(f"{path}/") for name in names)


def examine(repo: Any, store: Any, arguments: argparse.Namespace) -> None:
    """Compare what is referenced with the remote, or with the local cache.

    Raises:
        Failure: something is missing, damaged or a pickle, and was not mended.
    """
    if not arguments.cache:
        remote.reach(repo, store)
    objects, findings = check.referenced(repo, store, arguments.all_commits)
    whole = {oid: path for oid, path in objects.items() if oid not in {finding.oid for finding in findings}}
    if arguments.cache:
        found = [finding for finding in check.damaged(repo.cache.local, whole) if finding.kind == "damaged"]
        if arguments.repair:
            check.forget(repo, found)
        _conclude(
            objects, found, "in the local cache", "`check --cache --repair` removes it, `make pull` fetches it again", "whole"
        )
        return
    findings += check.missing(store.odb, whole) if arguments.exists_only else check.damaged(store.odb, whole)
    if arguments.repair:
        findings = check.mend(repo, store, findings)
    remedy = "the local cache has no whole copy: make it with `dvc repro`, then `make push`" if arguments.repair else (
        "where it was made: `make push`, or `python -m stages.storage check --repair`")  # fmt: skip
    _conclude(objects, findings, f"on remote {store.name!r}", remedy, "there" if arguments.exists_only else "whole")


def _conclude(objects: Objects, findings: list[Finding], where: str, remedy: str, word: str = "there") -> None:
    if not objects:
        raise Failure("storage: dvc.lock names no output; run `dvc repro`")
    for finding in sorted(findings, key=str):
        print(finding)
    if findings:
        first = sorted(findings, key=str)[0]
        raise Failure(
            f"storage: {len(findings)} of {len(objects)} objects {where} are broken ({first.path}: {first.kind}); {remedy}"
        )
    print(f"storage: {len(objects)} objects {where}, all {word}")


def _start() -> None:
    if not Path(".dvc").is_dir():
        raise Failure("storage: there is no .dvc here; run it in the repository's root")
    found = server.start(Path())
    print(f"storage: S3 at {found.endpoint}, bucket {loopback.BUCKET}; `make push`, `make pull`; `make storage-stop` ends it")
    print(
        f"storage: .dvc/config.local holds its keys, as remote {loopback.REMOTE!r}; a copy of that file connects another clone"
    )


def _stop() -> None:
    was = server.stop(Path())
    print("storage: stopped; its data stay in .storage" if was else "storage: no server was running")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.storage", description="Share what DVC tracks, and make sure of it.")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("start", help="an S3 server on 127.0.0.1, as the default remote")
    actions.add_parser("stop", help="end it; its data stay")
    for name, text in (
        ("push", "dvc push, checked"),
        ("pull", "dvc pull, checked"),
        ("check", "compare a remote with dvc.lock"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("--remote", help="its name (default: the default remote)")
        if name == "pull":
            action.add_argument("targets", nargs="*", help="outputs, or files in them (default: all)")
    action.add_argument("--exists-only", action="store_true", help="do not read the objects")
    action.add_argument("--all-commits", action="store_true", help="those of all commits")
    action.add_argument("--cache", action="store_true", help="compare the local cache instead")
    action.add_argument("--repair", action="store_true", help="send broken objects again from the local cache")
    action = actions.add_parser(
        "keys", help=f"a pair of keys for releases; the password is asked for, or in {signature.PASSWORD}"
    )
    action.add_argument("--out", type=Path, required=True, help="the secret key; the public one goes beside it as NAME.pub")
    action = actions.add_parser("manifest", help="sha256 of every file of the models")
    action.add_argument("--out", type=Path, required=True, help="e.g. models/manifest.json")
    action.add_argument("--sign", type=Path, help="a secret key")
    action = actions.add_parser("verify", help="compare files with a manifest")
    action.add_argument("manifest", type=Path)
    action.add_argument("--root", type=Path, default=Path(), help="folder that its paths start from (default: here)")
    action.add_argument("--key", type=Path, help="a public key; without one nobody is vouched for")
    return parser.parse_args()


def _keys(out: Path) -> None:
    print(f"storage: publish {signature.make_keys(out)}; keep {out} and its password apart from each other")


def _manifest(out: Path, key: Path | None) -> None:
    with remote.repository() as repo:
        outputs = {path: oid for path, oid in remote.outputs(repo) if path.startswith("models/")}
        found = manifest.make(Path(repo.root_dir), outputs, repo.scm.get_rev())
    out.with_name(out.name + ".minisig").unlink(missing_ok=True)  # that of an earlier manifest
    manifest.write(out, found)
    signed = f"signed in {signature.sign(out, key, 'commit ' + found['commit'])}" if key else "not signed"
    print(f"storage: {len(found['files'])} files of {len(outputs)} outputs in {out}, {signed}")


def _verify(path: Path, root: Path, key: Path | None) -> None:
    signed = f"signed: {signature.check(path, key)}" if key else "its signature not looked at (--key)"
    found = manifest.read(path)
    lines = manifest.differences(root, found)
    print(*lines, sep="\n", end="\n" if lines else "")
    if lines:
        raise Failure(f"storage: {len(lines)} files differ from {path}, {signed} (first: {lines[0]})")
    print(f"storage: {len(found['files'])} files are those of {path}, {signed}")


def main() -> None:
    arguments = _arguments()
    alone = {
        "start": lambda: _start(),
        "stop": lambda: _stop(),
        "keys": lambda: _keys(arguments.out),
        "manifest": lambda: _manifest(arguments.out, arguments.sign),
        "verify": lambda: _verify(arguments.manifest, arguments.root, arguments.key),
    }
    if arguments.action in alone:
        alone[arguments.action]()
        return
    with remote.opened(arguments.remote) as (repo, store):
        if arguments.action == "push":
            push(repo, store)
        elif arguments.action == "pull":
            pull(repo, store, arguments.targets)
        else:
            examine(repo, store, arguments)


if __name__ == "__main__":
    command.run(main)
