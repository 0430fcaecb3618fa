"""Which documents of an index are deleted: those that are named, or those that a filter chooses."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from retrieval.search.filter_hints import warn
from retrieval.writer.writer import Writer


class Deleted(NamedTuple):
    """How many documents and chunks were deleted."""

    documents: int
    chunks: int


def delete_sources(writer: Writer, sources: Collection[str]) -> Deleted:
    """Delete the documents with these sources. One that ends in a slash, "docs/", stands for all that begin with it; an
    unknown one is ignored."""
    chosen = set(sources)
    below = tuple(source for source in chosen if source.endswith("/"))
    named = chosen.union(source for source in writer.documents if source.startswith(below)) if below else chosen
    records = [record for source in named if (record := writer.find(source)) is not None]
    return Deleted(documents=len(records), chunks=writer.remove(records).chunks_deleted)


def delete_matching(writer: Writer, where: Mapping[str, Any]) -> Deleted:
    """Delete the documents of the last generation all of whose chunks pass Chroma's filter."""
    shown = writer.shown
    warn(shown, where)
    return delete_sources(writer, shown.documents_passing(where))
