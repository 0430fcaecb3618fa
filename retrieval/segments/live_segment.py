"""A segment less what was deleted from it since it was written."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import IndexDamagedError
from retrieval.lexical.postings import Postings
from retrieval.segments.column import Kind
from retrieval.segments.pack import Pack, PackWriter
from retrieval.segments.segment import Segment
from retrieval.segments.sorted_keys import Keys
from retrieval.segments.words import Words
from retrieval.topk import Mask, Rows

SUFFIX = ".deletions"


@dataclass(frozen=True)
class LiveSegment:
    """rows        bool [n], the rows that are not deleted; None where all are there
    records     bool [m], the same of the ledger's records
    deletions   the file that says so; "" where nothing is deleted, or none says so yet
    """

    segment: Segment
    rows: Mask | None = None
    records: Mask | None = None
    deletions: str = ""

    @cached_property
    def size(self) -> int:
        """How many rows are there."""
        return self.segment.size if self.rows is None else int(np.count_nonzero(self.rows))

    @cached_property
    def records_size(self) -> int:
        """How many records are there."""
        return self.segment.records_size if self.records is None else int(np.count_nonzero(self.records))

    @property
    def record_places(self) -> list[int]:
        """Where the records that are there lie in the segment."""
        everywhere = np.arange(self.segment.records_size) if self.records is None else np.flatnonzero(self.records)
        places: list[int] = everywhere.tolist()
        return places

    def places_of_records(self, documents: Keys) -> Rows:
        """intp [k]: where the records of these documents lie in the segment, -1 where they are not there."""
        places = self.segment.places_of_records(documents)
        if self.records is not None:
            found = np.flatnonzero(places >= 0)
            places[found[~self.records[places[found]]]] = -1
        return places

    @property
    def record_keys(self) -> Keys:
        """S32 [records_size]: the ids of the records that are there."""
        return self.segment.record_ids if self.records is None else self.segment.record_ids[self.records]

    @property
    def bytes(self) -> float:
        """About what its file would have without what is deleted."""
        parts = self.segment.size + self.segment.records_size
        return self.segment.bytes * (self.size + self.records_size) / parts if parts else 0.0

    @property
    def is_saved(self) -> bool:
        """Whether files on disk say all that is said here."""
        return bool(self.deletions) or (self.rows is None and self.records is None)

    @cached_property
    def postings(self) -> Postings:
        return self.segment.postings if self.rows is None else self.segment.postings.masked(self.rows)

    @property
    def words(self) -> Words:
        """Of texts and headings; those of some deleted rows may be among them."""
        return self.segment.words

    @property
    def stems(self) -> Words:
        """Of such words."""
        return self.segment.stems

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that rows were analysed in."""
        return self.segment.languages

    @property
    def metadata_kinds(self) -> Mapping[str, frozenset[Kind]]:
        """What the values of each field are."""
        return self.segment.columns.kinds()

    def sources(self) -> Iterator[str]:
        """The documents that rows are of, ascending."""
        return self.segment.columns.strings("source")

    def without(self, rows: Rows, records: Rows) -> "LiveSegment":
        """The same less these rows and records too."""
        if not len(rows) and not len(records):
            return self
        return replace(
            self,
            rows=_without(self.rows, self.segment.size, rows),
            records=_without(self.records, self.segment.records_size, records),
            deletions="",
        )

    def saved(self, directory: Path) -> "LiveSegment":
        """The same, with a file in `directory` that says what is deleted."""
        if self.is_saved:
            return self
        name = secrets.token_hex(16) + SUFFIX
        with PackWriter(directory / name) as pack:
            for part, mask in (("rows", self.rows), ("records", self.records)):
                if mask is not None:
                    pack.write(part, np.packbits(mask))
            pack.finish({"segment": self.segment.name})
        return replace(self, deletions=name)

    @classmethod
    def load(cls, segment: Segment, directory: Path, deletions: str) -> "LiveSegment":
        """With what the file says is deleted. Raises IndexDamagedError where it is not what was written."""
        if not deletions:
            return cls(segment)
        pack = Pack(directory / deletions)
        if pack.altered() or pack.about.get("segment") != segment.name:
            raise IndexDamagedError(f"The search file {deletions} is altered.")
        return cls(
            segment, _unpacked(pack, "rows", segment.size), _unpacked(pack, "records", segment.records_size), deletions
        )


def _without(mask: Mask | None, size: int, deleted: Rows) -> Mask | None:
    if not len(deleted):
        return mask
    mask = np.ones(size, dtype=np.bool_) if mask is None else mask.copy()
    mask[deleted] = False
    return mask


def _unpacked(pack: Pack, name: str, size: int) -> Mask | None:
    if name not in pack:
        return None
    bits: NDArray[np.uint8] = pack[name]
    return np.unpackbits(bits, count=size).astype(np.bool_)
