"""What is declared about a file: defaults of its source, its folders, its sidecar; the nearest wins.

params.yaml                          ingest.sources: [{…, metadata: {licence: CC-BY-4.0}}]
data/raw/manual/_metadata.yaml       doc_type: technical
data/raw/manual/drill.md.meta.yaml   title: The drill
data/raw/manual/drill.md             --- / language: en / ---

What the document says of itself is one more layer: over the others in Markdown, below them in any other format.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any, get_args

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent

from stages.command import Failure
from stages.documents import fold_space
from stages.ingest.dates import iso_date
from stages.params import MetadataKey

KEYS: tuple[str, ...] = get_args(MetadataKey)
DOC_TYPES = ("technical", "faq", "narrative", "web", "product", "other")
SPLITS = ("train", "valid", "test")
ALLOWED = {"doc_type": DOC_TYPES, "split": SPLITS}
FOLDER_FILE = "_metadata.yaml"
SIDECAR = ".meta.yaml"
CREATIVE_COMMONS = re.compile(r"https?://creativecommons\.org/(?:licenses/([a-z-]+)|publicdomain/(zero))/(\d\.\d)", re.I)
LONGEST_FILE = 10_000  # bytes of a metadata file: the parser is slow, and no clock runs
LONGEST = 1000  # characters that a document may say of itself under one key

Metadata = dict[str, str]
Layer = tuple[str, Metadata]  # who says it (source, folder, sidecar, document) and what


def is_metadata(path: str) -> bool:
    """Whether a file describes others instead of being a document."""
    name = path.rsplit("/", 1)[-1]
    return name == FOLDER_FILE or name.endswith(SIDECAR)


class Declared:
    """The metadata files of one tree or archive, each read once.

    `read` gives the bytes of a file by its POSIX path, or None where there is none; `place` begins the path in errors.
    """

    def __init__(self, read: Callable[[str], bytes | None], place: str) -> None:
        self._read, self._place = read, place
        self._folders: dict[str, Metadata] = {}

    def of(self, name: str) -> tuple[Layer, ...]:
        """What the folders and the sidecar of the file `name` say.

        Raises:
            Failure: a metadata file is not a mapping of known keys.
        """
        return ("folder", self._of_folder(PurePosixPath(name).parent)), ("sidecar", self._parsed(f"{name}{SIDECAR}"))

    def _of_folder(self, folder: PurePosixPath) -> Metadata:
        key = folder.as_posix()
        if key not in self._folders:
            above = {} if folder == folder.parent else self._of_folder(folder.parent)
            self._folders[key] = above | self._parsed((folder / FOLDER_FILE).as_posix())
        return self._folders[key]

    def _parsed(self, name: str) -> Metadata:
        content = self._read(name)
        path = f"{self._place}{name}"
        if content is None:
            return {}
        if len(content) > LONGEST_FILE:
            raise Failure(f"ingest: {path} has {len(content)} bytes; at most {LONGEST_FILE}")
        try:
            text = content.decode("utf-8")
            if any(isinstance(event, AliasEvent) for event in YAML(typ="safe", pure=True).parse(text)):
                raise Failure(f"ingest: {path} holds an alias (*…), of which a few can stand for gigabytes; write it out")
            values = YAML(typ="safe", pure=True).load(text) or {}
        except (YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or a date such as 2024-13-45
            raise Failure(f"ingest: {path} is not YAML: {error}") from error
        if not isinstance(values, dict):
            raise Failure(f"ingest: {path} must be a mapping of {', '.join(KEYS)}")
        return checked(values, path)


def checked(values: dict[Any, Any], path: str) -> Metadata:
    """Metadata as a person wrote them, as strings; keys without a value are left out.

    Raises:
        Failure: a key or a value is unknown.
    """
    for key, value in values.items():
        if key not in KEYS:
            raise Failure(f"ingest: {path}: {key!r} is unknown; it takes {', '.join(KEYS)}")
        if isinstance(value, dict | list | set):
            raise Failure(f"ingest: {path}: {key} is a list or mapping; write one text")
        if value not in ALLOWED.get(key, (value,)):
            raise Failure(f"ingest: {path}: {key} = {value!r}; it takes {', '.join(ALLOWED[key])}")
    return {key: str(value) for key, value in values.items() if value is not None}


def allowed_only(values: Metadata) -> Metadata:
    """What a document says of itself, without keys that are no metadata and values that a metadata file may not hold."""
    known = {key: value[:LONGEST] for key, value in values.items() if key in KEYS and value.strip()}
    return {key: value for key, value in known.items() if value in ALLOWED.get(key, (value,))}


def merged(layers: Iterable[Layer]) -> tuple[Metadata, dict[str, str]]:
    """Every key from the last layer that has it.

    Returns:
        The values, in one spelling, and for each key who says so.
    """
    values: Metadata = {}
    origin: dict[str, str] = {}
    for name, layer in layers:
        for key, value in layer.items():
            values[key], origin[key] = _normal(key, value), name
    return values, origin


def _normal(key: str, value: str) -> str:
    text = fold_space(value.encode("utf-8", "replace").decode("utf-8").replace("\x00", ""))
    if key == "date":
        return iso_date(text)
    if key == "language":
        return re.split("[-_]", text)[0].lower()
    if key == "licence" and (found := CREATIVE_COMMONS.match(text)):
        return "-".join(("CC", (found.group(1) or "0").upper(), found.group(3))).replace("CC-0", "CC0")
    return text
