"""Documents that searches find by their words while their vectors are still to come."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from retrieval.context import embedded_digest
from retrieval.fingerprint import Fingerprint
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.reader import PENDING_LOST, IndexReader
from retrieval.segments.sorted_keys import keys_of
from retrieval.segments.write_segment import Records, Rows, write_segment
from retrieval.types import DocumentRecord
from retrieval.writer.changes import Change

log = logging.getLogger(__name__)


class Backlog:
    """What a writer has parsed and not embedded yet, in segments that the manifest names apart from those of Chroma's
    documents. It outlives the process: the next sync embeds it without reading the files again.

    parts     the segments, less the documents that were dropped
    records   source -> the record, with the status "pending"
    """

    def __init__(self, directory: Path, parts: Sequence[LiveSegment]) -> None:
        """`directory` is that of the segments."""
        self.parts = [part for part in parts if _is_whole(part)]
        self._directory = directory
        self._places: dict[str, tuple[int, int]] = {}
        self.records: dict[str, DocumentRecord] = {}
        for number in range(len(self.parts)):
            self._take(number)

    def add(self, changes: Sequence[Change], *, made_with: Fingerprint, reader: IndexReader) -> None:
        """Write a segment of these documents, each in place of an earlier version. Chunks whose string has a vector
        in `reader` have it here, too."""
        self.drop(change.record.source for change in changes)
        header, default_language = bool(made_with.settings["context_header"]), made_with.settings["language"]
        chunks = [chunk for change in changes for chunk in change.chunks]
        digests = [embedded_digest(chunk, context_header=header) for chunk in chunks]
        known = reader.vectors_of(digests)
        nothing = np.zeros(made_with.dimension, np.float32)
        vectors = np.array([known.get(digest, nothing) for digest in digests], np.float32)
        awaits = np.array([digest not in known for digest in digests], np.bool_)
        languages = {change.record.id: change.record.language or default_language for change in changes}
        segment = write_segment(
            self._directory,
            Rows(
                chunks,
                vectors.reshape(len(chunks), made_with.dimension),
                [languages[chunk.document_id] for chunk in chunks],
                awaits,
            ),
            Records(
                [change.recorded("pending", made_with=made_with) for change in changes],
                [change.content for change in changes],
            ),
            context_header=header,
        )
        self.parts.append(LiveSegment(segment))
        self._take(len(self.parts) - 1)

    def drop(self, sources: Iterable[str]) -> None:
        """Forget these documents: Chroma has them now, or they are gone. Others are left alone."""
        rows: defaultdict[int, list[str]] = defaultdict(list)
        places: defaultdict[int, list[int]] = defaultdict(list)
        for source in sources:
            if (record := self.records.pop(source, None)) is not None:
                number, place = self._places.pop(source)
                rows[number] += record.chunk_ids
                places[number].append(place)
        for number, ids in rows.items():
            part = self.parts[number]
            self.parts[number] = part.without(part.segment.rows_of_ids(keys_of(ids)), np.array(places[number]))

    def changes(self, sources: Iterable[str]) -> Iterator[Change]:
        """Those of these documents that are here, as changes that bring them into Chroma, those modified last first.
        Reads each when it is asked for."""
        found = (record for source in sources if (record := self.records.get(source)) is not None)
        waiting = sorted(found, key=lambda record: (-record.mtime_ns, record.source))
        for record in waiting:
            if self.records.get(record.source) == record:
                number, place = self._places[record.source]
                segment = self.parts[number].segment
                rows = segment.rows_of_ids(keys_of(record.chunk_ids))
                yield Change(record, [segment.chunk(row) for row in rows.tolist()], segment.content(place))

    def save(self) -> None:
        """Have files on disk say all that was dropped; leave out segments that nothing is left of."""
        there = [number for number, part in enumerate(self.parts) if part.records_size]
        if len(there) < len(self.parts):
            moved = {number: place for place, number in enumerate(there)}
            self._places = {source: (moved[number], place) for source, (number, place) in self._places.items()}
        self.parts = [self.parts[number].saved(self._directory) for number in there]

    def _take(self, number: int) -> None:
        part = self.parts[number]
        for place in part.record_places:
            record = part.segment.record(place)
            self.records[record.source] = record
            self._places[record.source] = number, place


def _is_whole(part: LiveSegment) -> bool:
    """Reads all of it."""
    if part.segment.is_cut_off or part.segment.altered():
        log.warning(PENDING_LOST, part.segment.name)
        return False
    return True
