"""Examines an index and mends what it can, without going through a damaged part to do so.

The parts are looked at in the order in which one rests on the other: the directory and its pointer; the search files,
whose checksums vouch for them; the exported model; Chroma, which is opened in a process of its own first; what both say
of each document; the folders. What one part has lost is taken from another that still has it.
"""

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ingest.adding import add
from ingest.checks import (
    Finding,
    Remedy,
    Trouble,
    compare_chroma,
    examine_documents,
    examine_folder,
    examine_segments,
)
from ingest.damaged_chroma import examine_chroma
from ingest.documents import document_from_json
from ingest.report import OnProgress
from ingest.sync import resync
from retrieval.backup.restore_chroma import restore_chunks, restore_records
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.mending import mend, problems
from retrieval.directory.pointer import REWRITTEN, Pointer
from retrieval.encoders.export_cache import altered_exports
from retrieval.errors import ConfigError, DeletionsRefusedError, IndexDamagedError, IndexNotFoundError
from retrieval.fingerprint import Fingerprint, remembered_settings
from retrieval.index import HybridIndex
from retrieval.segments.manifest import Manifest, newest_manifest
from retrieval.segments.reader import IndexReader
from retrieval.types import SyncedFolder
from retrieval.words import counted
from retrieval.writer import commit
from retrieval.writer.writer import Writer

_SHOWN = 3
"""Findings of one kind that are told one by one; more are counted."""

_WOULD_MEND: dict[Remedy, str] = {
    "finish": "`ingest sync` or --repair finishes the indexing",
    "index": "--repair repeats the indexing",
    "rebuild": "--repair makes the search files again from Chroma",
    "restore": "--repair writes to Chroma what the search files have",
    "remove": "--repair removes them",
    "sync": "`ingest sync` or --repair brings the index in step",
    "none": "sync it from where it is now, or delete its documents: `ingest delete NAME/`",
}
_MENDED: dict[Remedy, str] = {
    "finish": "indexed again",
    "index": "indexed again",
    "rebuild": "made again from what Chroma holds",
    "restore": "written to Chroma from the search files",
    "remove": "removed",
    "sync": "brought in step",
    "none": "gone by itself",
}


def examine(
    path: Path | str,
    *,
    config: Config | Path | str | None = None,
    repair: bool = False,
    on_progress: OnProgress | None = None,
) -> list[Finding]:
    """Everything found wrong with an index; with `repair`, mended where that loses nothing.

    Search files whose checksums hold are believed, and what Chroma holds otherwise is written again from them; search
    files that are altered are made again from Chroma. A Chroma that is damaged or lost is replaced by one that is made
    of the search files, documents from memory included; what had been written since the last commit is then synced
    again from the folders. Files that are known to have failed are no finding: see FolderStatus.

    on_progress   hears of documents that are indexed again.

    Raises IndexNotFoundError, IndexLockedError where a process writes, IndexMismatchError, and IndexDamagedError where
    both Chroma and the search files are lost.
    """
    directory = IndexDirectory(path)
    findings = list(_examine_directory(directory, repair=repair))
    about_pointer = list(_examine_pointer(directory, config, repair=repair))
    findings += about_pointer
    if (about_pointer or not directory.can_be_locked) and not repair:
        return findings
    pointer = directory.read_pointer()
    if pointer is None:
        raise IndexNotFoundError(f"There is no index at {path}; `ingest sync FOLDER --index {path}` makes one.")
    findings += _examine_exports(pointer, repair=repair)
    settings = config if isinstance(config, Config) else Config.load(config, base=remembered_settings(pointer))
    if settings.store == "milvus":
        return [*findings, *_examine_shared(path, settings, repair=repair)]
    found, forgotten = examine_chroma(directory, pointer, settings, repair=repair)
    findings += found
    if found and not repair:
        return findings
    if not about_pointer and not found:
        findings += _examine_generation(directory, directory.read_pointer() or pointer)
    with _without_advice(), HybridIndex.open(path, config=config) as index:
        findings += _sync_forgotten(index, forgotten, on_progress)
        troubles = _troubles(index)
        if not troubles or not repair:
            return [*findings, *(_found(trouble) for trouble in troubles)]
        reasons = _mend(index, troubles, on_progress)
        left = {trouble.what: trouble for trouble in _troubles(index)}
    for trouble in troubles:
        reason = reasons.get(trouble.name, "")
        if left.pop(trouble.what, None) or reason:
            findings.append(_found(trouble, reason))
        else:
            findings.append(Finding(trouble.what, True, _MENDED[trouble.remedy], trouble.kind))
    return [*findings, *map(_found, left.values())]


def _examine_shared(path: Path | str, settings: Config, *, repair: bool) -> Iterator[Finding]:
    """An index in Milvus, where nothing can be mended from search files."""
    from retrieval.shared_store.checks import troubles  # it needs an extra

    with HybridIndex.open(path, config=settings, read_only=True) as index:
        found = list(troubles(index.searcher().reader))
    if found and repair:
        raise ConfigError(
            f"{found[0]}; store milvus has no --repair: sync the folders into another store_name, or restore a backup "
            "of the server."
        )
    for what in found:
        yield Finding(what, False, "sync the folders into another store_name, or restore a backup of the server")


def in_words(findings: Iterable[Finding]) -> Iterator[tuple[bool, str]]:
    """A line for each finding, or for many of one kind together; and whether it has been mended."""
    kinds: dict[tuple[str, bool, str], list[Finding]] = {}
    for at, finding in enumerate(findings):
        kinds.setdefault((finding.kind or str(at), finding.mended, finding.action), []).append(finding)
    for (kind, mended, action), same in kinds.items():
        whats = [finding.what for finding in same]
        if len(same) > _SHOWN:
            whats = [f"{len(same):,} {kind}, such as {whats[0].partition(': ')[0]}"]
        for what in whats:
            yield mended, f"{what}; {action}" if action else what


@contextmanager
def _without_advice() -> Iterator[None]:
    """Nobody is told to run the doctor while it runs: chunks that are missing are among its findings."""

    def is_other(record: logging.LogRecord) -> bool:
        return record.msg != commit.CHUNKS_MISSING

    commit.log.addFilter(is_other)
    try:
        yield
    finally:
        commit.log.removeFilter(is_other)


def _found(trouble: Trouble, reason: str = "") -> Finding:
    """`reason`: why it could not be mended."""
    would_mend = _WOULD_MEND[trouble.remedy]
    if trouble.record is not None and not trouble.record.folder:
        would_mend = _WOULD_MEND["index"]
    return Finding(trouble.what, False, reason or would_mend, trouble.kind)


# The directory and its pointer


def _examine_directory(directory: IndexDirectory, *, repair: bool) -> Iterator[Finding]:
    """Things in the place of the index's files, and what processes that died have left."""
    found = problems(directory)
    mended = {problem.path for problem in mend(directory)} if repair and found else set()
    for problem in found:
        is_mended = problem.path in mended
        remedy = problem.remedy if problem.is_mendable is False else f"--repair: {problem.remedy}"
        yield Finding(problem.what, is_mended, "removed" if is_mended else remedy)


def _examine_pointer(
    directory: IndexDirectory, config: Config | Path | str | None, *, repair: bool
) -> Iterator[Finding]:
    """The one file that says where everything is; the newest generation knows what it takes to write it again, and so
    does Chroma."""
    try:
        directory.check_chroma(directory.read_pointer())
        return
    except IndexDamagedError as error:
        if not str(error).endswith(REWRITTEN):
            return  # Chroma itself is lost
        what = str(error).removesuffix(REWRITTEN)
    yield Finding(what, repair, "the pointer was written again" if repair else "--repair writes the pointer again")
    if not repair:
        return
    settings = config if isinstance(config, Config) else Config.load(config)
    if settings.store == "milvus":
        directory.write_pointer(Pointer(chroma=settings.server_settings()))
        return
    if settings.chroma_host is None and not directory.chroma.is_dir():
        raise IndexDamagedError(
            f"{directory.path} has no chroma directory; name the server that keeps its chunks (--config). If no server "
            "does, make an empty directory chroma there, and repair again."
        )
    with directory.locked():
        manifest = newest_manifest(directory.generations)
        if manifest is not None:
            generation, fingerprint = manifest.state.generation, manifest.state.fingerprint
        else:
            with closing(Store.open(directory.chroma, settings, patient=True)) as store:
                generation, fingerprint = "", store.state().fingerprint
        server = settings.server_settings()
        directory.write_pointer(Pointer(generation=generation, writing=True, fingerprint=fingerprint, chroma=server))


# The exported model


def _examine_exports(pointer: Pointer, *, repair: bool) -> Iterator[Finding]:
    """The files that the index's model runs from, in the user's cache. What is removed is exported again when the model
    is loaded."""
    weights = Fingerprint.from_json(pointer.fingerprint).weights if pointer.fingerprint else ""
    for directory in altered_exports(weights) if weights else []:
        if repair:
            shutil.rmtree(directory, ignore_errors=True)
        is_mended = not directory.exists()
        action = "it cannot be removed" if repair else "--repair removes it, and it is exported again"
        if is_mended:
            action = "removed; the model is exported again when it is used next"
        yield Finding(f"the exported model {directory} was altered since it was written", is_mended, action)


# The search files


def _examine_generation(directory: IndexDirectory, pointer: Pointer) -> Iterator[Finding]:
    """What opening the index is about to mend, now that Chroma is known to be whole."""
    if pointer.writing:
        yield Finding("a write was interrupted", True, "the search files were made again from what it had finished")
        return
    try:
        IndexReader.open(directory.segments, Manifest.read(directory.generations, pointer.generation), Config())
    except IndexDamagedError as error:
        yield Finding(str(error).rstrip("."), True, "made again from Chroma")


# What both say of each document


def _troubles(index: HybridIndex) -> list[Trouble]:
    with index.writing() as writer:
        writer.commit()  # what an interrupted writer left is in the generation now
        troubles = list(examine_segments(writer.reader))
        if not troubles:
            differences = compare_chroma(writer.store, writer.reader)
            wrong = list(examine_documents(writer.reader))
            troubles = [*wrong, *differences.without(_documents_of(wrong)).troubles()]
        config = index.config
        told = {trouble.name for trouble in troubles if trouble.name}
        ledger = writer.documents
        for name, folder in sorted(writer.folders.items()):
            found = examine_folder(name, folder, ledger, max_bytes=config.max_file_bytes, converters=config.converters)
            troubles += [trouble for trouble in found if trouble.name not in told]
    return troubles


def _mend(index: HybridIndex, troubles: Sequence[Trouble], on_progress: OnProgress | None) -> dict[str, str]:
    """Returns, by source, why a document could not be indexed again."""
    with index.writing() as writer:
        remedies = {trouble.remedy for trouble in troubles}
        if remedies & {"restore", "remove"}:
            _restore(writer, but_for=_documents_of(troubles))
        if remedies & {"rebuild", "index"}:  # where the search files are at fault, Chroma may still have what is right
            writer.recover()
            writer.commit()
            troubles = list(examine_documents(writer.reader))
        again = [trouble.record for trouble in troubles if trouble.record is not None]
        contents = {record.source: writer.reader.content(record.id) for record in again if not record.folder}
        writer.update_records(again)
    reasons = _add_again(contents, index, on_progress)
    for name, folder in sorted(index.folders().items()):  # all: what Chroma forgot, no record tells
        try:
            report = resync(name, folder, index, on_progress=on_progress)
        except ConfigError as error:
            reasons.update((record.source, str(error)) for record in again if record.folder == name)
        except DeletionsRefusedError as error:
            reasons.update((record.source, str(error)) for record in index.documents() if record.folder == name)
        else:
            reasons.update(report.failed)
    return reasons


def _sync_forgotten(
    index: HybridIndex, forgotten: Mapping[str, SyncedFolder], on_progress: OnProgress | None
) -> Iterator[Finding]:
    """Sync folders that lost records with the search files, and so perhaps are not known any more."""
    for name, folder in sorted(forgotten.items()):
        try:
            report = resync(name, folder, index, on_progress=on_progress)
        except (ConfigError, DeletionsRefusedError) as error:
            yield Finding(f"documents of {name} were in search files that are damaged", False, str(error).rstrip("."))
        else:
            what = (
                f"{counted(report.added + report.updated, 'document')} of {name} were in search files that are damaged"
            )
            yield Finding(what, True, f"indexed again from {folder.path}")


def _documents_of(troubles: Iterable[Trouble]) -> set[str]:
    """The ids of the documents that are to be indexed again."""
    return {trouble.record.id for trouble in troubles if trouble.record is not None}


def _restore(writer: Writer, *, but_for: set[str]) -> None:
    """Write to Chroma what it has otherwise than the search files, but for documents that these have wrong."""
    writer.begin()
    differences = compare_chroma(writer.store, writer.reader).without(but_for)
    writer.store.delete_chunks(list(differences.stray_chunks))
    writer.store.delete_records(differences.stray_records)
    restore_chunks(writer.store, writer.reader, list(differences.chunks))
    restore_records(writer.store, writer.reader, differences.records)


def _add_again(contents: Mapping[str, str], index: HybridIndex, on_progress: OnProgress | None) -> dict[str, str]:
    """`contents`: what documents from memory were made of, by source; "" where that is lost."""
    known = [document_from_json(content) for content in contents.values() if content]
    lost = [source for source, content in contents.items() if not content]
    report = add(known, index, on_progress=on_progress) if known else None
    failed = dict(report.failed) if report is not None else {}
    return {**dict.fromkeys(lost, "nothing tells what it was: add it again"), **failed}
