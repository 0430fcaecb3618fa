"""What a sync has to do: the folder as it was scanned, held against the ledger, reading files only where it must."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeGuard

from ingest.given_metadata import MetadataOf, with_given
from ingest.opening import hash_file, open_file
from ingest.plan import Candidate, Plan, is_as_recorded, is_read_so, needs_reading, plan
from ingest.report import Failure, PlannedStep, Skip, SyncReport
from ingest.scan import Scan, ScannedFile
from retrieval.errors import LoadError
from retrieval.types import DocumentRecord, Status


def diff(
    scanned: Scan,
    ledger: Mapping[str, DocumentRecord],
    *,
    metadata: MetadataOf | None = None,
    retry_failed: bool,
    converters: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Plan, SyncReport]:
    """What is to be done, and the report of having done it without another failure. Without `retry_failed`, files
    that failed and have not changed since count as failed again. `metadata` as in `sync`. Files that a converter reads
    are not skipped."""
    scanned = with_given(scanned, ledger, metadata)
    failed = [Failure(*failure) for failure in scanned.failed]
    skipped = [Skip(*skip) for skip in scanned.skipped]
    files: list[ScannedFile] = []
    settled: list[str] = []
    for file in scanned.files:
        record = ledger.get(file.source)
        if _is_settled(record, file, "skipped", scanned.name) and not _has_converter(file, converters):
            skipped.append(Skip(file.source, record.reason))
            settled.append(file.source)
        elif not retry_failed and _is_settled(record, file, "failed", scanned.name):
            failed.append(Failure(file.source, record.reason))
            settled.append(file.source)
        elif not _is_vouched_for(file, record) and (reason := _why_unsupported(file, converters)):
            skipped.append(Skip(file.source, reason))
        else:
            files.append(file)
    unknown = [*(source for source, _ in scanned.failed), *settled]
    todo = plan(_examined(files, ledger), ledger, folder=scanned.name, unknown=unknown)
    taken = "its source belongs to a document that was added from elsewhere; delete that, or sync with another --name"
    failed += [Failure(file.source, taken) for file in todo.taken]
    deleted = [record.source for record in todo.delete if record.chunk_ids]
    steps = (
        *(PlannedStep("add", file.source) for file in todo.add),
        *(PlannedStep("update", file.source) for file in todo.update),
        *(PlannedStep("delete", source) for source in deleted),
    )
    return todo, SyncReport(
        added=len(todo.add),
        updated=len(todo.update),
        deleted=len(deleted),
        unchanged=todo.unchanged,
        failed=tuple(failed),
        skipped=tuple(skipped),
        planned=tuple(sorted(steps, key=lambda step: step.source)),
    )


def _is_settled(
    record: DocumentRecord | None, file: ScannedFile, status: Status, folder: str
) -> TypeGuard[DocumentRecord]:
    """Whether the record's verdict holds for the file as it is."""
    return (
        record is not None
        and (record.status, record.folder, record.read_as) == (status, folder, file.read_as)
        and is_as_recorded(file, record)
    )


def _is_vouched_for(file: ScannedFile, record: DocumentRecord | None) -> bool:
    return record is not None and is_read_so(file, record) and not needs_reading(file, record)


def _has_converter(file: ScannedFile, converters: Mapping[str, str]) -> bool:
    if not converters:
        return False
    from ingest.loaders.converters import converter_of
    from ingest.loaders.text.compressed import inner_name

    return converter_of(inner_name(file.source), converters) is not None


def _why_unsupported(file: ScannedFile, converters: Mapping[str, str]) -> str | None:
    """By its first bytes, so that a film is not read whole to see that it is no text."""
    from ingest.loaders import HEAD, why_unsupported  # where nothing is new, no loader is asked

    try:
        with open_file(file.path, root=file.root) as opened:
            return why_unsupported(opened.read(HEAD), source=file.source, converters=converters)
    except (OSError, LoadError):
        return None  # indexing it will say what is wrong


def _examined(files: Iterable[ScannedFile], ledger: Mapping[str, DocumentRecord]) -> Iterator[Candidate]:
    """Each file, its content hashed where only that can tell whether it changed."""
    for file in files:
        if needs_reading(file, ledger.get(file.source)):
            try:
                yield Candidate(file, hash_file(file))
            except (OSError, LoadError):
                yield Candidate(file, "unreadable")  # differs from any hash: indexing it will say what is wrong
        else:
            yield Candidate(file, None)
