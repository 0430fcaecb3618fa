"""The index as a LangChain retriever."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from pydantic import ConfigDict, PrivateAttr, create_model, model_validator

from retrieval.adapters.extras import missing_extra
from retrieval.adapters.hit_metadata import hit_from, metadata_of
from retrieval.adapters.langchain_options import canonical, search_options
from retrieval.adapters.search_options import option_fields
from retrieval.errors import DocumentError
from retrieval.index import HybridIndex
from retrieval.search import OPTIONS, SearchKeywords
from retrieval.search_hits import SearchHit, SearchHits

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableConfig
except ImportError as error:
    raise missing_extra("langchain", error) from error

log = logging.getLogger(__name__)


if TYPE_CHECKING:

    class _Options(SearchKeywords, total=False):
        """The keyword arguments of a HybridRetriever beside its index."""

        top_k: int
        k: int
        filter: Mapping[str, Any] | None
        name: str | None
        tags: list[str] | None
        metadata: dict[str, Any] | None

    class _OptionFields(BaseRetriever):
        top_k: int

        def __init__(self, *, index: HybridIndex, **options: Unpack[_Options]) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    _OptionFields = create_model("_OptionFields", __base__=BaseRetriever, **option_fields())


class HybridRetriever(_OptionFields):
    """Searches a HybridIndex. The fields are the arguments of `HybridIndex.search`; `invoke(query, top_k=3)` and the
    like override them for one call, in `ainvoke`, `batch` and `abatch` too.

    `k` and `filter`, LangChain's names for `top_k` and `where`, may stand in their place, here and in each call.

    A document's id is the chunk's. Its metadata are the document's own and the hit's fields (score, rank, both sides'
    scores and ranks, source, title, headings, page, lines, spans) with `citation`; where the names are the same, the
    hit's are shown.

    By default nothing is excluded: operators=True reads `-not` and `-"phrase"`. Where a word was searched for in
    another spelling, `corrections` in the metadata say so.

    Raises what `HybridIndex.search` raises, and QueryError for an option of a call that a search lacks.
    """

    model_config = ConfigDict(extra="forbid")

    index: HybridIndex
    _found: Mapping[str, SearchHits] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _with_canonical_names(cls, given: Any) -> Any:
        return canonical(given) if isinstance(given, dict) else given

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
        answered = self._answered(inputs, kwargs)
        return super(HybridRetriever, answered).batch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[list[Document]]:
        """As `batch`, in a thread: the event loop goes on."""
        answered = await asyncio.to_thread(self._answered, inputs, kwargs)
        return await super(HybridRetriever, answered).abatch(
            inputs, config, return_exceptions=return_exceptions, **kwargs
        )

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        if query in self._found:
            return _documents(self._found[query])
        top_k, chosen = self._chosen(options)
        return _documents(self.index.search(query, top_k, **chosen))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        if query in self._found:
            return _documents(self._found[query])
        top_k, chosen = self._chosen(options)
        return _documents(await self.index.asearch(query, top_k, **chosen))

    def _answered(self, queries: Sequence[str], given: Mapping[str, Any]) -> Self:
        """A copy that has found already what will be asked; nothing where that fails, for whatever reason: then each
        query is searched for by itself, and tells its own callbacks and its own place in the answer why it fails."""
        answered = self.model_copy()
        try:
            top_k, chosen = self._chosen(given)
            found = self.index.search_batch(queries, top_k, **chosen)
            answered._found = dict(zip(queries, found, strict=True))
        except Exception:
            log.debug("A batch is asked one by one.", exc_info=True)
        return answered

    def _chosen(self, given: Mapping[str, Any]) -> tuple[int, SearchKeywords]:
        """`top_k` and the other options: the fields, and over them those of one call."""
        top_k, options = search_options(given)
        fields: Any = {name: getattr(self, name) for name in OPTIONS if name != "top_k"}
        return self.top_k if top_k is None else top_k, {**fields, **options}


def hits_of(documents: Sequence[Document]) -> list[SearchHit]:
    """The hits that a HybridRetriever's documents were made of, without highlights: for `retrieval.as_context`.

    Raises DocumentError for documents of another retriever.
    """
    try:
        return [hit_from(str(document.id), document.page_content, document.metadata) for document in documents]
    except KeyError as error:
        raise DocumentError(f"A document has no {error} in its metadata; give those of a HybridRetriever.") from None


def _documents(hits: SearchHits) -> list[Document]:
    return [Document(id=hit.id, page_content=hit.text, metadata=metadata_of(hit, hits)) for hit in hits]
