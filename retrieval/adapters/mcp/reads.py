"""The tools of the MCP server that read the index."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Annotated, Any, Protocol

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from retrieval.adapters.filter_limits import MAX_PREFIXES, check_filter
from retrieval.adapters.mcp.models import DocumentInfo, DocumentList, DocumentText, Part, SearchResult
from retrieval.adapters.mcp.tools import strict_tool
from retrieval.adapters.redaction import client_message
from retrieval.adapters.search_options import FRAMEWORK_DEFAULTS
from retrieval.config import Mode
from retrieval.errors import QueryError, RetrievalError
from retrieval.search import SearchKeywords
from retrieval.searcher import Searcher
from retrieval.types import DocumentRecord, document_metadata

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_LIKE_IT = 3


class Searched(Protocol):
    """An open index, as the tools that read it need it."""

    def searcher(self) -> Searcher:
        """The newest generation."""
        ...


Current = Callable[[], Searched]
"""Gives it; every call of a tool asks again."""

Source = Annotated[str, Field(description="The document's name, as search and list_documents give it.")]


def read_tools(current: Current) -> list[Tool]:
    return [strict_tool(tool, _READS) for tool in (_search(current), _get_document(current), _list_documents(current))]


@contextmanager
def told_to_the_model() -> Iterator[None]:
    """Our errors name cause and way out, and become the tool's."""
    try:
        yield
    except RetrievalError as error:
        raise ToolError(client_message(error)) from error


def named(source: str, records: Sequence[DocumentRecord]) -> DocumentRecord:
    """The record of a document. Raises QueryError where there is none, and names those like it."""
    by_source = {record.source: record for record in records}
    if source not in by_source:
        like = get_close_matches(source, by_source, _LIKE_IT, cutoff=0.4)
        hint = f"there is {', '.join(map(repr, like))}" if like else "list_documents names what there is"
        raise QueryError(f"There is no document {source!r}; {hint}.")
    return by_source[source]


def _search(current: Current) -> Callable[..., SearchResult]:
    def search(
        query: Annotated[str, Field(description="A question or key words.", max_length=4000)],
        top_k: Annotated[int, Field(description="How many passages.", ge=1, le=20)] = 5,
        mode: Annotated[Mode, Field(description="By meaning and words, meaning, or words alone.")] = "hybrid",
        where: Annotated[
            Mapping[str, Any] | None,
            Field(
                description='Filter on metadata: {"source": "docs/rain.md"}, {"year": {"$gte": 2020}}, '
                '{"tags": {"$contains": "sky"}} for a member of a list, $and, $or.'
            ),
        ] = None,
        within: Annotated[
            str | Annotated[list[str], Field(max_length=MAX_PREFIXES)] | None,
            Field(description='Only documents whose source begins so: "docs/guide/", or one of several.'),
        ] = None,
        expand: Annotated[int, Field(description="Neighbouring parts to show around each passage.", ge=0, le=2)] = 0,
        min_relevance: Annotated[
            float | None,
            Field(
                description="Leave out passages with less relevance; 0 lists what is nearest, relevant or not.",
                ge=0,
                le=1,
            ),
        ] = None,
    ) -> SearchResult:
        """Find the passages of the documents that answer a question best."""
        with told_to_the_model():
            check_filter("where", where)
            chosen: SearchKeywords = {
                "mode": mode,
                "where": where,
                "within": within,
                "expand": expand,
                "min_relevance": min_relevance,
            }
            options: SearchKeywords = {**FRAMEWORK_DEFAULTS, **chosen}
            hits = current().searcher().search(query, top_k, **options)
        return SearchResult.of(hits, keeps_irrelevant=min_relevance is not None)

    return search


def _get_document(current: Current) -> Callable[..., DocumentText]:
    def get_document(
        source: Source,
        first_part: Annotated[int, Field(description="Where to begin; parts count from 0.", ge=0)] = 0,
        max_parts: Annotated[int, Field(description="How many parts; one is a few paragraphs.", ge=1, le=100)] = 20,
    ) -> DocumentText:
        """Read a document, part by part."""
        with told_to_the_model():
            searcher = current().searcher()
            record = named(source, searcher.documents())
        whole = searcher.chunks(record.source)
        end = first_part + max_parts
        chunks = whole[first_part:end]
        return DocumentText(
            document=DocumentInfo.of(record),
            metadata=document_metadata(chunks),
            parts=[Part.of(chunk) for chunk in chunks],
            next_part=end if end < len(whole) else None,
        )

    return get_document


def _list_documents(current: Current) -> Callable[..., DocumentList]:
    def list_documents(
        prefix: Annotated[str, Field(description='Only sources that begin so: "docs/guide/".')] = "",
        limit: Annotated[int, Field(ge=1, le=500)] = 50,
        offset: Annotated[int, Field(ge=0)] = 0,
    ) -> DocumentList:
        """List the documents that can be searched, by source."""
        with told_to_the_model():
            records = [record for record in current().searcher().documents() if record.source.startswith(prefix)]
        shown = records[offset : offset + limit]
        return DocumentList(total=len(records), documents=[DocumentInfo.of(record) for record in shown])

    return list_documents
