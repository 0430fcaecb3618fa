"""The tools of the MCP server that change the index."""

import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from anyio import from_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from ingest import add
from ingest.report import Progress
from ingest.root import check_deletable
from ingest.sync import resync
from retrieval.adapters.given_metadata import GivenValue
from retrieval.adapters.mcp.models import Deletion, Report
from retrieval.adapters.mcp.reads import Current, Source, named, told_to_the_model
from retrieval.adapters.mcp.tools import strict_tool
from retrieval.adapters.sources import check_source
from retrieval.errors import QueryError
from retrieval.index import HybridIndex
from retrieval.types import Document

_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


def write_tools(current: Current) -> list[Tool]:
    changes = (_add_document(current), _delete_document(current), _sync_folder(current))
    return [strict_tool(tool, _ADDS) for tool in changes]


@contextmanager
def _writable(current: Current) -> Iterator[HybridIndex]:
    """The index for one change: its lock is given back at the end."""
    with told_to_the_model():
        index = current()
        with HybridIndex.open(index.path, config=index.config) as writable:
            yield writable


def _add_document(current: Current) -> Callable[..., Report]:
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
        with _writable(current) as writable:
            document = Document(source, text, title=title, metadata=metadata or {})
            return Report.of(add([document], writable))

    return add_document


def _delete_document(current: Current) -> Callable[..., Deletion]:
    def delete_document(source: Source) -> Deletion:
        """Delete a document that was added. Files of a synced folder are deleted in the folder, then by sync_folder."""
        with _writable(current) as writable:
            record = named(source, writable.documents())
            check_deletable(record)
            if source.endswith("/"):  # to the index, all that is below
                raise QueryError(f"{source!r} ends with a slash; `ingest delete {source}` deletes all below it.")
            deleted = writable.delete([source])
        return Deletion(documents=deleted.documents, parts=deleted.chunks)

    return delete_document


def _sync_folder(current: Current) -> Callable[..., Report]:
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

        with _writable(current) as writable:
            folders = writable.folders()
            if folder not in folders:
                known = ", ".join(map(repr, sorted(folders))) or "none"
                raise QueryError(
                    f"No folder {folder!r} is synced with this index, but {known}; `ingest sync` adds one."
                )
            report = resync(folder, folders[folder], writable, stop=stop, on_progress=tell)
        return Report.of(report)

    return sync_folder
