"""What a ZIP, TAR or GZIP file holds: its members, within a budget, and what is wrong with each.

No size that a container states is trusted further than it can do no harm, and nothing is unpacked beyond the budget.
"""

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO, cast

from stages.ingest.entry import Refused, spelled, unspelled

HEADER = 1_000_000  # bytes; a name or an attribute in a tar header that is longer is an attack
DIRECTORY = 1000  # bytes; what a ZIP file may spend on naming a member, comment and all
LAST = 65_557 + 76  # bytes; the end records of a ZIP file stand in these
LEADING_DOT = re.compile(r"^(?:\./+)+")
# What zipfile, tarfile and gzip raise on broken archives, found by fuzzing them.
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError, NotImplementedError,
          OverflowError, RecursionError, IndexError)  # fmt: skip


@dataclass
class Budget:
    """What an archive, with all archives in it, may still unpack."""

    members: int
    unpacked: int

    def take(self, members: int, unpacked: int) -> None:
        """Use some of it.

        Raises:
            Refused: more than is left.
        """
        if members > self.members:
            raise Refused("archive_bomb", f"more than {self.members} members")
        if unpacked > self.unpacked:
            raise Refused("archive_bomb", f"more than {self.unpacked} bytes unpacked")
        self.members -= members
        self.unpacked -= unpacked


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name, why it cannot be one, how many bytes it states, how it is read."""

    name: str
    fault: tuple[str, str] | None
    open: Callable[[], BinaryIO]


def members_of(kind: str, uri: str, file: BinaryIO, budget: Budget, max_bytes: int) -> list[Member]:
    """All members in the order of the archive; folders are none.

    Raises:
        Refused: the archive is broken, or over its limits.
    """
    read = {"zip": _zip, "tar": _tar, "tar.gz": _tar_gz, "gz": _gz}[kind]
    try:
        return read(uri, file, budget, max_bytes)
    except BROKEN as error:
        raise Refused("unreadable", f"broken {kind}: {error or type(error).__name__}") from error


def _zip(_uri: str, file: BinaryIO, budget: Budget, _max_bytes: int) -> list[Member]:
    _check_directory(file, budget)
    archive = zipfile.ZipFile(file)
    # zipfile reads no more of a member than its stated size, so that their sum is a bound.
    budget.take(len(archive.infolist()), sum(info.file_size for info in archive.infolist()))
    found = (info for info in archive.infolist() if not info.is_dir())
    return [Member(info.filename, _zip_fault(info), partial(_open_zip, archive, info)) for info in found]


def _check_directory(file: BinaryIO, budget: Budget) -> None:
    """Refuse a central directory that is too long to be read whole, as zipfile does it (APPNOTE 4.3.14 and 4.3.16)."""
    file.seek(max(0, file.seek(0, io.SEEK_END) - LAST))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    located = end >= 20 and tail[end - 20 :].startswith(b"PK\x06\x07")  # the pointer to the 64-bit record
    end64 = tail.rfind(b"PK\x06\x06", 0, end) if located else -1
    sizes = [struct.unpack_from("<L", tail, end + 12)[0]] if 0 <= end <= len(tail) - 22 else []
    sizes += [struct.unpack_from("<Q", tail, end64 + 40)[0]] if 0 <= end64 <= len(tail) - 56 else []
    size = max((size for size in sizes if size != 0xFFFFFFFF), default=0)  # that one stands for "see the 64-bit record"
    if size > DIRECTORY * budget.members:
        raise Refused("archive_bomb", f"a directory of {size} bytes")


def _open_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast(BinaryIO, archive.open(info))


def _zip_fault(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "link", "a link in an archive"
    if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
        return "not_a_file", stat.filemode(mode)
    if info.flag_bits & 0x1:
        return "encrypted", "needs a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without bound
        return "unreadable", f"compression method {info.compress_type}"
    return None


def _tar(_uri: str, file: BinaryIO, budget: Budget, max_bytes: int) -> list[Member]:
    unpacked = Bounded(file, budget.unpacked, max_bytes)
    archive = tarfile.open(fileobj=cast(BinaryIO, unpacked), mode="r:")  # noqa: SIM115  its members are read later
    infos = list(islice(archive, budget.members + 1))
    budget.take(len(infos), sum(0 if info.issparse() else info.size for info in infos))
    found = [
        Member(LEADING_DOT.sub("", info.name), _tar_fault(info), partial(_open_tar, archive, info))
        for info in infos
        if not info.isdir()
    ]
    unpacked.seek(archive.offset)
    if unpacked.read(512).strip(b"\0"):
        raise tarfile.ReadError(f"damaged after {len(found)} members")
    return found


def _open_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> BinaryIO:
    return cast(BinaryIO, archive.extractfile(info))


def _tar_fault(info: tarfile.TarInfo) -> tuple[str, str] | None:
    if info.issym() or info.islnk():
        return "link", f"to {spelled(info.linkname)[:200]}"
    if info.issparse():
        return "unreadable", "a sparse file"
    return None if info.isreg() else ("not_a_file", f"type {info.type!r} of tar")


def _tar_gz(uri: str, file: BinaryIO, budget: Budget, max_bytes: int) -> list[Member]:
    return _tar(uri, cast(BinaryIO, gzip.GzipFile(fileobj=file)), budget, max_bytes)


def _gz(uri: str, file: BinaryIO, budget: Budget, max_bytes: int) -> list[Member]:
    packed = Bounded(cast(BinaryIO, gzip.GzipFile(fileobj=file)), budget.unpacked, max_bytes)
    budget.take(1, 0)
    name = unspelled(uri.rsplit("/", 1)[-1]).decode("utf-8", "surrogateescape")
    return [Member(name[: -len(".gz")], None, lambda: io.BytesIO(packed.read(max_bytes + 1)))]


class Bounded:
    """An unpacking stream that ends with an error at `limit` bytes, and never gives much more than `most` at once."""

    def __init__(self, file: BinaryIO, limit: int, most: int) -> None:
        self._file, self._limit, self._most = file, limit, most + HEADER

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(min(size, self._most) if size >= 0 else self._most)
        self._check(self._file.tell())
        return content

    def seek(self, offset: int) -> int:
        self._check(offset)
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise Refused("archive_bomb", f"more than {self._limit} bytes unpacked")


def read(member: Member, max_bytes: int) -> bytes:
    """The bytes of a member.

    Raises:
        Refused: it is broken, or longer than `max_bytes`.
    """
    try:
        with member.open() as file:
            content = file.read(max_bytes + 1)
    except (*BROKEN, RuntimeError) as error:  # RuntimeError: needs a password
        raise Refused("unreadable", f"broken: {error or type(error).__name__}") from error
    if len(content) > max_bytes:
        raise Refused("too_large", f"more than {max_bytes} bytes")
    return content
