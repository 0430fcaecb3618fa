"""Examines an index and mends what it can: the pointer, the search files, documents that are not whole, folders that
are not in step."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ingest.adding import add
from ingest.checks import Remedy, Trouble, examine_chunks, examine_folder, examine_segments
from ingest.documents import document_from_json
from ingest.report import OnProgress
from ingest.sync import resync
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.index_directory import WRITTEN_ANEW, IndexDirectory, Pointer
from retrieval.directory.staging import discard, stagings
from retrieval.errors import ConfigError, IndexDamagedError, IndexNotFoundError
from retrieval.index import HybridIndex
from retrieval.segments.manifest import Manifest
from retrieval.segments.reader import IndexReader
from retrieval.types import DocumentRecord

_SHOWN = 3
"""Findings of one kind that are told one by one; more are counted."""

_WOULD_MEND: dict[Remedy, str] = {
    "finish": "`ingest sync`, or --repair, indexes anew",
    "index": "--repair indexes anew",
    "delete": "--repair deletes them",
    "publish": "--repair makes the search files again",
    "sync": "`ingest sync`, or --repair, brings the index in step",
    "none": "sync it from where it is now, or delete its documents: `ingest delete NAME/`",
}
_MENDED: dict[Remedy, str] = {
    "finish": "indexed anew",
    "index": "indexed anew",
    "delete": "deleted",
    "publish": "made again from what Chroma holds",
    "sync": "brought in step",
    "none": "gone by itself",
}


class Finding(NamedTuple):
    """What is wrong, in words; whether it has been mended; what mended it, or what would, or why nothing could; and
    its kind, as in Trouble."""

    what: str
    mended: bool
    action: str
    kind: str = ""


def examine(
    path: Path | str,
    *,
    config: Config | Path | str | None = None,
    repair: bool = False,
    on_progress: OnProgress | None = None,
) -> list[Finding]:
    """Everything found wrong with an index; with `repair`, mended where that loses nothing.

    What Chroma holds is believed, but for chunks that their own ids contradict; search files are made again from it,
    and documents from their files, or from what was added. Search files that are missing or damaged are built again on
    opening, here as anywhere, and are mended without `repair` too. Files that are known to have failed are no finding:
    see FolderStatus.

    on_progress   hears of documents that are indexed again.

    Raises IndexNotFoundError, IndexLockedError where a process writes, IndexMismatchError, and IndexDamagedError where
    Chroma is gone.
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


def _found(trouble: Trouble, reason: str = "") -> Finding:
    """`reason`: why it could not be mended."""
    would_mend = _WOULD_MEND[trouble.remedy]
    if trouble.record is not None and not trouble.record.folder:
        would_mend = _WOULD_MEND["index"]
    return Finding(trouble.what, False, reason or would_mend, trouble.kind)


def _examine_pointer(
    directory: IndexDirectory, config: Config | Path | str | None, *, repair: bool
) -> Iterator[Finding]:
    """The one file that says where everything is; Chroma knows what it takes to write it anew."""
    try:
        directory.check_chroma(directory.read_pointer())
        return
    except IndexDamagedError as error:
        if not str(error).endswith(WRITTEN_ANEW):
            raise
        what = str(error).removesuffix(WRITTEN_ANEW)
    yield Finding(what, repair, "the pointer was written anew" if repair else "--repair writes the pointer anew")
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
        yield Finding("a write was interrupted", True, "the search files were made again from what it had finished")
    elif pointer.generation:
        try:
            manifest = Manifest.read(directory.generations, pointer.generation)
            IndexReader.open(directory.segments, manifest, Config())
        except IndexDamagedError as error:
            yield Finding(str(error).rstrip("."), True, "built again from Chroma")


def _examine_stagings(directory: IndexDirectory, *, repair: bool) -> Iterator[Finding]:
    """What interrupted rebuilds have left."""
    left = stagings(directory, "rebuild")
    if repair and left:
        with directory.locked():
            for staged in left:
                discard(staged)
    for staged in left:
        what = f"{staged.path.name} is left of an interrupted --rebuild"
        yield Finding(
            what, repair, "removed" if repair else "another --rebuild goes on from there, --repair removes it"
        )


def _troubles(index: HybridIndex) -> list[Trouble]:
    with index.writing() as writer:
        writer.commit()  # what an interrupted writer left is in the generation now
        troubles = [*examine_chunks(writer.store, writer.reader), *examine_segments(writer.reader)]
        max_bytes = index.config.max_file_bytes
        told = {trouble.name for trouble in troubles if trouble.name}
        for name, folder in sorted(writer.folders.items()):
            found = examine_folder(name, folder, writer.records, max_bytes=max_bytes)
            troubles += [trouble for trouble in found if trouble.name not in told]
    return troubles


def _mend(index: HybridIndex, troubles: Sequence[Trouble], on_progress: OnProgress | None) -> dict[str, str]:
    """Returns, by source, why a document could not be indexed again."""
    anew = [trouble.record for trouble in troubles if trouble.record is not None]
    if any(trouble.remedy in ("index", "finish", "delete", "publish") for trouble in troubles):
        with index.writing() as writer:
            writer.store.delete_chunks([id_ for trouble in troubles for id_ in trouble.ids])
            writer.recover()  # finds the rows that no record names, and so after those are gone that are to go
            writer.begin()
            writer.update_records(anew)
    reasons = _add_again([record for record in anew if not record.folder], index, on_progress)
    for name, folder in sorted(index.folders().items()):  # all: what Chroma forgot, no record tells
        try:
            report = resync(name, folder, index, on_progress=on_progress)
        except ConfigError as error:
            reasons.update((record.source, str(error)) for record in anew if record.folder == name)
        else:
            reasons.update(report.failed)
    return reasons


def _add_again(records: Iterable[DocumentRecord], index: HybridIndex, on_progress: OnProgress | None) -> dict[str, str]:
    by_id = {record.id: record.source for record in records}
    if not by_id:
        return {}
    with index.writing() as writer:
        contents = writer.store.contents(list(by_id))
    report = add([document_from_json(content) for content in contents.values()], index, on_progress=on_progress)
    lost = (source for id_, source in by_id.items() if id_ not in contents)
    return {**dict.fromkeys(lost, "nothing tells what it was: add it again"), **dict(report.failed)}
