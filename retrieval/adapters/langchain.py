"""The index as a LangChain retriever."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from retrieval.adapters.extras import missing_extra
from retrieval.adapters.hit_metadata import hit_from, metadata_of
from retrieval.config import Feedback, FusionMethod, Mode
from retrieval.errors import DocumentError, RetrievalError
from retrieval.index import HybridIndex
from retrieval.search import DocumentScore, SearchKeywords
from retrieval.types import SearchHit

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableConfig
except ImportError as error:
    raise missing_extra("langchain", error) from error


class HybridRetriever(BaseRetriever):
    """Searches a HybridIndex. The fields are the arguments of `HybridIndex.search`; `invoke(query, top_k=3)` and the
    like override them for one call.

    A document's id is the chunk's. Its metadata are the document's own and the hit's fields (score, rank, both sides'
    scores and ranks, source, title, headings, page, lines, spans) with `citation`; where the names are the same, the
    hit's are shown.

    Raises what `HybridIndex.search` raises.
    """

    index: HybridIndex
    top_k: int = 10
    mode: Mode = "hybrid"
    fusion: FusionMethod | None = None
    alpha: float | None = None
    rrf_k: int = 60
    candidates: int = 100
    feedback: Feedback | None = None
    where: Mapping[str, Any] | None = None
    where_document: Mapping[str, Any] | None = None
    operators: bool | None = None
    rerank: Any = None
    mmr_lambda: float | None = None
    expand: int | Literal["section"] = 0
    group_by_document: bool = False
    document_score: DocumentScore = "max"
    min_score: float | None = None
    highlight: bool = False

    def batch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[list[Document]]:
        """As `invoke` for each, callbacks included, but all are searched for at once: the queries are embedded
        together and read the same generation."""
        found = self._search_all(inputs, **kwargs)
        return super().batch(inputs, config, return_exceptions=return_exceptions, found=found, **kwargs)

    async def abatch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[list[Document]]:
        """As `batch`, in a thread: the event loop goes on."""
        found = await asyncio.to_thread(self._search_all, inputs, **kwargs)
        return await super().abatch(inputs, config, return_exceptions=return_exceptions, found=found, **kwargs)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        found: Mapping[str, Sequence[SearchHit]] | None = None,
        top_k: int | None = None,
        **options: Unpack[SearchKeywords],
    ) -> list[Document]:
        if found and query in found:
            return [_document(hit) for hit in found[query]]
        return [_document(hit) for hit in self.index.search(query, top_k or self.top_k, **self._options(options))]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        found: Mapping[str, Sequence[SearchHit]] | None = None,
        top_k: int | None = None,
        **options: Unpack[SearchKeywords],
    ) -> list[Document]:
        if found and query in found:
            return [_document(hit) for hit in found[query]]
        hits = await self.index.asearch(query, top_k or self.top_k, **self._options(options))
        return [_document(hit) for hit in hits]

    def _search_all(
        self, queries: Sequence[str], *, top_k: int | None = None, **options: Unpack[SearchKeywords]
    ) -> dict[str, list[SearchHit]]:
        """Nothing where one of them cannot be searched for: then each is, and tells for itself."""
        try:
            found = self.index.search_batch(queries, top_k or self.top_k, **self._options(options))
        except RetrievalError:
            return {}
        return dict(zip(queries, found, strict=True))

    def _options(self, given: SearchKeywords) -> SearchKeywords:
        chosen: Any = {name: getattr(self, name) for name in SearchKeywords.__annotations__}
        return {**chosen, **given}


def hits_of(documents: Sequence[Document]) -> list[SearchHit]:
    """The hits that a HybridRetriever's documents were made of, without highlights: for `retrieval.as_context`.

    Raises DocumentError for documents of another retriever.
    """
    try:
        return [hit_from(str(document.id), document.page_content, document.metadata) for document in documents]
    except KeyError as error:
        raise DocumentError(f"A document has no {error} in its metadata; give those of a HybridRetriever.") from None


def _document(hit: SearchHit) -> Document:
    return Document(id=hit.id, page_content=hit.text, metadata=metadata_of(hit))
