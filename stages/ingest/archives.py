"""The members of an archive as entries, read in memory, within limits.

docs.zip, docs.tar, docs.tar.gz, docs.tgz    docs.zip!/a/b.html, docs.zip!/a/c.md, …
pairs.jsonl.gz                               pairs.jsonl.gz!/pairs.jsonl

Nothing is written to disk, and a member whose name leads outside, or that is a link, a device or encrypted, is refused by
that name. An archive over the limits is refused whole.
"""

import io
import re
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from stages.command import Failure
from stages.ingest.containers import Budget, Member, read
from stages.ingest.detection import declared_type
from stages.ingest.entry import Entry, Refused, refused, spelled
from stages.ingest.metadata import Declared, Layer, is_metadata
from stages.params import Ingest

SIGNATURES = {"zip": (0, b"PK"), "tar": (257, b"ustar"), "gz": (0, b"\x1f\x8b")}
RATIO_FLOOR = 1_000_000  # bytes; below it a ratio says little: an empty .tar is 85 times its .tar.gz
LONGEST = 300  # characters of a mistake in a member's metadata
OUTSIDE = re.compile(r"^$|^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\x00")


def kind_of(uri: str, file: BinaryIO) -> str | None:
    """tar, tar.gz, gz or zip, where both the name and the first bytes say so."""
    name = uri.lower()
    kind = next((kind for kind in ("tar.gz", "tar", "gz", "zip") if name.endswith(f".{kind}")), None)
    kind = "tar.gz" if name.endswith(".tgz") else kind
    offset, signature = SIGNATURES[kind.removeprefix("tar.") if kind else "zip"]
    begin = file.read(offset + len(signature))
    file.seek(0)
    return kind if begin[offset:] == signature else None


def budget_of(size: int, section: Ingest) -> Budget:
    """The limits of an archive of `size` bytes."""
    limits = section.archives
    return Budget(limits.max_members, min(limits.max_unpacked_bytes, max(limits.max_ratio * size, RATIO_FLOOR)))


def entries(uri: str, members: list[Member], layers: tuple[Layer, ...], section: Ingest) -> Iterator[Entry]:
    """The members as entries: pages before the images that they show, a name that comes twice once as `NAME#2`."""
    plain = {member.name: member for member in reversed(members) if not member.fault and not OUTSIDE.search(member.name)}

    def content(name: str) -> bytes | None:
        try:
            return read(plain[name], section.max_bytes) if name in plain else None
        except Refused:  # it stands in the ledger for itself
            return None

    images = {f"{uri}!/{spelled(name)}" for name in plain if declared_type(name).startswith("image/")}
    declared = Declared(content, f"{uri}!/")
    seen: dict[str, int] = {}
    for member in sorted(members, key=lambda member: declared_type(member.name).startswith("image/")):
        inside = f"{uri}!/{spelled(member.name)}"
        seen[inside] = seen.get(inside, 0) + 1
        if seen[inside] > 1:
            yield refused(f"{inside}#{seen[inside]}", "duplicate", "a name that the archive holds twice; the first is kept")
        elif OUTSIDE.search(member.name):
            yield refused(inside, "unsafe_path", "a path that leads outside the archive")
        elif member.fault:
            yield refused(inside, *member.fault)
        else:
            try:
                known = () if is_metadata(inside) else (*layers, *declared.of(member.name))
            except Failure as mistake:  # in a tree a person mends it; an archive is as it came
                yield refused(inside, "unreadable", " ".join(str(mistake).split())[:LONGEST])
                continue
            yield Entry(inside, known, partial(_opened, member, section.max_bytes), holds=images.__contains__)


def _opened(member: Member, max_bytes: int) -> BinaryIO:
    content = read(member, max_bytes)
    if is_metadata(member.name):
        raise Refused("metadata_file", "describes other files")
    return io.BytesIO(content)
