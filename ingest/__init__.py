"""How an index is filled: folder -> documents -> chunks -> Chroma, kept in step."""

from ingest.report import Failure, SyncReport
from ingest.sync import add, sync

__all__ = ["Failure", "SyncReport", "add", "sync"]
