"""How an index is filled: folder -> documents -> chunks -> Chroma, kept in step."""

from typing import TYPE_CHECKING

from ingest.report import Failure, SyncReport
from ingest.sync import sync

if TYPE_CHECKING:
    from ingest.adding import add, add_files
    from ingest.parser_pool import ParserPool
    from ingest.ray_pool import RayPool

__all__ = ["Failure", "ParserPool", "RayPool", "SyncReport", "add", "add_files", "sync"]


def __getattr__(name: str) -> object:
    """Load what reads files on first use: `ingest status` needs none of it."""
    if name in ("add", "add_files"):
        from ingest import adding

        return getattr(adding, name)
    if name == "ParserPool":
        from ingest.parser_pool import ParserPool

        return ParserPool
    if name == "RayPool":
        from ingest.ray_pool import RayPool

        return RayPool
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
