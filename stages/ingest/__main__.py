"""Put every document of the sources into the document store, whole, with what is known about it.

In: the sources of params.yaml, by default every file of a tree such as data/raw. Out: `documents-*.parquet`, one row a
document with its original bytes; `ledger-*.parquet`, one row for each file, member or row that is no document or could not
be read, with the reason; `croissant.json`, which describes both.

    python -m stages.ingest --raw data/raw --store data/documents
"""

import argparse
import hashlib
import posixpath
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from stages import command, params
from stages.documents import LEDGER, STORE, Row, Shards, document_id
from stages.ingest import archives, containers, croissant, detection, metadata, sources
from stages.ingest.containers import Budget
from stages.ingest.description import Request, Said, describable
from stages.ingest.detection import Charset, Mime
from stages.ingest.entry import Entry, Refused, collection_of, spelled
from stages.ingest.sources import files_below
from stages.ingest.worker import Worker
from stages.params import Ingest

__all__ = ["files_below", "ingest"]

BLANK = b"\x00 \t\r\n\f\v"
HOST = re.compile(r"\w[\w+.-]*://[^/]*")


def ingest(root: Path, store: Path, section: Ingest) -> tuple[int, int]:
    """Write the store, its ledger and their description.

    Returns:
        How many documents it holds, and how many files, members and rows are in the ledger instead.
    """
    reader = Reader(section)
    times: Counter[str] = Counter()
    with (
        Shards(store, "documents", STORE, section.shards, key="doc_id") as documents,
        Shards(store, "ledger", LEDGER, 1, key="doc_id") as ledger,
    ):
        for entry in command.progress(iterable=sources.entries(root, section), desc="ingest", unit="entry"):
            for row in map(partial(_once, times), reader.rows(entry)):
                (ledger if "drop_reason" in row else documents).add(row)
    reader.worker.stop()
    croissant.write(store)
    return documents.count, ledger.count


def _once(times: Counter[str], row: Row) -> Row:
    """A row, or one of the ledger where its address was there before: what two sources name, the first brings in."""
    uri = row["source_uri"]
    times[uri] += 1
    if times[uri] == 1:
        return row
    reason, detail = row.get("drop_reason", "duplicate"), row.get("detail", f"{uri} is there already")
    return _dropped(f"{uri}#again{times[uri]}", reason, detail)


class Reader:
    """Turns entries into rows, and remembers what pages call the images that come after them."""

    def __init__(self, section: Ingest) -> None:
        self.section = section
        self.worker = Worker(section.parser_timeout_s, section.parser_memory_bytes)
        self._captions: dict[str, str] = {}

    def rows(self, entry: Entry, budget: Budget | None = None, depth: int = 0) -> Iterator[Row]:
        """The row of a document, or those of an archive's members; rows of the ledger have a `drop_reason`."""
        try:
            with entry.open() as file:
                kind = archives.kind_of(entry.uri, file)
                if kind is None:
                    yield self._document(entry, self._content(file))
                    return
                if depth > self.section.archives.max_nesting:
                    raise Refused("archive_nested", f"{depth} deep > {self.section.archives.max_nesting}")
                budget = budget or archives.budget_of(_size(file), self.section)
                members = containers.members_of(kind, entry.uri, file, budget, self.section.max_bytes)
                for member in archives.entries(entry.uri, members, entry.layers, self.section):
                    yield from self.rows(member, budget, depth + 1)
                yield _dropped(entry.uri, "archive", f"{len(members)} members")
        except Refused as refusal:
            yield _dropped(entry.uri, refusal.reason, refusal.detail)
        except OSError as error:
            yield _dropped(entry.uri, "unreadable", error.strerror or type(error).__name__)

    def _content(self, file: BinaryIO) -> bytes:
        size, most = _size(file), self.section.max_bytes
        content = file.read(most + 1)
        if len(content) > most:
            raise Refused("too_large", f"{max(size, len(content))} bytes > {most}")
        if not content.strip(BLANK):
            raise Refused("empty", f"{len(content)} bytes")
        return content

    def _document(self, entry: Entry, content: bytes) -> Row:
        mime = detection.mime_of(entry.uri, content, self.section.min_mime_score)
        if entry.mime:
            mime = Mime(entry.mime, entry.mime, mime.detected, mime.score)
        charset = detection.charset_of(content) if detection.is_text(mime.decided) else None
        said = self._said(entry, mime, charset, content)
        for address, caption in said.captions.items():
            image = _resolved(entry.uri, address)
            if image and entry.holds(image):
                self._captions.setdefault(image, caption)
        return {
            "doc_id": document_id(entry.uri),
            "source_uri": entry.uri,
            "collection": collection_of(entry.uri, entry.table),
            **self._known(entry, mime, said),
            "mime": mime.decided,
            "mime_declared": mime.declared,
            "mime_detected": mime.detected,
            "mime_score": mime.score,
            "charset": charset.name if charset else None,
            "charset_evidence": charset.evidence if charset else None,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "width": said.width,
            "height": said.height,
            "fault": said.fault,
            "content": content,
        }

    def _said(self, entry: Entry, mime: Mime, charset: Charset | None, content: bytes) -> Said:
        if not describable(mime.decided):
            return Said()
        typed = any("doc_type" in layer for _, layer in entry.layers)
        name = charset.name if charset else None
        return self.worker.describe(Request(mime.decided, name, content, typed, self.section.min_doc_type_score))

    def _known(self, entry: Entry, mime: Mime, said: Said) -> Row:
        """The metadata columns: what is declared wins over what the document says, but for Markdown's front matter."""
        own = ("document", said.metadata)
        page = ("page", {"caption": self._captions[entry.uri]} if entry.uri in self._captions else {})
        layers = (page, *entry.layers, own) if mime.decided == "text/markdown" else (page, own, *entry.layers)
        values, origin = metadata.merged(layers)
        decided = "doc_type" not in values
        return {
            **dict.fromkeys(metadata.KEYS),
            **values,
            "doc_type": (said.doc_type or "other") if decided else values["doc_type"],
            "doc_type_score": said.doc_type_score if decided else None,
            "origin": dict(sorted({**origin, "doc_type": "rule" if decided else origin["doc_type"]}.items())),
        }


def _dropped(uri: str, reason: str, detail: str) -> Row:
    return {"doc_id": document_id(uri), "source_uri": uri, "drop_reason": reason, "detail": detail}


def _size(file: BinaryIO) -> int:
    """The bytes of a file, left at its beginning."""
    size = file.seek(0, 2)
    file.seek(0)
    return size


def _resolved(uri: str, address: str) -> str | None:
    """The uri of the image to which a page at `uri` links; None where the link is not relative, or leads outside."""
    path = unquote(address.split("#")[0].split("?")[0])
    host = HOST.match(uri)
    start = host.group() if host else ""
    if ":" in path or (path.startswith("/") and not start):
        return None
    found = posixpath.normpath(posixpath.join(posixpath.dirname(uri[len(start) :]), spelled(path)))
    return None if found.startswith("..") else start + found


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
