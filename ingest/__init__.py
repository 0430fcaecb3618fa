"""How an index is filled: folder -> documents -> chunks -> Chroma, kept in step."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.report import SyncReport
    from ingest.sync import add, sync

__all__ = ["SyncReport", "add", "sync"]

_LAZY = {"SyncReport": "ingest.report", "add": "ingest.sync", "sync": "ingest.sync"}


def __getattr__(name: str) -> object:
    """Load the parts on first use, so that `import ingest` and `ingest --help` stay instant."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
