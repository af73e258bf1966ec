"""The sources of params.yaml, each as entries: trees and URLs here, the rows of tables and datasets by `tables`.

- kind: tree       path: manual                        every file below data/raw/manual
- kind: url        url: s3://bucket/docs/**/*.html     one file, a folder (ends in /) or a pattern
"""

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from stages.command import Failure
from stages.ingest import tables, urls
from stages.ingest.detection import declared_type
from stages.ingest.entry import Entry, Refused, refused, spelled
from stages.ingest.metadata import Declared, Layer, checked, is_metadata
from stages.params import DatasetSource, Ingest, TableSource, TreeSource, UrlSource


def entries(root: Path, section: Ingest) -> Iterator[Entry]:
    """Every entry of every source, in the order of the sources.

    Raises:
        Failure: a source does not exist, or holds nothing.
    """
    of_rows = [source for source in section.sources if isinstance(source, TableSource)]
    claimed = {_uri(path, root) for source in of_rows for path in _local_files(root, source)}
    paths = [source.path for source in section.sources if isinstance(source, DatasetSource)]
    datasets = [path for path in paths if (root / path).is_dir()]
    for number, source in enumerate(section.sources):
        defaults: Layer = ("source", checked(dict(source.metadata), f"params.yaml: ingest.sources.{number}.metadata"))
        if isinstance(source, TreeSource):
            yield from _tree(root, source, defaults, claimed, datasets)
        elif isinstance(source, UrlSource):
            yield from _url(source, defaults, section)
        elif isinstance(source, TableSource):
            for uri, open_table in _table_files(root, source, section):
                yield from tables.of_file(uri, open_table, source, defaults, section)
        else:
            _inside(root, source.path)
            yield from tables.of_dataset(root, source, defaults)


# --- trees


def files_below(root: Path) -> list[str]:
    """The source_uri of every file below `root`, sorted; links are listed, not followed.

    Raises:
        Failure: `root` is no folder, or holds nothing.
    """
    return [uri for uri, _ in _listing(root, root)]


def _listing(root: Path, folder: Path) -> list[tuple[str, str]]:
    """The source_uri and the name below `root` of every file below `folder`, sorted."""
    remedy = "put your documents there, or restore it with git or dvc pull"
    if not folder.is_dir():
        raise Failure(f"ingest: {folder} does not exist; {remedy}")
    found = sorted((_uri(path, root), path) for path in _walk(str(folder)))
    if not found:
        raise Failure(f"ingest: {folder} is empty; {remedy}")
    return found


def _uri(path: str | Path, root: Path) -> str:
    return spelled(_portable(path, root))


def _portable(path: str | Path, root: Path) -> str:
    """The name below `root` as its bytes are, whatever the locale."""
    return os.fsencode(os.path.relpath(path, root)).decode("utf-8", "surrogateescape")


def _walk(top: str) -> Iterator[str]:
    """All files; a folder that cannot be listed counts as one."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                found = list(listed)
        except OSError:
            yield folder
            continue
        for item in found:
            if item.is_dir(follow_symlinks=False):
                waiting.append(item.path)
            else:
                yield item.path


def _tree(root: Path, source: TreeSource, defaults: Layer, claimed: set[str], datasets: list[str]) -> Iterator[Entry]:
    """The files of a tree, pages before the images that they may show; what an earlier source brought in is left out."""
    top = root / _inside(root, source.path)
    if not top.resolve().is_relative_to(root.resolve()):
        raise Failure(f"ingest: the tree {source.path} is a link that leads out of {root}; name a folder inside it")
    listing = _listing(root, top)
    declared = Declared(partial(_content, root), f"{root}/")
    for uri, path in sorted(listing, key=lambda found: declared_type(found[0]).startswith("image/")):
        if uri in claimed:
            continue
        claimed.add(uri)
        if any(uri.startswith(f"{folder}/") for folder in datasets):
            yield refused(uri, "dataset_file", "its rows are documents")
        elif is_metadata(uri):
            yield refused(uri, "metadata_file", "describes other files")
        else:
            layers = (defaults, *declared.of(_portable(path, root)))
            yield Entry(uri, layers, partial(_open, Path(path), top), holds=lambda uri: os.path.isfile(root / uri))


def _content(root: Path, name: str) -> bytes | None:
    """A metadata file, if there is one: no link that leads away. A name may be too long with its ending (os.path: no file)."""
    path = root / name
    inside = os.path.isfile(path) and path.resolve().is_relative_to(root.resolve())
    return path.read_bytes() if inside else None


def _open(path: Path, top: Path) -> BinaryIO:
    """A regular file below `top`; anything else is never opened: a FIFO would wait for ever."""
    try:
        if not path.resolve().is_relative_to(top.resolve()):
            raise Refused("outside_source", "a link that leaves the source")
        mode = path.stat().st_mode
    except RuntimeError as error:
        raise Refused("unreadable", "a link that leads to itself") from error
    if stat.S_ISDIR(mode):
        raise Refused("unreadable", "a link to a folder" if path.is_symlink() else "a folder that may not be listed")
    if not stat.S_ISREG(mode):
        raise Refused("not_a_file", stat.filemode(mode))
    return path.open("rb")


# --- URLs


def _url(source: UrlSource, defaults: Layer, section: Ingest) -> Iterator[Entry]:
    """The files that a URL names, pages before images."""
    filesystem, paths = urls.found(source.url, source.options, section)
    uris = {filesystem.unstrip_protocol(path): path for path in paths}
    images = {uri for uri in uris if declared_type(uri).startswith("image/")}
    for uri in sorted(uris, key=lambda uri: (uri in images, uri)):
        download = partial(urls.download, filesystem, uris[uri], section)
        yield Entry(spelled(uri), (defaults,), download, holds=images.__contains__)


# --- tables


def _local_files(root: Path, source: TableSource) -> list[Path]:
    """The files of a table below the raw root."""
    if "://" in source.path:
        return []
    return sorted(path for path in root.glob(_inside(root, source.path)) if not path.is_dir())


def _table_files(root: Path, source: TableSource, section: Ingest) -> Iterator[tuple[str, Any]]:
    """The address of each file of a table, and how it is opened."""
    if "://" in source.path:
        filesystem, paths = urls.found(source.path, {}, section)
        for path in paths:
            yield spelled(filesystem.unstrip_protocol(path)), partial(urls.download, filesystem, path, section)
        return
    files = _local_files(root, source)
    if not files:
        raise Failure(f"ingest: no table {source.path} below {root}; correct it in params.yaml, ingest.sources")
    yield from ((_uri(file, root), partial(_open, file, root)) for file in files)


def _inside(root: Path, path: str) -> str:
    """A path or pattern of params.yaml that does not lead out of the raw root.

    Raises:
        Failure: it does.
    """
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or not path:
        raise Failure(f"ingest: {path!r} is not below {root}; name a path inside it in params.yaml, ingest.sources")
    return path
