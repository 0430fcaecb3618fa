"""What can be read of the search files, some of which may be damaged: all that a new Chroma can be made of."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.chroma.store import State
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.errors import IndexDamagedError
from retrieval.segments.live_segment import SUFFIX as DELETIONS
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.manifest import Entry, Manifest
from retrieval.segments.pack import Pack
from retrieval.segments.reader import IndexReader, pending_part
from retrieval.segments.segment import SUFFIX as SEGMENT
from retrieval.segments.segment import Segment
from retrieval.segments.sorted_keys import Keys
from retrieval.topk import Mask

_OF_ROWS = {"ids", "id_order", "documents", "vectors", "texts.bytes", "texts.ends", "metadata.bytes", "metadata.ends"}
_OF_RECORDS = {"record_ids", "record_order", "records.bytes", "records.ends", "contents.bytes", "contents.ends"}
"""The arrays of a segment that Chroma's rows and records are made of. All others can be made again from these."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """reader   the rows and records that can be read
    damaged  the names of the files that are not what was written
    lost     folder -> how many of its documents have no record left, "" for those added from memory; None where it is
             not known how many there were
    """

    reader: IndexReader
    damaged: Sequence[str]
    lost: Mapping[str, int] | None


def salvage(directory: IndexDirectory, pointer: Pointer, config: Config) -> Salvage | None:
    """All that can be read of the generation that the pointer names; None where that is nothing. Reads all of it.

    Where the manifest is damaged, that is all that the segments hold. Documents whose deletion was noted in a damaged
    file are there again: better than to lose others.
    """
    damaged: list[str] = []
    try:
        manifest = Manifest.read(directory.generations, pointer.generation)
        known = manifest.documents
    except IndexDamagedError:
        if pointer.generation:
            damaged.append(f"{pointer.generation}.json")
        state = State(pointer.generation, {}, pointer.fingerprint)
        manifest, known = Manifest(state, tuple(_entries(directory.segments))), None
    live: list[LiveSegment] = []
    for entry in manifest.segments:
        try:
            segment = Segment(directory.segments / entry.segment)
        except IndexDamagedError:
            damaged.append(entry.segment)
            continue
        try:
            part = LiveSegment.load(segment, directory.segments, entry.deletions)
        except IndexDamagedError:
            damaged.append(entry.deletions)
            part = LiveSegment(segment)
        if altered := set(segment.altered()):
            damaged.append(entry.segment)
            rows = np.arange(segment.size if altered & _OF_ROWS else 0)
            records = np.arange(segment.records_size if altered & _OF_RECORDS else 0)
            part = part.without(rows, records)
        live.append(part)
    if damaged or known is None:
        live = _without_superseded(live)
    pending = (pending_part(directory.segments, entry, {}) for entry in manifest.pending)
    reader = IndexReader(manifest, live, config, pending=[part for part in pending if part is not None])
    if (damaged or known is None) and not reader.size and not reader.records:
        return None
    left = Counter(record.folder for record in reader.records)
    lost = {name: count - left[name] for name, count in known.items()} if known is not None else None
    return Salvage(reader, damaged, lost)


def _entries(segments: Path) -> Iterator[Entry]:
    """What a manifest would name of the files in the directory of segments, the oldest first."""
    deletions: dict[str, str] = {}
    for file in _by_age(segments, DELETIONS):
        try:
            deletions[str(Pack(file).about["segment"])] = file.name
        except IndexDamagedError:
            continue
    for file in _by_age(segments, SEGMENT):
        yield Entry(file.name, deletions.get(file.name, ""))


def _by_age(directory: Path, suffix: str) -> list[Path]:
    return sorted(directory.glob(f"*{suffix}"), key=lambda file: file.stat().st_mtime_ns)


def _without_superseded(live: Sequence[LiveSegment]) -> list[LiveSegment]:
    """The same less rows and records that a later segment has too."""
    kept: list[LiveSegment] = []
    for part in reversed(live):
        for later in kept:
            rows = part.segment.rows_of_ids(_living(later.segment.ids, later.rows))
            records = part.segment.places_of_records(_living(later.segment.record_ids, later.records))
            part = part.without(rows[rows >= 0], records[records >= 0])
        kept.insert(0, part)
    return kept


def _living(keys: Keys, kept: Mask | None) -> Keys:
    return keys if kept is None else keys[kept]
