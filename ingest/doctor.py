"""Examines an index and mends what it can: the pointer, the search files, documents that are not whole, folders that
are not in step."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ingest.documents import document_from_json
from ingest.examination import Trouble, examine_chunks, examine_folder, examine_lexical
from ingest.sync import add, sync
from retrieval.config import Config
from retrieval.errors import ConfigError, IndexDamagedError, IndexNotFoundError
from retrieval.index import HybridIndex
from retrieval.storage.directory import IndexDirectory, Pointer
from retrieval.storage.snapshot import Snapshot
from retrieval.storage.staging import discard, stagings
from retrieval.storage.store import Store
from retrieval.types import DocumentRecord


class Finding(NamedTuple):
    """What is wrong, in words, and whether it has been mended."""

    what: str
    mended: bool


def examine(path: Path | str, *, config: Config | Path | str | None = None, repair: bool = False) -> list[Finding]:
    """Everything found wrong with an index; with `repair`, mended where that loses nothing.

    What Chroma holds is believed, but for chunks that their own ids contradict; search files are made again from it,
    and documents from their files, or from what was added. Search files that are missing or damaged are built again on
    opening, here as anywhere. Files that are known to have failed are no finding: see FolderStatus.

    Raises IndexNotFoundError, IndexLockedError where a process writes, IndexMismatchError.
    """
    directory = IndexDirectory(path)
    findings = list(_examine_pointer(directory, config, repair=repair))
    if findings and not repair:
        return findings
    pointer = directory.read_pointer()
    if pointer is None:
        raise IndexNotFoundError(f"There is no index at {path}; `ingest sync FOLDER --index {path}` makes one.")
    if not findings:
        findings += _examine_snapshot(directory, pointer)
    findings += _examine_stagings(directory, repair=repair)
    with HybridIndex.open(path, config=config) as index:
        troubles = _troubles(index)
        if not troubles or not repair:
            return [*findings, *(Finding(trouble.what, False) for trouble in troubles)]
        reasons = _mend(index, troubles)
        left = {trouble.what: None for trouble in _troubles(index)}
    for trouble in troubles:
        reason = reasons.get(trouble.name, "") if trouble.remedy == "index" else ""
        still = trouble.what in left
        left.pop(trouble.what, None)
        findings.append(Finding("; ".join(filter(None, (trouble.what, reason))), not still and not reason))
    return [*findings, *(Finding(what, False) for what in left)]


def _examine_pointer(
    directory: IndexDirectory, config: Config | Path | str | None, *, repair: bool
) -> Iterator[Finding]:
    """The one file that says where everything is; Chroma knows what it takes to write it anew."""
    try:
        directory.read_pointer()
        return
    except IndexDamagedError as error:
        yield Finding(str(error), repair)
    if not repair:
        return
    settings = config if isinstance(config, Config) else Config.load(config)
    if settings.chroma_host is None and not directory.chroma.is_dir():
        raise IndexDamagedError(
            f"{directory.path} has no chroma directory; name the server that keeps its chunks (--config)."
        )
    directory.lock()
    try:
        with closing(Store.open(directory.chroma, settings, patient=True)) as store:
            fingerprint = store.state().fingerprint
        directory.write_pointer(Pointer(writing=True, fingerprint=fingerprint, chroma=settings.server_settings()))
    finally:
        directory.unlock()


def _examine_snapshot(directory: IndexDirectory, pointer: Pointer) -> Iterator[Finding]:
    """What opening the index is about to mend."""
    if pointer.writing:
        yield Finding("a write was interrupted; the search files are those of what it finished now", True)
    elif pointer.generation:
        try:
            Snapshot.open(directory.snapshots / pointer.generation, Config())
        except IndexDamagedError as error:
            yield Finding(f"{error} It was built again from Chroma.", True)


def _examine_stagings(directory: IndexDirectory, *, repair: bool) -> Iterator[Finding]:
    """What interrupted rebuilds have left."""
    left = stagings(directory, "rebuild")
    if repair and left:
        with directory.locked():
            for staged in left:
                discard(staged)
    for staged in left:
        what = f"{staged.path.name} is left of an interrupted --rebuild, which would go on from there"
        yield Finding(what, repair)


def _troubles(index: HybridIndex) -> list[Trouble]:
    with index.writing() as writer:
        writer.publish()  # what an interrupted writer left is in the snapshot now
        troubles = list(examine_chunks(writer.store, writer.snapshot))
        if writer.snapshot is not None:
            troubles += examine_lexical(writer.snapshot)
        max_bytes = int(index.config.max_file_mb * 10**6)
        for name, folder in sorted(writer.folders.items()):
            troubles += examine_folder(name, folder, writer.records, max_bytes=max_bytes)
    return troubles


def _mend(index: HybridIndex, troubles: Sequence[Trouble]) -> dict[str, str]:
    """Returns, by source, why a document could not be indexed again."""
    anew = [trouble.record for trouble in troubles if trouble.record is not None]
    if any(trouble.remedy in ("index", "delete", "publish") for trouble in troubles):
        with index.writing() as writer:
            writer.recover()
            writer.begin()
            writer.note(anew)
            writer.store.delete_chunks([id_ for trouble in troubles for id_ in trouble.ids])
    reasons = _add_again([record for record in anew if not record.folder], index)
    for name, folder in sorted(index.folders().items()):  # all: what Chroma forgot, no record tells
        try:
            report = sync(folder.path, index, name=name, include=folder.include, exclude=folder.exclude)
        except ConfigError as error:
            reasons.update((record.source, str(error)) for record in anew if record.folder == name)
        else:
            reasons.update(report.failed)
    return reasons


def _add_again(records: Iterable[DocumentRecord], index: HybridIndex) -> dict[str, str]:
    by_id = {record.id: record.source for record in records}
    if not by_id:
        return {}
    with index.writing() as writer:
        contents = writer.store.contents(list(by_id))
    report = add([document_from_json(content) for content in contents.values()], index)
    lost = (source for id_, source in by_id.items() if id_ not in contents)
    return {**dict.fromkeys(lost, "nothing tells what it was: add it again"), **dict(report.failed)}
