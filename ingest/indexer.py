"""Documents into the index, batch by batch: load, chunk, embed and write, and count what was done."""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ingest.chunking import Chunker
from ingest.loaders import UnsupportedFormatError, load
from ingest.report import Failure, OnProgress, Progress, SyncReport
from ingest.scan import ScannedFile
from retrieval.changes import Change
from retrieval.errors import ConfigError, DocumentError, IndexUnusableError, LoadError, ModelError
from retrieval.types import Chunk, Document, DocumentRecord, document_id
from retrieval.writer import Writer

log = logging.getLogger(__name__)

_BATCH_CHUNKS = 64
"""Chunks written at once: enough to embed texts of like length together, few enough to lose seconds when killed."""


class Indexer:
    """Fills batches and writes them; `report` grows with what was done.

    One document's trouble costs only itself: it is noted in the ledger with its reason, and the last version that
    could be read stays searchable.
    """

    def __init__(
        self,
        writer: Writer,
        chunker: Callable[[], Chunker],
        report: SyncReport,
        *,
        total: int,
        on_progress: OnProgress | None,
    ) -> None:
        self.report = report
        self._writer = writer
        self._chunker = chunker
        self._total = total
        self._on_progress = on_progress
        self._batch: list[Change] = []
        self._done = 0

    def put_file(self, file: ScannedFile, *, folder: str) -> None:
        """Index a file, whatever it holds."""
        now = time.time_ns()
        old = self._writer.records.get(file.source)
        failed = replace(new_record(file.source, folder=folder), size=file.size, mtime_ns=file.mtime_ns)
        try:
            data = file.path.read_bytes()
            document = load(data, source=file.source)
            chunks = self._chunker().chunk(document)
        except UnsupportedFormatError:
            self.report = replace(self.report, skipped=self.report.skipped + 1)
            if old is not None:
                self.remove([old])
        except (LoadError, DocumentError) as error:
            self._fail(failed, str(error))
        except OSError as error:
            self._fail(failed, error.strerror or str(error))
        except (ConfigError, ModelError, IndexUnusableError):
            raise
        except Exception as error:  # a parser's own failure on one file must not cost the others
            log.debug("loading %s failed", file.source, exc_info=True)
            self._fail(failed, f"{type(error).__name__}: {error}")
        else:
            record = new_record(file.source, folder=folder, content_hash=hash_bytes(data), indexed_ns=now)
            self._put(replace(record, size=file.size, mtime_ns=file.mtime_ns, title=document.title), chunks)
        self._finished(file.source)

    def put_document(self, document: Document, *, content_hash: str) -> None:
        """Index a document made in memory."""
        record = new_record(document.source, content_hash=content_hash, indexed_ns=time.time_ns())
        try:
            chunks = self._chunker().chunk(document)
        except DocumentError as error:
            self._fail(new_record(document.source), str(error))
        else:
            self._put(replace(record, title=document.title), chunks)
        self._finished(document.source)

    def flush(self) -> None:
        """Write what has been put."""
        if not self._batch:
            return
        batch, self._batch = self._batch, []
        sources = [change.record.source for change in batch]
        updated = sum(bool((old := self._writer.records.get(source)) and old.content_hash) for source in sources)
        written = self._writer.put(batch)
        self.report = replace(
            self.report.with_written(written),
            added=self.report.added + len(batch) - updated,
            updated=self.report.updated + updated,
        )
        self._writer.publish_when_due()

    def remove(self, records: Sequence[DocumentRecord]) -> None:
        written = self._writer.remove(records)
        self.report = replace(self.report.with_written(written), deleted=self.report.deleted + len(records))

    def _put(self, record: DocumentRecord, chunks: Sequence[Chunk]) -> None:
        self._batch.append(Change(record, chunks))
        if sum(len(change.chunks) or 1 for change in self._batch) >= _BATCH_CHUNKS:
            self.flush()

    def _fail(self, record: DocumentRecord, reason: str) -> None:
        """Report a document that cannot be indexed, and note it in the ledger unless that says so already."""
        failure = Failure(record.source, " ".join(reason.split()))
        self.report = replace(self.report, failed=(*self.report.failed, failure))
        old = self._writer.records.get(record.source)
        noted = replace(
            old or record, status="failed", reason=failure.reason, size=record.size, mtime_ns=record.mtime_ns
        )
        if noted != old:
            self._writer.note([noted])

    def _finished(self, source: str) -> None:
        self._done += 1
        if self._on_progress is not None:
            chunks = self.report.chunks_added + self.report.chunks_reused
            self._on_progress(Progress(self._done, self._total, source, chunks, self.report.tokens_embedded))


def new_record(source: str, *, folder: str = "", content_hash: str = "", indexed_ns: int = 0) -> DocumentRecord:
    """A record without chunks."""
    return DocumentRecord(
        id=document_id(source),
        source=source,
        folder=folder,
        content_hash=content_hash,
        size=0,
        mtime_ns=0,
        indexed_ns=indexed_ns,
        status="indexing",
        reason="",
        fingerprint="",
        title=None,
        chunk_ids=(),
    )


def hash_bytes(data: bytes) -> str:
    """SHA-256 as hexadecimal digits; the version in front says what a hash covers, should that ever change."""
    return f"1:{hashlib.sha256(data).hexdigest()}"
