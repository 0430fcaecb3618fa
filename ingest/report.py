"""What a sync did, and how it tells of its progress."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from ingest.skipped_kinds import SkippedKind, kinds_of
from retrieval.writer.changes import Written


class Failure(NamedTuple):
    """A document that could not be indexed, and why."""

    source: str
    reason: str


class Skip(NamedTuple):
    """A file that holds nothing to index, and why: no text, or a format that no loader reads."""

    source: str
    reason: str


class Notice(NamedTuple):
    """A document that was indexed, and what its text lacks or is unsure of (`Document.notices`)."""

    source: str
    reason: str


class PlannedStep(NamedTuple):
    """What a dry run would do with a document: "add", "update" or "delete"."""

    action: str
    source: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, or with `dry_run` would do.

    added, updated, deleted, unchanged   documents; deleted are those that searches could return, not what had failed
    failed          documents that could not be indexed; the last version that could be stays searchable
    skipped         files that hold nothing to index
    notices         documents that were added or updated, of which a part could not be read
    chunks_added, chunks_deleted         chunks that came and went
    chunks_reused   chunks of added and updated documents that needed no embedding
    tokens_embedded of whole embedded strings: special tokens, prefix, context header and text
    truncated       strings that the model could not read whole; always 0
    seconds         wall-clock time
    interrupted     whether it was stopped before all was done; the next sync goes on from there
    dry_run, planned   whether nothing was done, and then the steps in the order of their sources
    refused         of a dry run: why the sync would delete nothing and stop (DeletionsRefusedError), else ""
    """

    added: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()
    skipped: tuple[Skip, ...] = ()
    notices: tuple[Notice, ...] = ()
    chunks_added: int = 0
    chunks_deleted: int = 0
    chunks_reused: int = 0
    tokens_embedded: int = 0
    truncated: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    dry_run: bool = False
    planned: tuple[PlannedStep, ...] = ()
    refused: str = ""

    def with_written(self, written: Written) -> "SyncReport":
        return replace(
            self,
            chunks_added=self.chunks_added + written.chunks_added,
            chunks_deleted=self.chunks_deleted + written.chunks_deleted,
            chunks_reused=self.chunks_reused + written.chunks_reused,
            tokens_embedded=self.tokens_embedded + written.tokens_embedded,
        )

    @property
    def skipped_kinds(self) -> tuple[SkippedKind, ...]:
        """What was skipped, counted by suffix and reason."""
        return kinds_of(self.skipped)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: named tuples become objects too."""
        named = ("failed", "skipped", "skipped_kinds", "notices", "planned")
        return {**asdict(self), **{name: [entry._asdict() for entry in getattr(self, name)] for name in named}}

    def in_order(self) -> "SyncReport":
        return replace(
            self,
            failed=tuple(sorted(self.failed)),
            skipped=tuple(sorted(self.skipped)),
            notices=tuple(sorted(self.notices)),
        )


def summed(one: SyncReport, other: SyncReport) -> SyncReport:
    """The report of two syncs, one after the other."""
    values = {each.name: getattr(one, each.name) + getattr(other, each.name) for each in fields(one)}
    switches = {name: getattr(one, name) or getattr(other, name) for name in ("interrupted", "dry_run")}
    refused = " ".join(filter(None, (one.refused, other.refused)))
    return SyncReport(**{**values, **switches, "refused": refused})


class NodeProgress(NamedTuple):
    """What a node of a Ray cluster has done: files that it parsed, passages that it embedded."""

    name: str
    files: int
    passages: int


class Progress(NamedTuple):
    """How far a sync is: documents and bytes done of those to do, and the chunks and tokens that went into them.

    held      chunks that were parsed, and that words find while they await their vectors
    in_hand   chunks of the batch that is being written which are still to come; a sync that is asked to stop finishes
              them.
    nodes     those that share the work, where other machines do it
    """

    documents: int
    total_documents: int
    bytes: int
    total_bytes: int
    chunks: int
    tokens: int
    in_hand: int = 0
    nodes: tuple[NodeProgress, ...] = ()
    held: int = 0


OnProgress = Callable[[Progress], None]
