"""Questions and answers: of FAQ pages in the sanitizer's uniform form, and pairs of two texts.

# Morel Hardware                    a question with fewer words than `prepare.title_words` says little by itself:
## Open on Sunday?                  Morel Hardware: Open on Sunday?  ->  No.
No.
"""

import re
from collections.abc import Iterator

from stages.documents import Row
from stages.examples import Example
from stages.params import Prepare
from stages.prepare.rows import Rejected, example, is_table, pairs

# A fence from its first to its last line, or to the end of the text; else the mark of a heading.
HEADING = re.compile(r"^[ \t]*(`{3,}|~{3,})[^`\n]*$.*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)|^## ", re.MULTILINE | re.DOTALL)


def examples(document: Row, section: Prepare) -> Iterator[Example | Rejected]:
    """Every question of a document with its answer."""
    if is_table(document, section.columns):
        for pair in pairs(document, section):
            if isinstance(pair, Rejected) or not isinstance(pair.output, str):
                continue
            yield example(document, "faq", pair.place, pair.input, pair.output, pair.row, section.group_by)
    elif document["doc_type"] == "faq":
        for index, part in enumerate(_parts(document["text"])):
            question, _, answer = (text.strip() for text in part.partition("\n"))
            if not answer and not question.endswith("?"):
                continue  # the heading of a chapter
            if not answer:
                yield Rejected(document["source_uri"], index, "no_output", f"{question[:40]!r} has no answer")
                continue
            asked = _with_title(question, document["title"], section.title_words)
            yield example(document, "faq", str(index), asked, answer, {}, section.group_by)


def _parts(text: str) -> list[str]:
    """What follows each heading, up to the next; a comment of a shell script inside a fence is none."""
    headings = [found for found in HEADING.finditer(text) if not found.group(1)]
    ends = [*(found.start() for found in headings[1:]), len(text)]
    return [text[found.end() : end] for found, end in zip(headings, ends, strict=False)]


def _with_title(question: str, title: str | None, words: int) -> str:
    return f"{title}: {question}" if title and len(re.findall(r"\w+", question)) < words else question
