"""What a sync has to do: the folder as it was scanned, held against the ledger, reading files only where it must."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ingest.documents import hash_bytes
from ingest.loaders import HEAD, why_unsupported
from ingest.plan import Candidate, Plan, needs_reading, plan
from ingest.report import Failure, PlannedStep, Skip, SyncReport
from ingest.scan import Scan, ScannedFile
from retrieval.types import DocumentRecord


def survey(scanned: Scan, ledger: Mapping[str, DocumentRecord]) -> tuple[Plan, SyncReport]:
    """What is to be done, and the report of having done it without another failure."""
    unknown = [source for source, _ in scanned.failed]
    skipped = [Skip(*skip) for skip in scanned.skipped]
    files: list[ScannedFile] = []
    for file in scanned.files:
        reason = None if _is_vouched_for(file, ledger) else _why_unsupported(file)
        if reason is None:
            files.append(file)
        else:
            skipped.append(Skip(file.source, reason))
    todo = plan(_examined(files, ledger), ledger, folder=scanned.name, unknown=unknown)
    taken = "its source belongs to a document that was added from elsewhere; delete that, or sync with another --name"
    failed = (*(Failure(*failure) for failure in scanned.failed), *(Failure(file.source, taken) for file in todo.taken))
    steps = (
        *(PlannedStep("add", file.source) for file in todo.add),
        *(PlannedStep("update", file.source) for file in todo.update),
        *(PlannedStep("delete", record.source) for record in todo.delete),
    )
    return todo, SyncReport(
        added=len(todo.add),
        updated=len(todo.update),
        deleted=len(todo.delete),
        unchanged=todo.unchanged,
        failed=failed,
        skipped=tuple(skipped),
        planned=tuple(sorted(steps, key=lambda step: step.source)),
    )


def expecting_failures(report: SyncReport, todo: Plan, ledger: Mapping[str, DocumentRecord]) -> SyncReport:
    """The report, when files that failed and have not changed since fail again."""
    known = {
        record.source: record
        for file in (*todo.add, *todo.update)
        if (record := ledger.get(file.source)) and record.status == "failed"
        if (file.size, file.mtime_ns) == (record.size, record.mtime_ns)
    }
    new = sum(not record.content_hash for record in known.values())
    failures = tuple(Failure(record.source, record.reason) for record in known.values())
    return replace(
        report,
        added=report.added - new,
        updated=report.updated - (len(known) - new),
        failed=(*report.failed, *failures),
        planned=tuple(step for step in report.planned if step.source not in known),
    )


def _is_vouched_for(file: ScannedFile, ledger: Mapping[str, DocumentRecord]) -> bool:
    record = ledger.get(file.source)
    return record is not None and record.status == "ready" and not needs_reading(file, record)


def _why_unsupported(file: ScannedFile) -> str | None:
    """By its first bytes, so that a film is not read whole to see that it is no text."""
    try:
        with file.path.open("rb") as opened:
            return why_unsupported(opened.read(HEAD), source=file.source)
    except OSError:
        return None  # indexing it will say what is wrong


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
