"""Clean documents for the tests of `prepare`."""

import json
from typing import Any

from stages.documents import Row, document_id


def document(uri: str, text: str, doc_type: str, mime: str, split: str | None = None, title: str | None = None) -> Row:
    """A row of the clean corpus."""
    return {
        "doc_id": document_id(uri), "source_uri": uri, "title": title, "language": "fr", "doc_type": doc_type,
        "mime": mime, "text": text, "split": split,
    }  # fmt: skip


def table(items: list[Any], uri: str = "a.json", doc_type: str = "product", split: str | None = None) -> Row:
    """A document that is a JSON list of rows."""
    return document(uri, json.dumps(items), doc_type, "application/json", split)
