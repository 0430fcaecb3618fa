"""How a sync's report is printed, and which documents it changed, a line each."""

from collections.abc import Sequence
from pathlib import Path

from ingest.report import SyncReport
from ingest.skipped_kinds import in_words
from retrieval.console import err, out, print_json, printable
from retrieval.directory.pointer import POINTER
from retrieval.types import DocumentRecord

_KEPT = "what was finished is kept, and the next sync goes on from there."


def show_report(
    report: SyncReport, index: Path, *, as_json: bool, verbose: bool, done: Sequence[str] = (), kept: str = _KEPT
) -> None:
    """Print a report: what was done on standard output, what could not be done on standard error.

    done   a line for each document that changed.
    kept   how the sentence on an interrupted run ends.
    """
    if as_json:
        print_json(report.as_dict())
        return
    documents = f"{report.added:,} added, {report.updated:,} updated, {report.deleted:,} deleted"
    rest = f"{report.unchanged:,} unchanged, {len(report.failed):,} failed, {len(report.skipped):,} skipped"
    for step in report.planned:
        out.print(f"{step.action} {printable(step.source)}", markup=False)
    for line in done:
        out.print(line, markup=False)
    if report.dry_run:
        allowed = " with --allow-deletions" if report.refused else ""
        out.print(f"Would do in {index}{allowed}: {documents}; {rest}.", markup=False)
    else:
        if not any((report.added, report.updated, report.deleted, report.unchanged, report.failed)):
            out.print(f"There is nothing to index here{'; -v says why' if report.skipped and not verbose else ''}.")
        if (index / POINTER).exists():
            _print_written(report, index, f"{documents}; {rest}")
        else:
            out.print(f"No index was made at {index}: {rest}.", markup=False)
    _print_reasons(report, verbose=verbose)
    if report.interrupted:
        err.print(f"Interrupted; {kept}")
    if report.refused:
        err.print(f"The sync would be refused, and do nothing. {report.refused}", markup=False)


def _print_written(report: SyncReport, index: Path, documents: str) -> None:
    out.print(f"Documents in {index}: {documents}.", markup=False)
    out.print(
        f"Chunks: {report.chunks_added:,} added, {report.chunks_deleted:,} deleted, {report.chunks_reused:,} "
        f"reused; {report.tokens_embedded:,} tokens embedded, {report.truncated} truncated; {report.seconds:.1f} s."
    )


def _print_reasons(report: SyncReport, *, verbose: bool) -> None:
    """Why documents failed, were indexed in part or, one by one if `verbose`, were skipped."""
    for failure in report.failed:
        err.print(f"failed: {printable(failure.source)}: {failure.reason}", markup=False)
    for notice in report.notices:
        err.print(f"in part: {printable(notice.source)}: {notice.reason}", markup=False)
    for skip in report.skipped if verbose else ():
        err.print(f"skipped: {printable(skip.source)}: {skip.reason}", markup=False)
    if report.skipped:
        err.print(f"skipped {printable(in_words(report.skipped_kinds))}", markup=False)


def changed_lines(before: Sequence[DocumentRecord], after: Sequence[DocumentRecord]) -> list[str]:
    """Lines such as "added docs/rain.md", by source: which documents changed between two states of the ledger."""
    was = {record.source: record for record in before}
    kept = {record.source for record in after if record.content_hash or record.status == "failed"}
    lines = [(source, "deleted") for source in was.keys() - kept if was[source].chunk_ids]
    for record in after:
        old = was.get(record.source)
        if record.status == "ready" and (old is None or _made_of(old) != _made_of(record)):
            lines.append((record.source, "updated" if old is not None and old.content_hash else "added"))
    return [f"{action} {printable(source)}" for source, action in sorted(lines)]


def _made_of(record: DocumentRecord) -> tuple[str, ...]:
    """What indexing a document changes: its content, its sidecar, or the metadata that it was given."""
    return record.status, record.content_hash, record.read_as, record.given
