"""The index as a Haystack component."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, Unpack

from retrieval.adapters.extras import missing_extra
from retrieval.adapters.haystack_filters import where_from
from retrieval.adapters.hit_metadata import hit_from, metadata_of
from retrieval.adapters.search_options import FRAMEWORK_DEFAULTS, checked
from retrieval.errors import ConfigError, DocumentError
from retrieval.index import HybridIndex
from retrieval.search import SearchKeywords
from retrieval.search_hits import SearchHit, SearchHits

try:
    from haystack import Document, component, default_from_dict, default_to_dict
except ImportError as error:
    raise missing_extra("haystack", error) from error


@component
class HybridRetriever:
    """Searches a HybridIndex, with the arguments of `HybridIndex.search`.

    index    an open index, which the caller closes, or the path of one, which is opened read-only at warm-up. A saved
             pipeline keeps the path.

    A document's id is the chunk's. Its meta are the document's own and the hit's fields (rank, both sides' scores and
    ranks, source, title, headings, page, lines, spans) with `citation`; where the names are the same, the hit's are
    shown.

    By default nothing is excluded: operators=True reads `-not` and `-"phrase"`. Where a word was searched for in
    another spelling, `corrections` in the meta say so.

    Raises QueryError for an option that a search lacks and for a value that makes no sense.
    """

    def __init__(self, index: HybridIndex | Path | str, *, top_k: int = 10, **options: Unpack[SearchKeywords]) -> None:
        self.path = index.path if isinstance(index, HybridIndex) else Path(index)
        self.top_k = top_k
        self.options = checked(options)
        self._index = index if isinstance(index, HybridIndex) else None

    def warm_up(self) -> None:
        """Raises what `HybridIndex.open` raises."""
        self._opened()

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """The documents, best first.

        filters   Haystack's, in place of `where` for this run; what they mean is said in haystack_filters.

        Raises what `HybridIndex.search` raises.
        """
        wanted = self.top_k if top_k is None else top_k
        hits = self._opened().search(query, wanted, **self._given(filters))
        return {"documents": _documents(hits)}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """As `run`, in a thread: the event loop goes on."""
        wanted = self.top_k if top_k is None else top_k
        hits = await self._opened().asearch(query, wanted, **self._given(filters))
        return {"documents": _documents(hits)}

    def to_dict(self) -> dict[str, Any]:
        """Raises ConfigError where a reranker is a loaded model, which has no name."""
        if not isinstance(self.options.get("rerank"), str | None):
            raise ConfigError("A loaded reranker cannot be saved with a pipeline; give its name or directory instead.")
        saved: dict[str, Any] = default_to_dict(self, index=str(self.path), top_k=self.top_k, **self.options)
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        made: Self = default_from_dict(cls, data)
        return made

    def _opened(self) -> HybridIndex:
        if self._index is None:
            self._index = HybridIndex.open(self.path, read_only=True)
        return self._index

    def _given(self, filters: Mapping[str, Any] | None) -> SearchKeywords:
        options: SearchKeywords = {**FRAMEWORK_DEFAULTS, **self.options}
        return {**options, "where": where_from(filters)} if filters else options


def hits_of(documents: Sequence[Document]) -> list[SearchHit]:
    """The hits that a HybridRetriever's documents were made of, without highlights: for `retrieval.as_context`.

    Raises DocumentError for documents of another retriever.
    """
    try:
        return [hit_from(document.id, document.content or "", document.meta) for document in documents]
    except KeyError as error:
        raise DocumentError(f"A document has no {error} in its meta; give those of a HybridRetriever.") from None


def _documents(hits: SearchHits) -> list[Document]:
    return [Document(id=hit.id, content=hit.text, meta=metadata_of(hit, hits), score=hit.score) for hit in hits]
