"""What a sync has to do. Pure: scanned files and ledger in, Plan out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.scan import ScannedFile
from retrieval.types import DocumentRecord

_CLOCK_TICK_NS = 2_000_000_000
"""The coarsest file system (FAT) counts modification times in steps of two seconds."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scanned file with what is known of its content: `content_hash` is None where it was not read,
    because the ledger vouches for it (see `needs_reading`)."""

    file: ScannedFile
    content_hash: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """add, update: files to index. delete: documents whose file is gone. touch: (file, record) with equal content and
    another size, time or inode in the ledger. unchanged: how many need nothing. taken: files whose source belongs to a
    document that came from elsewhere."""

    add: tuple[ScannedFile, ...]
    update: tuple[ScannedFile, ...]
    delete: tuple[DocumentRecord, ...]
    touch: tuple[tuple[ScannedFile, DocumentRecord], ...]
    unchanged: int
    taken: tuple[ScannedFile, ...]

    @property
    def files(self) -> int:
        """How many files are to be indexed."""
        return len(self.add) + len(self.update)

    @property
    def is_empty(self) -> bool:
        return not (self.add or self.update or self.delete or self.touch)


def needs_reading(file: ScannedFile, record: DocumentRecord | None) -> bool:
    """Whether only the content can tell if the file is what was indexed.

    Size, times and inode vouch for a file, unless it was modified so shortly before it was indexed that a later change
    could bear the same time.
    """
    if record is None or not is_read_so(file, record):
        return False  # it is indexed in any case
    return not (is_as_recorded(file, record) and record.indexed_ns - record.mtime_ns > _CLOCK_TICK_NS)


def is_read_so(file: ScannedFile, record: DocumentRecord) -> bool:
    """Whether the document is in the index, and made as it would be made of the same content now."""
    return record.status in ("ready", "pending") and (file.read_as, file.given) == (record.read_as, record.given)


def is_as_recorded(file: ScannedFile, record: DocumentRecord) -> bool:
    """Whether nothing tells that the file has changed. Size and mtime alone do not tell it of a file that was replaced
    by another of the same size, with its mtime set: nobody can set a ctime. A record from before these were noted has
    neither ctime nor inode."""
    if record.ctime_ns == record.inode == 0:
        return (file.size, file.mtime_ns) == (record.size, record.mtime_ns)
    return _seen_of(file) == _seen_of(record)


def plan(
    candidates: Iterable[Candidate],
    ledger: Mapping[str, DocumentRecord],
    *,
    folder: str,
    unknown: Sequence[str] = (),
) -> Plan:
    """The steps that bring the ledger's documents of one folder in step with its files.

    `ledger` is by source and may hold documents of other folders, which are left alone; one of which nothing was ever
    written is nobody's. A file that failed, whose indexing was interrupted, or that was read otherwise than it would be
    now, is indexed again.

    unknown  sources of files that could not be looked at, and of folders, which end in "/".
    """
    add: list[ScannedFile] = []
    update: list[ScannedFile] = []
    touch: list[tuple[ScannedFile, DocumentRecord]] = []
    taken: list[ScannedFile] = []
    unchanged = 0
    seen: set[str] = set()
    for candidate in candidates:
        file, record = candidate.file, ledger.get(candidate.file.source)
        seen.add(file.source)
        if record is None:
            add.append(file)
        elif record.folder != folder and (record.content_hash or record.chunk_ids):
            taken.append(file)
        elif not is_read_so(file, record) or candidate.content_hash not in (None, record.content_hash):
            (update if record.content_hash else add).append(file)
        else:
            unchanged += 1
            if _seen_of(file) != _seen_of(record):
                touch.append((file, record))
    gone = (
        record
        for source, record in ledger.items()
        if record.folder == folder and source not in seen and not _is_unknown(source, unknown)
    )
    return Plan(tuple(add), tuple(update), tuple(gone), tuple(touch), unchanged, tuple(taken))


def seen(file: ScannedFile | DocumentRecord, record: DocumentRecord) -> DocumentRecord:
    """The record, with what tells whether the file has changed since; `file` may be another record of it."""
    return replace(
        record,
        size=file.size,
        mtime_ns=file.mtime_ns,
        ctime_ns=file.ctime_ns,
        inode=file.inode,
        read_as=file.read_as,
        given=file.given,
    )


def _seen_of(file: ScannedFile | DocumentRecord) -> tuple[int, int, int, int]:
    return file.size, file.mtime_ns, file.ctime_ns, file.inode


def _is_unknown(source: str, unknown: Sequence[str]) -> bool:
    """Whether nobody could look if the file is still there."""
    return any(source.startswith(entry) if entry.endswith("/") else source == entry for entry in unknown)
