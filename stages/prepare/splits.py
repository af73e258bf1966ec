"""The split of every example: by its group, drawn by hash, so that adding data moves nothing.

A group is a document, or the rows that share `prepare.group_by`. Where a document says its split, its groups follow it
wherever else they occur: no group stands in two splits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stages.command import Failure
from stages.documents import Row, shard_of
from stages.examples import Example
from stages.params import Prepare

BUCKETS = 10_000


def split_of(group: str, section: Prepare) -> str:
    """The split of a group, from a hash of its name."""
    place = shard_of(f"{section.salt}/{group}", BUCKETS) / BUCKETS
    if place < section.test_share:
        return "test"
    return "valid" if place < section.test_share + section.valid_share else "train"


@dataclass(frozen=True)
class Forced:
    """The split that a document gives a group."""

    split: str
    source_uri: str


class Splits:
    """Where each group goes.

    Raises:
        Failure: two documents give one group two splits.
    """

    def __init__(self, made: Iterable[tuple[Row, Example]], section: Prepare) -> None:
        self._section = section
        self._forced: dict[str, Forced] = {}
        for document, example in made:
            if document["split"]:
                forced = self._forced.setdefault(example.group, Forced(document["split"], document["source_uri"]))
                if forced.split != document["split"]:
                    raise Failure(
                        f"prepare: {forced.source_uri} puts group {example.group!r} into {forced.split}, "
                        f"{document['source_uri']} into {document['split']}; give both one split, or their rows other groups"
                    )

    def of(self, group: str) -> str:
        """The split of a group."""
        forced = self._forced.get(group)
        return forced.split if forced else split_of(group, self._section)

    def why_moved(self, document: Row, group: str) -> str | None:
        """The document that draws a group of another document out of its own split; None if none does."""
        forced = self._forced.get(group)
        if forced is None or document["split"] or forced.split == split_of(group, self._section):
            return None
        return f"group {group!r} follows {forced.source_uri} into {forced.split}"
