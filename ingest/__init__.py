"""How an index is filled: folder -> documents -> chunks -> Chroma, kept in step."""

from ingest.report import Failure, SyncReport
from ingest.sync import add, add_files, sync

__all__ = ["Failure", "SyncReport", "add", "add_files", "sync"]
