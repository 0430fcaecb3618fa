"""Parsed documents into the index, batch by batch; counts what was done."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from ingest.parsing import Parsed, Unparsed
from ingest.plan import seen
from ingest.report import Failure, Notice, OnProgress, Progress, Skip, SyncReport
from ingest.scan import ScannedFile
from retrieval.types import Chunk, DocumentRecord
from retrieval.writer.changes import Change
from retrieval.writer.vector_pool import Filled
from retrieval.writer.writer import Writer

_BATCH_CHUNKS = 256
"""Chunks of whole documents written at once: enough to embed texts of like length together, and to make little of the
records that go with each batch; few enough to be done in seconds when someone wants to stop."""

_HELD_CHUNKS = 1 << 13
"""The most that are held at once; as many as were held before, up to there: searches read few segments, and soon."""

_FIRST_SHARE = 8
"""The first batch is so much smaller: the encoder waits for it."""


class _Put(NamedTuple):
    change: Change
    size: int


class Indexer:
    """Fills batches and writes them; `report` grows with what was done.

    One document's trouble costs only itself: it is noted in the ledger with its reason, and the last version that
    could be read stays searchable.

    With `holds`, documents that come faster than they can be embedded are parsed first, all of them, and searches find
    them by their words meanwhile; a few are embedded at once.

    documents, size   how many there will be, and their bytes together
    machines          how many embed at the same time, a batch each; it is asked once, for the first batch
    """

    def __init__(
        self,
        writer: Writer,
        report: SyncReport,
        *,
        documents: int,
        size: int,
        on_progress: OnProgress | None,
        machines: Callable[[], int] = lambda: 1,
        holds: bool = False,
    ) -> None:
        self.report = report
        self._writer = writer
        self._progress = Progress(0, documents, 0, size, 0, 0)
        self._on_progress = on_progress
        self._batch: list[_Put] = []
        self._batched = 0
        self._embedding: deque[list[_Put]] = deque()
        self._holds = holds and writer.can_hold
        self._held: set[str] = set()
        self._ask_machines = machines

    @cached_property
    def _machines(self) -> int:
        return self._ask_machines()

    def put_file(self, file: ScannedFile, outcome: Parsed | Unparsed, *, folder: str) -> None:
        """Index what was found in a file; `folder` as in index_files."""
        record = seen(file, DocumentRecord.begun(file.source, folder=folder))
        if isinstance(outcome, Parsed):
            if not folder and is_ready(self._writer.records, file.source, outcome.content_hash):
                self.leave(size=file.size)
                return
            record = replace(
                record,
                content_hash=outcome.content_hash,
                indexed_ns=outcome.read_ns,
                title=outcome.title,
                language=outcome.language,
                reason=outcome.notice,
            )
            self.put(record, outcome.chunks, size=file.size, content=outcome.content)
        elif outcome.is_supported:
            self.fail(record, outcome.reason, size=file.size)
        else:
            self.report = replace(self.report, skipped=(*self.report.skipped, Skip(file.source, outcome.reason)))
            if folder:
                self._note_skipped(replace(record, status="skipped", reason=outcome.reason))
            self._advance(1, file.size)

    def put(self, record: DocumentRecord, chunks: Sequence[Chunk], *, size: int, content: str = "") -> None:
        """Index a document's chunks; `content` as in Change."""
        put = _Put(Change(record, chunks, content), size)
        if self._holds:
            self._fill(put, self._hold, enough=min(max(_BATCH_CHUNKS, self._progress.held), _HELD_CHUNKS))
        else:
            enough = _BATCH_CHUNKS if self._embedding else _BATCH_CHUNKS // _FIRST_SHARE
            self._fill(put, self._turn, enough=enough)

    def _fill(self, put: _Put, empty: Callable[[], None], *, enough: int) -> None:
        """Add to the batch, and empty it once it has so many chunks."""
        self._batch.append(put)
        self._batched += len(put.change.chunks) or 1
        if self._batched >= enough:
            empty()

    def _emptied(self) -> list[_Put]:
        batch, self._batch, self._batched = self._batch, [], 0
        return batch

    def _hold(self) -> None:
        """Let words find what was put; it is embedded when all is parsed."""
        if not self._batch:
            return
        changes = [put.change for put in self._emptied()]
        self._writer.hold(changes)
        self._writer.commit_when_due()
        self._held.update(change.record.source for change in changes)
        self._progress = self._progress._replace(
            held=self._progress.held + sum(len(change.chunks) for change in changes)
        )
        self._advance(0, 0)

    def embed_held(self, sources: Iterable[str]) -> None:
        """Have `flush` embed these documents, which an earlier sync has held, too."""
        self._held.update(sources)

    def fail(self, record: DocumentRecord, reason: str, *, size: int) -> None:
        """Report a document that cannot be indexed, and note it in the ledger unless that says so already.

        One that comes from no folder and has no earlier version leaves nothing there: no sync could try it again.
        """
        self._note_failed(record, reason)
        self._advance(1, size)

    def _note_failed(self, record: DocumentRecord, reason: str) -> None:
        failure = Failure(record.source, " ".join(reason.split()))
        self.report = replace(self.report, failed=(*self.report.failed, failure))
        if record.source in self._writer.backlog.records:
            self._held.add(record.source)  # the last version that could be read, which a note would replace
            return
        old = self._writer.records.get(record.source)
        noted = seen(record, replace(old or record, status="failed", reason=failure.reason))
        if noted != old and (old or record.folder):
            self._writer.update_records([noted])

    def _note_skipped(self, record: DocumentRecord) -> None:
        """Keep in the ledger that a file holds nothing to index; what it held before goes."""
        if (old := self._writer.records.get(record.source)) and old.content_hash:
            self.remove([old])
        self._writer.update_records([record])

    def leave(self, *, size: int) -> None:
        """Count a document that is as it was."""
        self.report = replace(self.report, unchanged=self.report.unchanged + 1)
        self._advance(1, size)

    def flush(self, stop: threading.Event | None = None) -> bool:
        """Write what has been put, batch by batch until `stop` is set. Returns whether all is written."""

        def is_stopped() -> bool:
            return stop is not None and stop.is_set()

        if self._held:
            if self._holds:
                self._hold()
            self._writer.commit_now()
            for change in self._writer.backlog.changes(self._held):
                if is_stopped():
                    return False
                self._fill(_Put(change, change.record.size), self._turn, enough=_BATCH_CHUNKS)
        while (self._embedding or self._batch) and not is_stopped():
            self._turn()
        return not (self._embedding or self._batch)

    def _turn(self) -> None:
        """Begin to embed what was put; write the oldest batch where each machine has another, or none comes."""
        if self._batch:
            self._embedding.append(self._emptied())
            self._writer.prefetch([put.change for put in self._embedding[-1]])
            if len(self._embedding) <= self._machines:
                return
        self._write(self._embedding.popleft())

    def _write(self, puts: Sequence[_Put]) -> None:
        batch = [put.change for put in puts]
        size = sum(put.size for put in puts)
        chunks = sum(len(change.chunks) for change in batch)
        told_documents = told_bytes = filled_chunks = 0

        def on_filled(filled: Filled) -> None:
            """A batch mixes chunks of all its documents, so that these are done as a share; the last, once written."""
            nonlocal told_documents, told_bytes, filled_chunks
            filled_chunks += len(filled.chunks)
            documents = min(len(batch) * filled_chunks // max(chunks, 1), len(batch) - 1)
            done = size * filled_chunks // max(chunks, 1)
            new = documents - told_documents, done - told_bytes
            told_documents, told_bytes = documents, done
            self._advance(*new, chunks=len(filled.chunks), tokens=filled.tokens, in_hand=chunks - filled_chunks)

        sources = [change.record.source for change in batch]
        known = {source for source in sources if (old := self._writer.records.get(source)) and old.content_hash}
        self._advance(0, 0, in_hand=chunks)
        written = self._writer.put(batch, on_filled=on_filled)
        done = [change.record for change in batch if change.record.source not in written.refused]
        updated = sum(record.source in known for record in done)
        notices = (Notice(record.source, record.reason) for record in done if record.reason)
        self.report = replace(
            self.report.with_written(written),
            added=self.report.added + len(done) - updated,
            updated=self.report.updated + updated,
            notices=(*self.report.notices, *notices),
        )
        for change in batch:
            if reason := written.refused.get(change.record.source):
                begun = DocumentRecord.begun(change.record.source, folder=change.record.folder)
                self._note_failed(seen(change.record, begun), reason)
        self._writer.commit_when_due()
        self._advance(len(batch) - told_documents, size - told_bytes)

    def remove(self, records: Sequence[DocumentRecord]) -> None:
        """Delete documents, and forget files that had failed or were skipped; only documents are counted."""
        written = self._writer.remove(records)
        documents = sum(bool(record.chunk_ids) for record in records)
        self.report = replace(self.report.with_written(written), deleted=self.report.deleted + documents)

    def _advance(self, documents: int, size: int, *, chunks: int = 0, tokens: int = 0, in_hand: int = 0) -> None:
        now = self._progress
        self._progress = now._replace(
            documents=now.documents + documents,
            bytes=now.bytes + size,
            chunks=now.chunks + chunks,
            tokens=now.tokens + tokens,
            in_hand=in_hand,
        )
        if self._on_progress is not None:
            self._on_progress(self._progress)


def is_ready(ledger: Mapping[str, DocumentRecord], source: str, content_hash: str) -> bool:
    """Whether a document is in the index as it is now."""
    old = ledger.get(source)
    return old is not None and old.status == "ready" and old.content_hash == content_hash
