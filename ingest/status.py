"""How an index and its folders stand to each other: what is indexed, what failed, what is pending, and why."""

from collections import Counter
from typing import NamedTuple

from ingest.report import Failure, Notice, PlannedStep, Skip
from ingest.sync import resync
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.types import SyncedFolder


class FolderStatus(NamedTuple):
    """indexed: documents that searches can return, also where a later version failed; over all folders, and with the
    documents added from memory, these are `Stats.documents`. failed: what the next sync cannot index either, unless it
    changes. pending: what the next sync would do. refused: why it would refuse to, else "". notices: what is indexed in
    part. unreachable: why the folder could not be looked at, else ""."""

    name: str
    folder: SyncedFolder
    indexed: int
    failed: tuple[Failure, ...] = ()
    pending: tuple[PlannedStep, ...] = ()
    skipped: tuple[Skip, ...] = ()
    notices: tuple[Notice, ...] = ()
    unreachable: str = ""
    refused: str = ""


def folder_status(index: HybridIndex) -> list[FolderStatus]:
    """Each synced folder, as chosen when it was last synced, against the ledger. Nothing is written."""
    indexed = Counter(record.folder for record in index.searcher().searchable())
    return [_status_of(name, folder, index, indexed[name]) for name, folder in sorted(index.folders().items())]


def _status_of(name: str, folder: SyncedFolder, index: HybridIndex, indexed: int) -> FolderStatus:
    try:
        planned = resync(name, folder, index, dry_run=True)
    except ConfigError as error:
        return FolderStatus(name, folder, indexed, unreachable=str(error))
    in_part = (record for record in index.documents() if (record.status, record.folder) == ("ready", name))
    notices = tuple(Notice(record.source, record.reason) for record in in_part if record.reason)
    return FolderStatus(
        name,
        folder,
        indexed,
        planned.failed,
        planned.planned,
        planned.skipped,
        notices,
        refused=planned.refused,
    )
