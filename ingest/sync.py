"""The two ways to fill an index: keep it in step with a folder, or add documents made in memory."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from ingest.chunking import Chunker
from ingest.indexer import Indexer, hash_bytes
from ingest.loaders import HEAD, is_supported
from ingest.plan import Candidate, Plan, needs_reading, plan
from ingest.report import Failure, OnProgress, SyncReport
from ingest.scan import Scan, ScannedFile, scan
from retrieval.errors import ConfigError, DocumentError
from retrieval.index import HybridIndex
from retrieval.types import Document, DocumentRecord


def sync(
    folder: Path | str,
    index: HybridIndex,
    *,
    name: str | None = None,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> SyncReport:
    """Bring the index in step with a folder: add new files, replace changed ones, delete those that are gone.

    name      the first part of the files' sources; None takes the folder's own name.
    dry_run   report what would be done, and do nothing.

    Documents of other folders and added ones are left alone. A file that cannot be read is reported and the others
    are indexed. Raises ConfigError where there is no such folder or its name belongs to another one,
    IndexLockedError where another process writes, and what embedding and storing raise.
    """
    started = time.monotonic()
    scanned = scan(Path(folder), name=name)
    if dry_run:
        _check_claim(index.folders(), scanned)
        ledger = {record.source: record for record in index.documents()}
        todo, report = _plan(scanned, ledger)
        report = _expecting_failures(report, todo, ledger)
        return replace(report, dry_run=True, seconds=time.monotonic() - started)
    with index.writing() as writer:
        _check_claim(writer.folders, scanned)
        todo, planned = _plan(scanned, writer.records)
        report = replace(planned, added=0, updated=0, deleted=0)
        indexer = Indexer(writer, _chunker_of(index), report, total=todo.files, on_progress=on_progress)
        if not todo.is_empty or scanned.name in writer.folders:
            writer.claim(scanned.name, str(scanned.root))
        for file in (*todo.add, *todo.update):
            indexer.put_file(file, folder=scanned.name)
        indexer.flush()
        read_ns = time.time_ns()
        writer.note([replace(old, size=f.size, mtime_ns=f.mtime_ns, indexed_ns=read_ns) for f, old in todo.touch])
        indexer.remove(todo.delete)
    return replace(indexer.report, seconds=time.monotonic() - started)


def add(documents: Iterable[Document], index: HybridIndex, *, on_progress: OnProgress | None = None) -> SyncReport:
    """Index documents made in memory, replacing those with the same source; one that did not change costs nothing.

    Raises DocumentError, before anything is written, for a source that is given twice or belongs to a synced folder;
    IndexLockedError where another process writes.
    """
    started = time.monotonic()
    hashes: dict[str, str] = {}
    given: list[Document] = []
    for document in documents:
        if document.source in hashes:
            raise DocumentError(f"Two documents have the source {document.source!r}; give each its own.")
        hashes[document.source] = _hash(document)
        given.append(document)
    with index.writing() as writer:
        for source in hashes:
            if (old := writer.records.get(source)) and old.folder:
                raise DocumentError(f"{source!r} is a file of the synced folder {old.folder!r}; use another source.")
        changed = [document for document in given if not _is_ready(writer.records, hashes, document.source)]
        report = SyncReport(unchanged=len(given) - len(changed))
        indexer = Indexer(writer, _chunker_of(index), report, total=len(changed), on_progress=on_progress)
        for document in changed:
            indexer.put_document(document, content_hash=hashes[document.source])
        indexer.flush()
    return replace(indexer.report, seconds=time.monotonic() - started)


def _plan(scanned: Scan, ledger: Mapping[str, DocumentRecord]) -> tuple[Plan, SyncReport]:
    """What is to be done, and the report of having done it without another failure."""
    unknown = [source for source, _ in scanned.failed]
    files = [file for file in scanned.files if _is_vouched_for(file, ledger) or _is_supported(file)]
    todo = plan(_examined(files, ledger), ledger, folder=scanned.name, unknown=unknown)
    taken = "its source belongs to a document that was added from elsewhere; delete that, or sync with another --name"
    failed = (*(Failure(*failure) for failure in scanned.failed), *(Failure(file.source, taken) for file in todo.taken))
    return todo, SyncReport(
        added=len(todo.add),
        updated=len(todo.update),
        deleted=len(todo.delete),
        unchanged=todo.unchanged,
        failed=failed,
        skipped=len(scanned.files) - len(files),
    )


def _expecting_failures(report: SyncReport, todo: Plan, ledger: Mapping[str, DocumentRecord]) -> SyncReport:
    """The report, when files that failed and have not changed since fail again."""
    known = [
        record
        for file in (*todo.add, *todo.update)
        if (record := ledger.get(file.source)) and record.status == "failed"
        if (file.size, file.mtime_ns) == (record.size, record.mtime_ns)
    ]
    new = sum(not record.content_hash for record in known)
    failures = tuple(Failure(record.source, record.reason) for record in known)
    return replace(
        report,
        added=report.added - new,
        updated=report.updated - (len(known) - new),
        failed=(*report.failed, *failures),
    )


def _is_vouched_for(file: ScannedFile, ledger: Mapping[str, DocumentRecord]) -> bool:
    record = ledger.get(file.source)
    return record is not None and record.status == "ready" and not needs_reading(file, record)


def _is_supported(file: ScannedFile) -> bool:
    """By its first bytes, so that a film is not read whole to see that it is no text."""
    try:
        with file.path.open("rb") as opened:
            return is_supported(opened.read(HEAD), source=file.source)
    except OSError:
        return True  # indexing it will say what is wrong


def _examined(files: Iterable[ScannedFile], ledger: Mapping[str, DocumentRecord]) -> Iterator[Candidate]:
    """Each file, its content hashed where only that can tell whether it changed."""
    for file in files:
        if needs_reading(file, ledger.get(file.source)):
            try:
                yield Candidate(file, hash_bytes(file.path.read_bytes()))
            except OSError:
                yield Candidate(file, "unreadable")  # differs from any hash: indexing it will say what is wrong
        else:
            yield Candidate(file, None)


def _check_claim(folders: Mapping[str, str], scanned: Scan) -> None:
    """A name stands for one folder, wherever it lies: one that has moved keeps its name, another cannot take it."""
    owner = folders.get(scanned.name)
    if owner is not None and owner != str(scanned.root) and Path(owner).is_dir():
        raise ConfigError(
            f"The name {scanned.name!r} belongs to the folder {owner} in this index; give {scanned.root} another one "
            "with --name."
        )


def _chunker_of(index: HybridIndex) -> Callable[[], Chunker]:
    """Makes the chunker at its first use, since that loads the model."""

    @cache
    def chunker() -> Chunker:
        config, embedder = index.config, index.embedder
        limit = embedder.max_seq_length
        if config.chunk_size != "auto" and config.chunk_size > limit:
            raise ConfigError(f"chunk_size is {config.chunk_size}, and {config.model} reads {limit} tokens at most.")
        size = limit if config.chunk_size == "auto" else config.chunk_size
        if config.chunk_overlap * 2 > size:
            raise ConfigError(f"chunk_overlap {config.chunk_overlap} is more than half of the chunk size, {size}.")
        return Chunker(
            embedder.tokenizer,
            max_tokens=size,
            passage_prefix=config.passage_prefix,
            overlap=config.chunk_overlap,
            context_header=config.context_header,
        )

    return chunker


def _is_ready(ledger: Mapping[str, DocumentRecord], hashes: Mapping[str, str], source: str) -> bool:
    old = ledger.get(source)
    return old is not None and old.status == "ready" and old.content_hash == hashes[source]


def _hash(document: Document) -> str:
    """Of all that a document holds."""
    parts = (document.text, document.title, dict(document.metadata), document.pages, document.headings, document.syntax)
    return hash_bytes(json.dumps(parts, sort_keys=True).encode())
