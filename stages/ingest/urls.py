"""What fsspec URLs name, and its download: s3://bucket/docs/, https://example.org/a.pdf, gs://bucket/**/*.md."""

import tempfile
from typing import Any, BinaryIO, cast

import aiohttp
import fsspec
from botocore.exceptions import BotoCoreError, ClientError

from stages.command import Failure
from stages.ingest.entry import Refused
from stages.params import Ingest

NETWORK = (OSError, aiohttp.ClientError, BotoCoreError, ClientError)
CHUNK = 1_000_000  # bytes of a download held at once


def found(url: str, options: dict[str, Any], section: Ingest) -> tuple[Any, list[str]]:
    """The file system of a URL and the files in it that the URL names."""
    if url.startswith(("http://", "https://")):
        options = {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=section.url_timeout_s)}, **options}
    try:
        filesystem, path = fsspec.url_to_fs(url, **options)
        if "*" in path:
            paths = [found for found, about in filesystem.glob(path, detail=True).items() if about["type"] == "file"]
        else:
            paths = filesystem.find(path) if url.endswith("/") else [path]
    except (*NETWORK, ValueError, ImportError) as error:
        raise Failure(f"ingest: {url} cannot be listed: {error or type(error).__name__}") from error
    if not paths:
        raise Failure(f"ingest: {url} names no file; correct it in params.yaml, ingest.sources")
    return filesystem, paths


def download(filesystem: Any, path: str, section: Ingest) -> BinaryIO:
    """A file from a URL, in memory, or unnamed on disk where it is longer than a document: an archive or a table."""
    limit = section.archives.max_unpacked_bytes
    # One stream from the web: what a server says of size and ranges may be wrong.
    options = {"block_size": 0} if "http" in filesystem.protocol else {}
    local = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=section.max_bytes))  # noqa: SIM115  the caller closes it
    try:
        with filesystem.open(path, "rb", **options) as remote:
            while chunk := remote.read(CHUNK):
                local.write(chunk)
                if local.tell() > limit:
                    raise Refused("too_large", f"more than {limit} bytes")
    except NETWORK as error:
        raise Refused("unreadable", f"{type(error).__name__}: {error}") from error
    local.seek(0)
    return local
