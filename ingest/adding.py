"""Documents from elsewhere than a synced folder: made in memory, or single files that nobody keeps."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ingest.documents import document_to_json, hash_bytes, language_of
from ingest.indexer import Indexer, is_ready
from ingest.parser_pool import Parsers
from ingest.pipeline import chunk_settings, index_files, parsing
from ingest.report import OnProgress, SyncReport
from ingest.root import check_free
from ingest.scan import ScannedFile
from ingest.skip_reasons import BLANK_TEXT, is_blank, too_large
from retrieval.errors import DocumentError
from retrieval.index import HybridIndex
from retrieval.types import Document, DocumentRecord


def add(documents: Iterable[Document], index: HybridIndex, *, on_progress: OnProgress | None = None) -> SyncReport:
    """Index documents made in memory, replacing those with the same source; one that did not change costs nothing.
    One that cannot be indexed, such as one without text, is reported; the version before it stays, if there is one.

    Raises DocumentError, before anything is written, for a source that is given twice, and SyncedSourceError for one
    that begins with the name of a synced folder; IndexLockedError where another process writes.
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
        check_free(hashes, writer.folders)
        ready = {source for source, hash_ in hashes.items() if is_ready(writer.records, source, hash_)}
        changed = [document for document in given if document.source not in ready]
        report = SyncReport(unchanged=len(ready))
        size = sum(len(document.text) for document in changed)
        indexer = Indexer(writer, report, documents=len(changed), size=size, on_progress=on_progress)
        chunker = chunk_settings(index).chunker() if changed else None
        for document in changed:
            record = DocumentRecord.begun(
                document.source, content_hash=hashes[document.source], indexed_ns=time.time_ns()
            )
            try:
                if is_blank(document.text):
                    raise DocumentError(BLANK_TEXT)
                chunks = chunker.chunk(document) if chunker else []
            except DocumentError as error:
                indexer.fail(record, str(error), size=len(document.text))
            else:
                record = replace(
                    record,
                    title=document.title,
                    language=language_of(document, index.config.language),
                    reason="; ".join(document.notices),
                )
                indexer.put(record, chunks, size=len(document.text), content=contents[document.source])
        indexer.flush()
    return replace(indexer.report.in_order(), seconds=time.monotonic() - started)


def add_files(
    files: Mapping[str, Path],
    index: HybridIndex,
    *,
    pool: Parsers | None = None,
    on_progress: OnProgress | None = None,
) -> SyncReport:
    """Index files by the sources given, as `add` does documents: their content is kept, and they may go.

    Each is parsed as `sync` does it, by what its source ends in, in another process and within the configuration's
    limits; one that cannot be read is reported. `pool` as in `sync`. Raises as `add`, and OSError for a file that is
    not there.
    """
    started = time.monotonic()
    scanned = [ScannedFile(source, str(path), path.stat().st_size, 0) for source, path in files.items()]
    with index.writing() as writer:
        check_free(files, writer.folders)
        size = sum(file.size for file in scanned)
        indexer = Indexer(writer, SyncReport(), documents=len(files), size=size, on_progress=on_progress)
        fitting = []
        for file in scanned:
            if reason := too_large(file.size, index.config.max_file_bytes):
                indexer.fail(DocumentRecord.begun(file.source), reason, size=file.size)
            else:
                fitting.append(file)
        with parsing(fitting, index, folder="", pool=pool) as outcomes:
            index_files(outcomes, indexer, folder="")
    return replace(indexer.report.in_order(), seconds=time.monotonic() - started)
