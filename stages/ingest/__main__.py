"""Put every file below the raw root into the document store, whole, with what is known about it.

In: a tree such as data/raw. Out: `documents-*.parquet`, one row a document with its original bytes, and
`ledger-*.parquet`, one row for each file that is no document or could not be read, with the reason.

    python -m stages.ingest --raw data/raw --store data/documents
"""

import argparse
import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from stages import command, params
from stages.command import Failure
from stages.documents import LEDGER, STORE, Row, document_id, write_shards
from stages.ingest import detection, metadata
from stages.params import Ingest


def files_below(root: Path) -> list[str]:
    """The POSIX paths, sorted, of all files below `root`; links are listed, not followed.

    Raises:
        Failure: `root` is no folder, or holds nothing.
    """
    if not root.is_dir():
        raise Failure(f"ingest: {root} does not exist; put your documents there, or restore it with git or dvc pull")
    found = sorted(path.relative_to(root).as_posix() for path in _walk(root))
    if not found:
        raise Failure(f"ingest: {root} is empty; put your documents there, or restore it with git or dvc pull")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def ingest(root: Path, store: Path, section: Ingest) -> tuple[int, int]:
    """Write the store and its ledger.

    Returns:
        How many documents it holds, and how many files are in the ledger instead.
    """
    kept: list[Row] = []
    ledger: list[Row] = []
    for uri in command.progress(iterable=files_below(root), desc="ingest", unit="file"):
        row = read(root, uri, section)
        (ledger if "drop_reason" in row else kept).append(row)
    write_shards(kept, store, "documents", STORE, section.shards, key="doc_id")
    write_shards(ledger, store, "ledger", LEDGER, 1, key="doc_id")
    return len(kept), len(ledger)


def read(root: Path, uri: str, section: Ingest) -> Row:
    """One row: of the store, or of the ledger (then it has a `drop_reason`)."""
    path = root / uri
    if metadata.is_metadata(path.name):
        return _dropped(uri, "metadata_file", "describes other files")
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
            return _dropped(uri, "outside_source", "a link that leaves the source")
        size = path.stat().st_size
        if size > section.max_bytes:
            return _dropped(uri, "too_large", f"{size} bytes > {section.max_bytes}")
        content = path.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        return _dropped(uri, "unreadable", str(error))
    if not content.strip():
        return _dropped(uri, "empty", f"{size} bytes")
    return _document(root, uri, content, section)


def _dropped(uri: str, reason: str, detail: str) -> Row:
    return {"doc_id": document_id(uri), "source_uri": uri, "drop_reason": reason, "detail": detail}


def _document(root: Path, uri: str, content: bytes, section: Ingest) -> Row:
    mime = detection.mime_of(uri, content, section.min_mime_score)
    charset = detection.charset_of(content) if detection.is_text(mime.decided) else None
    known = metadata.of_file(root, uri)
    if mime.decided == "text/markdown" and charset:
        known |= metadata.of_front_matter(content.decode(charset, "replace"))
    width, height = _image_size(content) if mime.decided.startswith("image/") else (None, None)
    return {
        "doc_id": document_id(uri),
        "source_uri": uri,
        "collection": uri.split("/")[0] if "/" in uri else "",
        **dict.fromkeys(metadata.KEYS),
        "doc_type": "other",
        **known,
        "mime": mime.decided,
        "mime_declared": mime.declared,
        "mime_detected": mime.detected,
        "mime_score": mime.score,
        "charset": charset,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "width": width,
        "height": height,
        "content": content,
    }


def _image_size(content: bytes) -> tuple[int | None, int | None]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None, None


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.ingest", description="Sources to document store.")
    parser.add_argument("--raw", type=Path, required=True, help="the tree of sources, e.g. data/raw")
    parser.add_argument("--store", type=Path, required=True, help="folder to write, e.g. data/documents")
    arguments = parser.parse_args()
    section = params.load().ingest
    shutil.rmtree(arguments.store, ignore_errors=True)
    kept, ledger = ingest(arguments.raw, arguments.store, section)
    print(f"ingest: {kept} documents in {arguments.store}, {ledger} other files in its ledger")


if __name__ == "__main__":
    command.run(main)
