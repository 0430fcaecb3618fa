"""Which documents a sync changed, a line each."""

from collections.abc import Sequence

from retrieval.console import printable
from retrieval.types import DocumentRecord


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
