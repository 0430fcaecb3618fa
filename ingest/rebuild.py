"""Rebuilds an index, with other settings or the same, while searches go on from the old one."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.adding import add
from ingest.deletions import check_deletions, searchable
from ingest.documents import document_from_json
from ingest.given_metadata import given_metadata
from ingest.parser_pool import Parsers
from ingest.report import Failure, OnProgress, SyncReport, summed
from ingest.root import check_claim, checked_name, resolve_root
from ingest.scan import scan
from ingest.selection import patterns_of
from ingest.sync import sync
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.directory.staging import adopt, discard, new_staging, stagings
from retrieval.errors import ConfigError, IndexLockedError, IndexNotFoundError, IndexUnusableError
from retrieval.fingerprint import remembered_settings
from retrieval.index import HybridIndex, settings_for
from retrieval.segments.manifest import Manifest
from retrieval.segments.reader import IndexReader
from retrieval.types import Document, DocumentRecord, Encoder, SyncedFolder

_BLOCK = 1 << 25
"""Characters of added documents that are in memory at once."""


@dataclass(frozen=True, slots=True)
class _Source:
    """All that an index was made of.

    folders   by name; the one that was named by the caller is there as it is to be.
    added     sources of documents from memory -> their ids.
    blank     records of documents from memory of which nothing is stored, because no version could be indexed yet.
    """

    reader: IndexReader
    folders: Mapping[str, SyncedFolder]
    added: Mapping[str, str]
    blank: Sequence[DocumentRecord]

    def keeps(self, record: DocumentRecord) -> bool:
        """Whether a document that an earlier rebuild has indexed belongs there still."""
        if not record.folder:
            return record.source in self.added or record in self.blank
        return record.folder in self.folders and record.source not in self.added

    def documents(self) -> Iterator[list[Document]]:
        """Those from memory, block by block."""
        block: list[Document] = []
        size = 0
        for id_ in self.added.values():
            content = self.reader.content(id_)
            block.append(document_from_json(content))
            size += len(content)
            if size >= _BLOCK:
                yield block
                block, size = [], 0
        if block:
            yield block


def rebuild(
    path: Path | str,
    folder: Path | str | None = None,
    *,
    config: Config | Path | str | None = None,
    encoder: Encoder | None = None,
    name: str | None = None,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    allow_deletions: bool = False,
    pool: Parsers | None = None,
    ray: str | None = None,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
) -> SyncReport:
    """Rebuild the index at `path` from every folder and added document that it knows; then the new one takes the place
    of the old one, at once. The report counts all of them.

    folder    a folder that is new to the index, has moved, or has other files chosen; with `name`, `include` and
              `exclude` as in `sync`. The others are read as they were last synced.
    allow_deletions   as in `sync`: whether the new index may lack so many documents that a folder has in the old one.
    config    the new settings, over those that the index has.
    encoder   as in `HybridIndex.open`.
    pool, ray   as in `sync`.
    stop      once set, what is in hand is finished, the report says `interrupted`, and the index is still the old
              one. The next rebuild with the same settings goes on from there.

    The index is locked for as long as this takes; searches, here and in other processes, go on from the old generation.
    Texts that the same model has embedded before are not embedded again. A file that can no longer be read is
    reported and is not in the new index. It takes about as much disk again as the index has.

    Raises DeletionsRefusedError as said, with the old index as it was; and, before anything is done, ConfigError for a
    folder that is gone, an added document whose content is not stored, or a Chroma server; IndexNotFoundError;
    IndexLockedError; and what `sync` and opening raise.
    """
    if ray is not None and pool is not None:
        raise ConfigError("`ray` does not go with `pool`; leave one out.")
    started = time.monotonic()
    directory = IndexDirectory(path)
    new_config = _mend(directory, config, encoder)
    with directory.locked():
        reader = _read(directory)
        source = _source_of(reader, _as_named(folder, name, include, exclude, new_config))
        if not allow_deletions:
            _check_folders(source, new_config)
        staged = _resumable(directory, new_config, encoder) or new_staging(directory, "rebuild")
        with HybridIndex.open(staged.path, config=new_config, encoder=encoder) as index:
            index.borrow_vectors(reader)
            with ExitStack() as stack:
                if ray is not None:
                    from ingest.ray_pool import RayPool

                    on_ray = stack.enter_context(RayPool(ray, index))
                    on_ray.start()  # there are documents to embed before there are files to parse
                    pool, on_progress = on_ray, on_ray.telling(on_progress)
                report = _fill(index, source, pool, stop, on_progress)
            if not (allow_deletions or report.interrupted):
                _check_rebuilt(source, index)
        if not report.interrupted:
            adopt(directory, staged)
    return replace(report.in_order(), seconds=time.monotonic() - started)


def _mend(directory: IndexDirectory, config: Config | Path | str | None, encoder: Encoder | None) -> Config:
    """The settings of the new index; what a writer that died has left of the old one is finished."""
    pointer = directory.read_pointer()
    if pointer is None:
        raise IndexNotFoundError(
            f"There is no index at {directory.path}; `ingest sync FOLDER --index {directory.path}` makes one."
        )
    settings = remembered_settings(pointer)
    new = settings_for(config, settings, encoder)
    if pointer.chroma or new.server_settings():
        raise ConfigError(
            "An index on a Chroma server is not rebuilt in place; sync its folders with another chroma_database into "
            "another index directory, then search that one."
        )
    HybridIndex.open(directory.path, config=Config(**settings)).close()
    return new


def _read(directory: IndexDirectory) -> IndexReader:
    """The newest generation, with the lock held."""
    pointer = directory.read_pointer() or Pointer(writing=True)
    if pointer.writing:
        raise IndexLockedError(f"Another process has just written to {directory.path}; try again.")
    manifest = Manifest.read(directory.generations, pointer.generation)
    return IndexReader.open(directory.segments, manifest, Config(**remembered_settings(pointer)))


def _as_named(
    folder: Path | str | None,
    name: str | None,
    include: str | Sequence[str] | None,
    exclude: str | Sequence[str] | None,
    config: Config,
) -> dict[str, SyncedFolder]:
    """The caller's folder, by its name."""
    if folder is None:
        return {}
    root = resolve_root(Path(folder))
    chosen = SyncedFolder(
        str(root),
        patterns_of(include, config.include),
        patterns_of(exclude, config.exclude),
    )
    return {checked_name(root, name): chosen}


def _source_of(reader: IndexReader, named: Mapping[str, SyncedFolder]) -> _Source:
    """Raises ConfigError where a part of it cannot be had again."""
    known = reader.state.folders
    for name, folder in named.items():
        check_claim(known, name, folder.path)
    folders = {**known, **named}
    for name, folder in folders.items():
        if not Path(folder.path).is_dir():
            raise ConfigError(
                f"The folder {name!r} of this index is not at {folder.path}; sync it from where it is now, or delete "
                f"its documents first: `ingest delete {name}/`."
            )
    added: dict[str, str] = {}
    blank: list[DocumentRecord] = []
    for record in reader.records:
        if record.folder:
            continue
        if reader.content(record.id):
            added[record.source] = record.id
        elif not record.chunk_ids:
            blank.append(record)
        else:
            raise ConfigError(
                f"The content of the added document {record.source!r} is not stored; delete it first (`ingest delete "
                f"{record.source}`), and add it again afterwards."
            )
    return _Source(reader, folders, added, blank)


def _check_folders(source: _Source, config: Config) -> None:
    """Raises DeletionsRefusedError where a folder has lost too many of its files."""
    for name, (path, include, exclude) in source.folders.items():
        documents = searchable(source.reader.records, name)
        scanned = scan(Path(path), name=name, include=include, exclude=exclude, max_bytes=config.max_file_bytes)
        files = {file.source: file for file in scanned.files}
        gone = [record for record in documents if files.pop(record.source, None) is None]
        check_deletions(gone, documents, files.values(), root=scanned.root)


def _check_rebuilt(source: _Source, index: HybridIndex) -> None:
    """Raises DeletionsRefusedError where the new index lacks too many documents of a folder, that cannot be read any
    more."""
    rebuilt = index.searcher().searchable()
    sources, contents = {record.source for record in rebuilt}, {record.content_hash for record in rebuilt}
    for name, folder in source.folders.items():
        documents = searchable(source.reader.records, name)
        kept = (record for record in documents if record.source in sources or record.content_hash in contents)
        gone = set(documents).difference(kept)
        check_deletions(list(gone), documents, (), root=Path(folder.path))


def _resumable(directory: IndexDirectory, config: Config, encoder: Encoder | None) -> IndexDirectory | None:
    """What a rebuild with the same settings has left; what any other left is removed."""
    found: IndexDirectory | None = None
    for staged in stagings(directory, "rebuild"):
        if found is None and _fits(staged, config, encoder):
            found = staged
        else:
            discard(staged)
    return found


def _fits(staged: IndexDirectory, config: Config, encoder: Encoder | None) -> bool:
    if not staged.chroma.is_dir():
        return False
    try:
        with HybridIndex.open(staged.path, config=config, encoder=encoder) as index:
            return bool(index.embedder.dimension)  # loading it says whether it is still the same
    except IndexUnusableError:
        return False


def _fill(
    index: HybridIndex,
    source: _Source,
    pool: Parsers | None,
    stop: threading.Event | None,
    on_progress: OnProgress | None,
) -> SyncReport:
    with index.writing() as writer:
        writer.put([])  # an index without documents remembers its settings too
        writer.remove([record for record in writer.records.all().values() if not source.keeps(record)])
        writer.update_records(source.blank)
    failed = [Failure(record.source, record.reason) for record in source.blank if record.status == "failed"]
    report = SyncReport(failed=tuple(failed))
    for documents in source.documents():
        if stop is not None and stop.is_set():
            return replace(report, interrupted=True)
        report = summed(report, add(documents, index, on_progress=on_progress))
    reader = source.reader
    for name, (path, include, exclude) in source.folders.items():
        if stop is not None and stop.is_set():
            return replace(report, interrupted=True)
        done = sync(
            path,
            index,
            name=name,
            include=include,
            exclude=exclude,
            metadata=lambda source, _: given_metadata(reader.record_of(source)),
            wait_for_vectors=True,  # nobody searches it yet
            allow_deletions=True,  # of what an earlier rebuild has left; against the old index it is held elsewhere
            pool=pool,
            stop=stop,
            on_progress=on_progress,
        )
        report = summed(report, done)
    return report
