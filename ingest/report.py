"""What a sync did, and how it tells of its progress."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from retrieval.changes import Written


class Failure(NamedTuple):
    """A document that could not be indexed, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, or with `dry_run` would do.

    added, updated, deleted, unchanged   documents
    failed          documents that could not be indexed; the last version that could be stays searchable
    skipped         files in a format that is not text and that no loader reads
    chunks_added, chunks_deleted         chunks that came and went
    chunks_reused   chunks of added and updated documents that needed no embedding
    tokens_embedded of whole embedded strings: special tokens, prefix, context header and text
    truncated       strings that the model could not read whole; always 0
    seconds         wall-clock time
    """

    added: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()
    skipped: int = 0
    chunks_added: int = 0
    chunks_deleted: int = 0
    chunks_reused: int = 0
    tokens_embedded: int = 0
    truncated: int = 0
    seconds: float = 0.0
    dry_run: bool = False

    def with_written(self, written: Written) -> "SyncReport":
        return replace(
            self,
            chunks_added=self.chunks_added + written.chunks_added,
            chunks_deleted=self.chunks_deleted + written.chunks_deleted,
            chunks_reused=self.chunks_reused + written.chunks_reused,
            tokens_embedded=self.tokens_embedded + written.tokens_embedded,
        )


class Progress(NamedTuple):
    """How far a sync is: documents done of those to do, and the chunks and tokens that went into them."""

    done: int
    total: int
    source: str
    chunks: int
    tokens: int


OnProgress = Callable[[Progress], None]
