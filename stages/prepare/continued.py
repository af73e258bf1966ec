"""Technical and narrative text itself, in pieces that end at paragraph ends, for continued pretraining.

The pieces are of at most `prepare.chunk_characters`, a longer paragraph whole; `tokenize` cuts what then exceeds a row.
"""

import re
from collections.abc import Iterator

from stages.documents import Row
from stages.examples import Example
from stages.params import Prepare
from stages.prepare.rows import Rejected, example, is_table

DOC_TYPES = ("technical", "narrative")


def examples(document: Row, section: Prepare) -> Iterator[Example | Rejected]:
    """The pieces of a document."""
    if document["doc_type"] in DOC_TYPES and not is_table(document, section.columns):
        for index, piece in enumerate(pieces(document["text"], section.chunk_characters)):
            yield example(document, "continue", str(index), "", piece, {}, section.group_by)


def pieces(text: str, limit: int) -> list[str]:
    """Cut a text at paragraph ends into pieces of at most `limit` characters; a longer paragraph stays whole."""
    found: list[str] = []
    for paragraph in re.split(r"\n{2,}", text.strip()) if text.strip() else []:
        if found and len(found[-1]) + 2 + len(paragraph) <= limit:
            found[-1] += "\n\n" + paragraph
        else:
            found.append(paragraph)
    return found
