"""Documents from elsewhere than a synced folder: made in memory, or single files that nobody keeps."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ingest.documents import document_to_json, hash_bytes, language_of
from ingest.filling import chunk_settings, parser_settings
from ingest.indexer import Indexer
from ingest.parser_pool import ParserPool
from ingest.parsing import Parsed
from ingest.report import OnProgress, SyncReport
from ingest.scan import ScannedFile
from ingest.unread import too_large
from retrieval.errors import DocumentError
from retrieval.index import HybridIndex
from retrieval.types import Document, DocumentRecord


def add(documents: Iterable[Document], index: HybridIndex, *, on_progress: OnProgress | None = None) -> SyncReport:
    """Index documents made in memory, replacing those with the same source; one that did not change costs nothing.

    Raises DocumentError, before anything is written, for a source that is given twice or begins with the name of
    a synced folder; IndexLockedError where another process writes.
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
        _check_free(hashes, writer.folders)
        changed = [document for document in given if not _is_ready(writer.records, hashes, document.source)]
        report = SyncReport(unchanged=len(given) - len(changed))
        size = sum(len(document.text) for document in changed)
        indexer = Indexer(writer, report, documents=len(changed), size=size, on_progress=on_progress)
        chunker = chunk_settings(index).chunker() if changed else None
        for document in changed:
            record = DocumentRecord.begun(
                document.source, content_hash=hashes[document.source], indexed_ns=time.time_ns()
            )
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
    scanned = [ScannedFile(source, str(path), path.stat().st_size, 0) for source, path in files.items()]
    with index.writing() as writer:
        _check_free(files, writer.folders)
        size = sum(file.size for file in scanned)
        indexer = Indexer(writer, SyncReport(), documents=len(files), size=size, on_progress=on_progress)
        fitting = []
        for file in scanned:
            if reason := too_large(file.size, index.config.max_file_bytes):
                indexer.fail(DocumentRecord.begun(file.source), reason, size=file.size)
            else:
                fitting.append(file)
        settings = parser_settings(index, keeps_content=True)
        with ParserPool(settings, workers=min(index.config.parse_workers, max(1, len(fitting)))) as pool:
            for file, outcome in pool.parse(fitting):
                hashes = {file.source: outcome.content_hash} if isinstance(outcome, Parsed) else {}
                if hashes and _is_ready(writer.records, hashes, file.source):
                    indexer.leave(size=file.size)
                else:
                    indexer.put_file(file, outcome, folder="")
        indexer.flush()
    return replace(indexer.report.in_order(), seconds=time.monotonic() - started)


def _check_free(sources: Iterable[str], folders: Collection[str]) -> None:
    """Raises DocumentError for a source that a synced folder has, or that a file to come may need."""
    for source in sources:
        name = source.partition("/")[0]
        if name in folders:
            raise DocumentError(
                f"{source!r} begins with the name of the synced folder {name!r}, whose files alone are called so; "
                "put it into the folder and sync, or use another source."
            )


def _is_ready(ledger: Mapping[str, DocumentRecord], hashes: Mapping[str, str], source: str) -> bool:
    old = ledger.get(source)
    return old is not None and old.status == "ready" and old.content_hash == hashes[source]
