"""How an index and its folders stand to each other: what is indexed, what failed, what is pending, and why."""

from collections import Counter
from typing import NamedTuple

from ingest.report import Failure, Notice, PlannedStep, Skip
from ingest.sync import resync
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.types import SyncedFolder


class FolderStatus(NamedTuple):
    """How one folder stands.

    indexed   documents that searches can return, also where a later version failed; over all folders, and with the
              documents added from memory, these are `Stats.documents`
    awaiting  those of them that a sync has parsed and not embedded yet: words find them
    failed    what the next sync cannot index either, unless it changes
    pending   what the next sync would do, beside embedding those that await it
    refused   why the next sync would refuse to, else ""
    notices   what is indexed in part
    unreachable   why the folder could not be looked at, else ""; then failed and skipped are what the ledger says of
              the last sync, and pending is None
    """

    name: str
    folder: SyncedFolder
    indexed: int
    failed: tuple[Failure, ...] = ()
    pending: tuple[PlannedStep, ...] | None = ()
    skipped: tuple[Skip, ...] = ()
    notices: tuple[Notice, ...] = ()
    unreachable: str = ""
    refused: str = ""
    awaiting: int = 0


def folder_status(index: HybridIndex) -> list[FolderStatus]:
    """Each synced folder, as chosen when it was last synced, against the ledger. Nothing is written."""
    indexed = Counter(record.folder for record in index.searcher().searchable())
    return [_status_of(name, folder, index, indexed[name]) for name, folder in sorted(index.folders().items())]


def _status_of(name: str, folder: SyncedFolder, index: HybridIndex, indexed: int) -> FolderStatus:
    records = [record for record in index.documents() if record.folder == name]
    notices = tuple(
        Notice(record.source, record.reason) for record in records if record.status == "ready" and record.reason
    )
    awaiting = sum(record.status == "pending" for record in records)
    try:
        planned = resync(name, folder, index, dry_run=True)
    except ConfigError as error:
        failed = tuple(Failure(record.source, record.reason) for record in records if record.status == "failed")
        skipped = tuple(Skip(record.source, record.reason) for record in records if record.status == "skipped")
        return FolderStatus(
            name, folder, indexed, failed, None, skipped, notices, unreachable=str(error), awaiting=awaiting
        )
    return FolderStatus(
        name,
        folder,
        indexed,
        planned.failed,
        planned.planned,
        planned.skipped,
        notices,
        refused=planned.refused,
        awaiting=awaiting,
    )
