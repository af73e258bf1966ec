"""What is known about a file: defaults of its folders, its sidecar, its own front matter; the nearest wins.

data/raw/_metadata.yaml              licence: CC-BY-4.0
data/raw/manual/_metadata.yaml       doc_type: technical
data/raw/manual/drill.md.meta.yaml   title: The drill
data/raw/manual/drill.md             --- / language: en / ---
"""

from pathlib import Path, PurePosixPath

import frontmatter
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.command import Failure

KEYS = ("title", "source", "author", "language", "date", "licence", "consent", "doc_type", "caption", "split")
DOC_TYPES = ("technical", "faq", "narrative", "web", "product", "other")
SPLITS = ("train", "valid", "test")
ALLOWED = {"doc_type": DOC_TYPES, "split": SPLITS}
FOLDER_FILE = "_metadata.yaml"
SIDECAR = ".meta.yaml"

Metadata = dict[str, str]


def is_metadata(name: str) -> bool:
    """Whether a file describes others instead of being a document."""
    return name == FOLDER_FILE or name.endswith(SIDECAR)


def of_file(root: Path, uri: str) -> Metadata:
    """The metadata of the file `uri` below `root`, without its own front matter.

    Raises:
        Failure: a metadata file is not a mapping of known keys.
    """
    found: Metadata = {}
    for folder in reversed(PurePosixPath(uri).parents):
        found |= _read(root / folder / FOLDER_FILE)
    return found | _read(root / f"{uri}{SIDECAR}")


def of_front_matter(text: str) -> Metadata:
    """The keys of a Markdown file's front matter that are metadata here; nothing where it has none or is broken."""
    try:
        values = frontmatter.loads(text).metadata
    except Exception:  # noqa: BLE001  the YAML is the document author's: any fault in it means "no front matter"
        return {}
    known = {key: str(values[key]) for key in KEYS if values.get(key) is not None}
    return {key: value for key, value in known.items() if value in ALLOWED.get(key, (value,))}


def _read(path: Path) -> Metadata:
    if not path.is_file():
        return {}
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    except (YAMLError, UnicodeDecodeError) as error:
        raise Failure(f"ingest: {path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise Failure(f"ingest: {path} must be a mapping of {', '.join(KEYS)}")
    for key, allowed in (("doc_type", DOC_TYPES), ("split", SPLITS)):
        if key in values and values[key] not in allowed:
            raise Failure(f"ingest: {path}: {key} = {values[key]!r}; it takes {', '.join(allowed)}")
    for key in values:
        if key not in KEYS:
            raise Failure(f"ingest: {path}: {key!r} is unknown; it takes {', '.join(KEYS)}")
    return {key: str(value) for key, value in values.items() if value is not None}
