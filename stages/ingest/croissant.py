"""The store as a Croissant dataset (MLCommons, docs.mlcommons.org/croissant): JSON-LD with files, columns, counts.

data/documents/croissant.json: any Croissant reader finds the shards, checks their sha256 and yields the rows.

It depends on the shards alone: no clock, no path of this machine.
"""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages.documents import LEDGER, STORE

NAME = "croissant.json"
PARQUET = "application/x-parquet"
TYPES = {pa.string(): "sc:Text", pa.int64(): "cr:Int64", pa.float64(): "cr:Float64"}
DAY = re.compile(r"\d{4}-\d\d-\d\d")
COUNTED = ("collection", "licence", "date")

# The context that the specification prescribes, version 1.1.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
} | {
    term: f"cr:{term}"
    for term in (
        "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
        "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
        "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
        "transform",
    )
}  # fmt: skip

Node = dict[str, Any]


def write(store: Path) -> None:
    """Write croissant.json beside the shards."""
    text = json.dumps(describe(store), ensure_ascii=False, indent=1) + "\n"
    (store / NAME).write_text(text, encoding="utf-8")


def describe(store: Path) -> Node:
    """The description of a store."""
    files = [_file(path) for path in sorted(store.glob("*.parquet"))]
    counts = _counts(store)
    licences = sorted({str(licence) for _, licence, _ in counts if licence})
    dates = sorted(date for _, _, date in counts if date and DAY.fullmatch(date))
    version = hashlib.sha256("".join(file["sha256"] for file in files).encode()).hexdigest()
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": {"en": "documents"},
        "description": {"en": f"{counts.total()} documents as they were found, with what is known about each."},
        "license": licences or ["unknown"],
        "version": f"0.0.0+{version[:12]}",
        **({"datePublished": dates[-1]} if dates else {}),
        "distribution": [*files, _shards("documents"), _shards("ledger")],
        "recordSet": [
            _records("documents", STORE, "One row a document, with its original bytes."),
            _records("ledger", LEDGER, "What is in the sources, but is no document or cannot be read, and why."),
            _collections(counts),
        ],
    }


def _file(path: Path) -> Node:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = f"{path.stat().st_size} B"
    about = {"contentUrl": path.name, "contentSize": size, "encodingFormat": PARQUET, "sha256": digest}
    return {"@type": "cr:FileObject", "@id": path.name, "name": {"en": path.name}, **about}


def _shards(stem: str) -> Node:
    name = f"{stem}-shards"
    about = {"encodingFormat": PARQUET, "includes": f"{stem}-*.parquet"}
    return {"@type": "cr:FileSet", "@id": name, "name": {"en": name}, **about}


def _records(name: str, schema: pa.Schema, description: str) -> Node:
    fields = [_field(name, column) for column in schema if column.type in TYPES or pa.types.is_binary(column.type)]
    node = {"@type": "cr:RecordSet", "@id": name, "name": {"en": name}, "description": {"en": description}}
    return {**node, "key": {"@id": f"{name}/doc_id"}, "field": fields}


def _field(records: str, column: pa.Field) -> Node:
    source = {"fileSet": {"@id": f"{records}-shards"}, "extract": {"column": column.name}}
    name = {"@id": f"{records}/{column.name}", "name": {"en": column.name}}
    return {"@type": "cr:Field", **name, "dataType": TYPES.get(column.type, "sc:Text"), "source": source}


def _counts(store: Path) -> Counter[tuple[str | None, ...]]:
    """How many documents there are of each collection, licence and date."""
    found: Counter[tuple[str | None, ...]] = Counter()
    for path in sorted(store.glob("documents-*.parquet")):
        columns = pq.read_table(path, columns=list(COUNTED)).to_pydict()
        found.update(zip(*(columns[name] for name in COUNTED), strict=True))
    return found


def _collections(counts: Counter[tuple[str | None, ...]]) -> Node:
    """Documents by collection and licence, as records inside this file."""
    totals: Counter[tuple[str, str]] = Counter()
    for (collection, licence, _), count in counts.items():
        totals[str(collection), licence or ""] += count
    fields = [("collection", "sc:Text"), ("licence", "sc:Text"), ("documents", "cr:Int64")]
    data = [dict(zip((name for name, _ in fields), (*key, totals[key]), strict=True)) for key in sorted(totals)]
    return {
        "@type": "cr:RecordSet",
        "@id": "collections",
        "name": {"en": "collections"},
        "field": [
            {"@type": "cr:Field", "@id": f"collections/{name}", "name": {"en": name}, "dataType": kind} for name, kind in fields
        ],
        "data": [{f"collections/{name}": value for name, value in row.items()} for row in data],
    }
