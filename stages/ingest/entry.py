r"""One thing that a source holds: where it is, what is declared about it, and how it is opened.

Entry("manual/drill.md", …)                    a file below the raw root
Entry("docs.zip!/a/b.html", …)                 a member of an archive
Entry("prices.csv#17", …)                      a row of a table
Entry("https://example.org/a.pdf", …)          a file behind a URL
Entry(r"caf\xe9.txt", …)                       a file whose name is not UTF-8
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from stages.ingest.metadata import Layer

CONTROL = re.compile("[\x00-\x1f\x7f]")
HUB = "hf://datasets/"


class Refused(Exception):
    """A thing that is no document, or cannot be read as one: the ledger's reason and the value that decided."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Entry:
    """A possible document, not read yet."""

    uri: str
    layers: tuple[Layer, ...]  # what is declared about it, the weakest first
    open: Callable[[], BinaryIO]  # raises Refused, OSError
    mime: str | None = None  # where the source knows it, e.g. of the row of a table
    holds: Callable[[str], bool] = lambda _: False  # whether its source has an image at this address
    table: str | None = None  # the address of the table or dataset whose row it is


def in_memory(content: bytes) -> Callable[[], BinaryIO]:
    """An `open` for bytes that are there already."""
    return lambda: io.BytesIO(content)


def refused(uri: str, reason: str, detail: str) -> Entry:
    """An entry of which it is known before it is opened that it is no document."""

    def refuse() -> BinaryIO:
        raise Refused(reason, detail)

    return Entry(uri, (), refuse)


def spelled(name: str) -> str:
    r"""A file name as text that every reader can hold, and that gives the name back.

    Bytes that are no UTF-8 and control characters become `\xNN`, a backslash becomes two; other names stay as they are.
    """
    text = name.encode("utf-8", "surrogateescape").replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def unspelled(uri: str) -> bytes:
    """The bytes of the name that `spelled` was given."""
    return re.sub(
        rb"\\(?:x([0-9a-f]{2})|\\)",
        lambda found: bytes.fromhex(found.group(1).decode()) if found.group(1) else b"\\",
        uri.encode("utf-8"),
    )


def collection_of(uri: str, table: str | None) -> str:
    """The first folder of a document or of its table; the archive, table, dataset or host where there is none."""
    if uri.startswith(HUB):
        return re.split("[@#]", uri.removeprefix(HUB))[0]
    if "://" in uri:
        return uri.split("://", 1)[1].split("/")[0]
    first, *below = re.split("!?/", table or uri, maxsplit=1)
    return first if below or table else ""
