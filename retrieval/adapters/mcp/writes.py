"""The tools of the MCP server that change the index."""

import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

from anyio import from_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from ingest import add
from ingest.parser_pool import Parsers
from ingest.report import Progress
from ingest.root import check_deletable
from ingest.sync import resync
from retrieval.adapters.given_metadata import GivenValue
from retrieval.adapters.mcp.models import Deletion, Report
from retrieval.adapters.mcp.reads import Source, named, told_to_the_model
from retrieval.adapters.mcp.tools import strict_tool
from retrieval.adapters.sources import check_source
from retrieval.errors import IndexLockedError, QueryError
from retrieval.index import HybridIndex
from retrieval.types import Document

_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


_WAIT_SECONDS = 30.0
"""How long a change waits for the one before it, which may be a sync: as long as over HTTP."""

Writable = Callable[[], AbstractContextManager[HybridIndex]]
"""The index for one change."""


def write_tools(
    current: Callable[[], HybridIndex], *, pool: Parsers | None = None, seconds: float = _WAIT_SECONDS
) -> list[Tool]:
    """`pool` as in `sync`; `seconds`: how long a change waits for another one of these tools before it is given up."""
    writable = one_at_a_time(current, seconds)
    changes = (_add_document(writable), _delete_document(writable), _sync_folder(writable, pool))
    return [strict_tool(tool, _ADDS) for tool in changes]


def one_at_a_time(current: Callable[[], HybridIndex], seconds: float) -> Writable:
    """Opens the index for a change, once the one before is done: clients call tools at the same time. The index's lock
    is given back at the end, so that other processes can write in between. Raises ToolError for what opening raises and
    where the one before takes longer than so many seconds."""
    turn = threading.Lock()

    @contextmanager
    def writable() -> Iterator[HybridIndex]:
        with told_to_the_model():
            if not turn.acquire(timeout=seconds):
                raise IndexLockedError(
                    "Another change, perhaps a sync, is being written; nothing was changed. Try again when it is done."
                )
            try:
                index = current()
                with HybridIndex.open(index.path, config=index.config) as opened:
                    yield opened
            finally:
                turn.release()

    return writable


def _add_document(writable: Writable) -> Callable[..., Report]:
    def add_document(
        source: Annotated[str, Field(description="A name for it; a document with the same name is replaced.")],
        text: Annotated[str, Field(max_length=10_000_000)],
        title: str | None = None,
        metadata: Annotated[
            dict[str, GivenValue] | None, Field(description="Fields that search can filter on.")
        ] = None,
    ) -> Report:
        """Add a text to the documents, or replace one that was added before."""
        with told_to_the_model():
            check_source(source)
        with writable() as index:
            document = Document(source, text, title=title, metadata=metadata or {})
            return Report.of(add([document], index))

    return add_document


def _delete_document(writable: Writable) -> Callable[..., Deletion]:
    def delete_document(source: Source) -> Deletion:
        """Delete a document that was added. Files of a synced folder are deleted in the folder, then by sync_folder."""
        with writable() as index:
            record = named(source, index.documents())
            check_deletable(record)
            if source.endswith("/"):  # to the index, all that is below
                raise QueryError(f"{source!r} ends with a slash; `ingest delete {source}` deletes all below it.")
            deleted = index.delete([source])
        return Deletion(documents=deleted.documents, parts=deleted.chunks)

    return delete_document


def _sync_folder(writable: Writable, pool: Parsers | None) -> Callable[..., Report]:
    def sync_folder(
        folder: Annotated[str, Field(description="Its name: the first part of its files' sources.")],
        context: Context[Any, Any],
    ) -> Report:
        """Bring the documents in step with a folder that is indexed already: new, changed and deleted files."""
        stop = threading.Event()

        def tell(progress: Progress) -> None:
            try:
                from_thread.check_cancelled()
                from_thread.run(context.report_progress, progress.bytes, progress.total_bytes)
            except CancelledError:
                stop.set()

        with writable() as index:
            folders = index.folders()
            if folder not in folders:
                known = ", ".join(map(repr, sorted(folders))) or "none"
                raise QueryError(
                    f"No folder {folder!r} is synced with this index, but {known}; `ingest sync` adds one."
                )
            report = resync(folder, folders[folder], index, pool=pool, stop=stop, on_progress=tell)
        return Report.of(report)

    return sync_folder
