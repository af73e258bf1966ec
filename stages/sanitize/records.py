"""The record that goes through the pipeline, datatrove's Document, and the two kinds of steps that it meets.

A transform answers with a Change, or None where it has nothing to do; a filter answers True, or a Drop:

    Filter("length", lambda document: len(document.text) >= 30 or Drop("too_short", f"{len(document.text)} characters"))

What happened stands in the record itself: `steps` (step, characters in and out, notes), `drop_reason` and `detail`. A dropped
record goes on to the end untouched, because the ledger needs it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from stages.documents import Row
from stages.sanitize import pii

MAX_NOTES = 20  # of one step of one document
MAX_NOTE = 80  # characters
MAX_DETAIL = 300  # characters


@dataclass(frozen=True)
class Drop:
    """Why a document is not kept: a snake_case reason, and the value that decided."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Change:
    """A step's new text, under the name by which the record shall remember it."""

    step: str
    text: str
    notes: list[str] = field(default_factory=list)


class Unreadable(Exception):
    """A document that cannot be turned into text; the message says why."""

    reason = "unreadable"


class Encrypted(Unreadable):
    """A document that only a password opens."""

    reason = "encrypted"


def record_of(row: Row) -> Document:
    """A row of the store as a record without text."""
    return Document(text="", id=row["doc_id"], metadata={**row, "steps": [], "pii": {}, "drop_reason": None, "detail": None})


def drop(document: Document, why: Drop) -> None:
    """Mark a record as not to be kept; a parser's message may cite the document, so the detail is masked and cut."""
    detail = _masked(document, pii.shortened(why.detail[: 4 * MAX_DETAIL], MAX_DETAIL))
    document.metadata |= {"drop_reason": why.reason, "detail": detail}
    mask_notes(document)


def mask_notes(document: Document) -> None:
    """Take personal data out of the notes of all steps: the ledger shows them."""
    for step in document.metadata["steps"]:
        step["notes"] = [_masked(document, note) for note in step["notes"]]


def _masked(document: Document, text: str) -> str:
    return pii.masked(text, set(pii.NAMES), document.metadata.get("language") or "")[0]


class Step(PipelineStep):
    """One step: hands every record on, worked on unless it is dropped already."""

    type = "sanitize"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__()

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        for document in data:
            if document.metadata["drop_reason"] is None:
                with self.track_time():
                    self._work(document)
                self.stat_update(
                    f"dropped_{document.metadata['drop_reason']}" if document.metadata["drop_reason"] else "passed"
                )
            yield document

    def _work(self, document: Document) -> None:
        try:
            self.apply(document)
        except Unreadable as error:
            drop(document, Drop(error.reason, f"{self.name}: {error}"))
        except Exception as error:  # noqa: BLE001  the bytes are anybody's: whatever a library makes of them, the rest goes on
            drop(document, Drop("unreadable", f"{self.name}: {type(error).__name__}: {error}"))

    def apply(self, document: Document) -> None:
        """Change a record, or drop it."""
        raise NotImplementedError


class Transform(Step):
    """A step that may change the text; the record remembers its length before and after."""

    def __init__(self, name: str, change: Callable[[Document], Change | None]) -> None:
        super().__init__(name)
        self._change = change

    def apply(self, document: Document) -> None:
        size = len(document.text)
        change = self._change(document)
        if change is not None:
            record_step(document, change, size)


class Filter(Step):
    """A step that keeps a record or drops it, and changes nothing."""

    def __init__(self, name: str, judge: Callable[[Document], bool | Drop]) -> None:
        super().__init__(name)
        self._judge = judge

    def apply(self, document: Document) -> None:
        judgement = self._judge(document)
        if isinstance(judgement, Drop):
            drop(document, judgement)


def record_step(document: Document, change: Change, chars_in: int) -> None:
    """Give a record its new text and the memory of the step."""
    notes = [pii.shortened(note, MAX_NOTE) for note in change.notes[:MAX_NOTES]]
    if len(change.notes) > MAX_NOTES:
        notes[-1] = f"… and {len(change.notes) - MAX_NOTES + 1} more"
    step = {"step": change.step, "chars_in": chars_in, "chars_out": len(change.text), "notes": notes}
    document.metadata["steps"].append(step)
    document.text = change.text
