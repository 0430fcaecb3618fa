"""The ways to fill an index: keep it in step with a folder, or add documents made in memory, or single files."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ingest.chunking import ChunkSettings
from ingest.documents import document_to_json, hash_bytes, language_of
from ingest.indexer import Indexer, new_record
from ingest.parser_pool import ParserPool
from ingest.parser_worker import ParserSettings
from ingest.parsing import Parsed
from ingest.report import OnProgress, SyncReport
from ingest.root import check_claim
from ingest.scan import ScannedFile, scan
from ingest.selection import patterns_of
from ingest.survey import survey
from ingest.unread import too_large
from retrieval.errors import ConfigError, DocumentError
from retrieval.index import HybridIndex
from retrieval.types import Document, DocumentRecord, SyncedFolder

_MEGABYTE = 10**6


def sync(
    folder: Path | str,
    index: HybridIndex,
    *,
    name: str | None = None,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    retry_failed: bool = True,
    dry_run: bool = False,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
) -> SyncReport:
    """Bring the index in step with a folder: add new files, replace changed ones, delete those that are gone.

    name      the first part of the files' sources; None takes the folder's own name.
    include, exclude   gitignore patterns that choose files, relative to the folder; None takes the configuration's.
              A file that is no longer chosen is deleted from the index.
    retry_failed   whether files that failed, and have not changed since, are tried again.
    dry_run   report what would be done, and do nothing.
    stop      once set, what is in hand is finished and published, and the report says `interrupted`.

    Documents of other folders and added ones are left alone. A file that cannot be read is reported and the others
    are indexed. Raises ConfigError where there is no such folder or its name belongs to another one,
    IndexLockedError where another process writes, and what embedding and storing raise.
    """
    started = time.monotonic()
    config = index.config
    include, exclude = patterns_of(include, config.include), patterns_of(exclude, config.exclude)
    max_bytes = int(config.max_file_mb * _MEGABYTE)
    scanned = scan(Path(folder), name=name, include=include, exclude=exclude, max_bytes=max_bytes)
    if dry_run:
        check_claim(index.folders(), scanned.name, str(scanned.root))
        ledger = {record.source: record for record in index.documents()}
        _, report = survey(scanned, ledger, retry_failed=False)
        return replace(report.in_order(), dry_run=True, seconds=time.monotonic() - started)
    with index.writing() as writer:
        check_claim(writer.folders, scanned.name, str(scanned.root))
        read_ns = time.time_ns()  # before any file is
        todo, planned = survey(scanned, writer.records, retry_failed=retry_failed)
        report = replace(planned, added=0, updated=0, deleted=0, planned=())
        files = (*todo.add, *todo.update)
        size = sum(file.size for file in files)
        indexer = Indexer(writer, report, documents=len(files), size=size, on_progress=on_progress)
        if not todo.is_empty or scanned.name in writer.folders:
            writer.claim(scanned.name, SyncedFolder(str(scanned.root), include, exclude))
        stopped = _index_files(files, index, indexer, folder=scanned.name, stop=stop)
        if not stopped:
            writer.note([replace(old, size=f.size, mtime_ns=f.mtime_ns, indexed_ns=read_ns) for f, old in todo.touch])
            indexer.remove(todo.delete)
    return replace(indexer.report.in_order(), interrupted=stopped, seconds=time.monotonic() - started)


def add(documents: Iterable[Document], index: HybridIndex, *, on_progress: OnProgress | None = None) -> SyncReport:
    """Index documents made in memory, replacing those with the same source; one that did not change costs nothing.

    Raises DocumentError, before anything is written, for a source that is given twice or belongs to a synced folder;
    IndexLockedError where another process writes.
    """
    started = time.monotonic()
    contents: dict[str, str] = {}
    given: list[Document] = []
    for document in documents:
        if not isinstance(document, Document):
            raise DocumentError(f"add() takes Documents, not a {type(document).__name__}: Document(source, text).")
        if document.source in contents:
            raise DocumentError(f"Two documents have the source {document.source!r}; give each its own.")
        contents[document.source] = document_to_json(document)
        given.append(document)
    hashes = {source: hash_bytes(content.encode()) for source, content in contents.items()}
    with index.writing() as writer:
        _check_free(hashes, writer.records)
        changed = [document for document in given if not _is_ready(writer.records, hashes, document.source)]
        report = SyncReport(unchanged=len(given) - len(changed))
        size = sum(len(document.text) for document in changed)
        indexer = Indexer(writer, report, documents=len(changed), size=size, on_progress=on_progress)
        chunker = _chunk_settings(index).chunker() if changed else None
        for document in changed:
            record = new_record(document.source, content_hash=hashes[document.source], indexed_ns=time.time_ns())
            try:
                chunks = chunker.chunk(document) if chunker else []
            except DocumentError as error:
                indexer.fail(record, str(error), size=len(document.text))
            else:
                record = replace(record, title=document.title, language=language_of(document, index.config.language))
                indexer.put(record, chunks, size=len(document.text), content=contents[document.source])
        indexer.flush()
    return replace(indexer.report.in_order(), seconds=time.monotonic() - started)


def add_files(files: Mapping[str, Path], index: HybridIndex, *, on_progress: OnProgress | None = None) -> SyncReport:
    """Index files by the sources given, as `add` does documents: their content is kept, and they may go.

    Each is parsed as `sync` does it, by what its source ends in, in another process and within the configuration's
    limits; one that cannot be read is reported. Raises as `add`, and OSError for a file that is not there.
    """
    started = time.monotonic()
    max_bytes = int(index.config.max_file_mb * _MEGABYTE)
    scanned = [ScannedFile(source, path, path.stat().st_size, 0) for source, path in files.items()]
    with index.writing() as writer:
        _check_free(files, writer.records)
        size = sum(file.size for file in scanned)
        indexer = Indexer(writer, SyncReport(), documents=len(files), size=size, on_progress=on_progress)
        fitting = []
        for file in scanned:
            if reason := too_large(file.size, max_bytes):
                indexer.fail(new_record(file.source), reason, size=file.size)
            else:
                fitting.append(file)
        settings = _parser_settings(index, keeps_content=True)
        with ParserPool(settings, workers=min(index.config.parse_workers, max(1, len(fitting)))) as pool:
            for file, outcome in pool.parse(fitting):
                hashes = {file.source: outcome.content_hash} if isinstance(outcome, Parsed) else {}
                if hashes and _is_ready(writer.records, hashes, file.source):
                    indexer.leave(size=file.size)
                else:
                    indexer.put_file(file, outcome, folder="")
        indexer.flush()
    return replace(indexer.report.in_order(), seconds=time.monotonic() - started)


def _check_free(sources: Iterable[str], ledger: Mapping[str, DocumentRecord]) -> None:
    """Raises DocumentError for a source that a synced folder has."""
    for source in sources:
        if (old := ledger.get(source)) and old.folder:
            raise DocumentError(f"{source!r} is a file of the synced folder {old.folder!r}; use another source.")


def _index_files(
    files: Sequence[ScannedFile], index: HybridIndex, indexer: Indexer, *, folder: str, stop: threading.Event | None
) -> bool:
    """Parse ahead in other processes, embed and write here. Returns whether it was stopped before all was done."""
    if not files:
        return False
    settings = _parser_settings(index)
    with ParserPool(settings, workers=min(index.config.parse_workers, len(files))) as pool:
        for file, outcome in pool.parse(files, stop=stop):
            indexer.put_file(file, outcome, folder=folder)
        if stop is not None and stop.is_set():
            return True
        return not indexer.flush(stop)


def _parser_settings(index: HybridIndex, *, keeps_content: bool = False) -> ParserSettings:
    """Raises as _chunk_settings."""
    config = index.config
    return ParserSettings(
        chunks=_chunk_settings(index),
        language=config.language,
        max_bytes=int(config.max_file_mb * _MEGABYTE),
        seconds=config.parse_seconds,
        memory_bytes=config.parse_memory_mb * _MEGABYTE,
        ocr_command=config.ocr_command,
        keeps_content=keeps_content,
    )


def _chunk_settings(index: HybridIndex) -> ChunkSettings:
    """Raises ConfigError for sizes that do not fit the model."""
    config = index.config
    tokenizer, limit = index.tokenizer()
    if config.chunk_size != "auto" and config.chunk_size > limit:
        raise ConfigError(f"chunk_size is {config.chunk_size}, and {config.model} reads {limit} tokens at most.")
    size = limit if config.chunk_size == "auto" else config.chunk_size
    if config.chunk_overlap * 2 > size:
        raise ConfigError(f"chunk_overlap {config.chunk_overlap} is more than half of the chunk size, {size}.")
    return ChunkSettings(
        tokenizer=tokenizer.to_str(),
        max_tokens=size,
        passage_prefix=config.passage_prefix,
        overlap=config.chunk_overlap,
        context_header=config.context_header,
    )


def _is_ready(ledger: Mapping[str, DocumentRecord], hashes: Mapping[str, str], source: str) -> bool:
    old = ledger.get(source)
    return old is not None and old.status == "ready" and old.content_hash == hashes[source]
