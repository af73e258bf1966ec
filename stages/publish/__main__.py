"""A model with its card, to a Hugging Face hub or to a folder; what would be sent is only shown until `--send`.

    python -m stages.publish --adapter products --kind gguf --to hub:me/products-gguf            # shows files and card
    python -m stages.publish --adapter products --kind gguf --to hub:me/products-gguf --send     # one commit there
    python -m stages.publish --adapter products --kind adapter --to folder:/mnt/shared/products --send

The hub's token comes from `HF_TOKEN` or `hf auth login`, its address from `HF_ENDPOINT`.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from stages import command, params
from stages.command import Failure
from stages.publish import card, ledger
from stages.publish.header import KINDS, Subject, title

FOLDERS = {"adapter": "adapters", "merged": "merged", "gguf": "gguf"}
UNSAFE = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}  # pickles run code where they are loaded


def files_of(folder: Path) -> list[Path]:
    """The files of a model, whole and without pickles; `base.json` can name a folder of this machine, and stays here.

    Raises:
        Failure: there is no model, it holds a pickle, or a file is not the one of its manifest.
    """
    if not folder.is_dir():
        raise Failure(f"publish: {folder} does not exist; run `dvc repro` to make it, or `dvc pull` to fetch it")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "base.json")
    for path in paths:
        if path.suffix in UNSAFE:
            raise Failure(
                f"publish: {path} may be a pickle, which runs code where it is loaded; only safetensors are published"
            )
    manifest = folder / "SHA256SUMS"
    for line in manifest.read_text(encoding="utf-8").splitlines() if manifest.is_file() else []:
        wanted, name = line.split("  ", 1)
        if not (folder / name).is_file() or hashlib.file_digest((folder / name).open("rb"), "sha256").hexdigest() != wanted:
            raise Failure(f"publish: {folder / name} is not the file that {manifest} names; `dvc checkout` restores it")
    return paths


def commit_of(root: Path) -> str:
    """The commit of the work tree, and whether it holds more than that."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607

    return (git("rev-parse", "HEAD") or "none") + (" with uncommitted changes" if git("status", "--porcelain", "-uno") else "")


def to_folder(target: Path, files: list[Path], text: str) -> None:
    """Copy files and card beside the target, then rename: it is never there in half.

    Raises:
        Failure: the target exists.
    """
    if target.exists():
        raise Failure(f"publish: {target} exists; remove it, or name another folder")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for path in files:
            shutil.copy(path, partial)
        (partial / "README.md").write_text(text, encoding="utf-8")
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def to_hub(repository: str, files: list[Path], text: str, message: str) -> str:
    """Make the repository (private) if it is not there, and send files and card as one commit; returns its address.

    Raises:
        Failure: no token, no right, no connection, or no such name.
    """
    operations = [CommitOperationAdd("README.md", text.encode("utf-8"))]
    operations += [CommitOperationAdd(path.name, path) for path in files]
    try:
        HfApi().create_repo(repository, private=True, exist_ok=True)
        return str(HfApi().create_commit(repository, operations, commit_message=message).commit_url)
    except HFValidationError as error:
        raise Failure(f"publish: {repository!r} is no name on a hub ({error}); write hub:OWNER/NAME") from error
    except (HfHubHTTPError, LocalTokenNotFoundError, httpx.HTTPError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Failure(f"publish: the hub refused {repository} ({reason}); set HF_TOKEN to one that may write there") from error


def show(files: list[Path], text: str, target: str) -> None:
    """Print what would be sent."""
    for path in files:
        print(f"{path.stat().st_size / 1e6:10.2f} MB  {path.name}")
    print(f"{len(text.encode()) / 1e6:10.2f} MB  README.md\n\n{text}\npublish: nothing was sent to {target}; --send does it")


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.publish", description="A model with its card, to a hub or a folder.")
    parser.add_argument("--adapter", required=True, help="name of an adapter in params.yaml")
    parser.add_argument("--kind", required=True, choices=list(KINDS), help="which form of it")
    parser.add_argument("--to", required=True, help="hub:OWNER/NAME or folder:PATH")
    parser.add_argument("--send", action="store_true", help="send it; without this, only show what would be sent")
    for name in ("models", "data", "metrics"):
        parser.add_argument(f"--{name}", type=Path, default=Path(name), help=f"folder of all {name} (default: {name})")
    arguments = parser.parse_args()
    place, _, target = arguments.to.partition(":")
    if place not in ("hub", "folder") or not target:
        raise Failure(f"publish: --to {arguments.to} is neither hub:OWNER/NAME nor folder:PATH")
    loaded = params.load()
    tasks, base = loaded.adapter(arguments.adapter).tasks, loaded.base
    max_prompt = loaded.tokenize.max_seq_len - loaded.evaluate.max_new_tokens
    files = files_of(arguments.models / FOLDERS[arguments.kind] / arguments.adapter)
    found = ledger.read(arguments.data, arguments.metrics, arguments.adapter, tasks)
    metrics = measured(arguments.metrics, arguments.adapter)
    name, kind, prompt = arguments.adapter, arguments.kind, loaded.prompt
    subject = Subject(name, kind, base, tasks, prompt, max_prompt, found, metrics, commit_of(Path()))
    text = card.render(subject)
    if not arguments.send:
        show(files, text, arguments.to)
    elif place == "folder":
        to_folder(Path(target), files, text)
        print(f"publish: {len(files) + 1} files in {target}")
    else:
        print(f"publish: {to_hub(target, files, text, title(subject))}")


def measured(metrics: Path, adapter: str) -> dict[str, Any]:
    """The published metrics of one adapter.

    Raises:
        Failure: they are missing, or not of these adapters.
    """
    found = {name: ledger.read_json(metrics / f"{name}.json") for name in ("scores", "train", "merge", "gguf")}
    for name, value in found.items():
        if adapter not in value:
            raise Failure(f"publish: {metrics / f'{name}.json'} has no {adapter}; run `dvc repro` to measure it")
    return {name: value[adapter] for name, value in found.items()}


if __name__ == "__main__":
    command.run(main)
