"""The index as a LlamaIndex retriever."""

from collections.abc import Sequence
from typing import Unpack

from retrieval.adapters.extras import missing_extra
from retrieval.adapters.hit_metadata import hit_from, metadata_of
from retrieval.adapters.search_options import FRAMEWORK_DEFAULTS, checked
from retrieval.errors import DocumentError, QueryError
from retrieval.index import HybridIndex
from retrieval.search import SearchKeywords
from retrieval.search_hits import SearchHit, SearchHits

try:
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import (
        NodeRelationship,
        NodeWithScore,
        ObjectType,
        QueryBundle,
        RelatedNodeInfo,
        TextNode,
    )
    from llama_index.core.vector_stores import MetadataFilters

    from retrieval.adapters.llamaindex_filters import where_from
except ImportError as error:
    raise missing_extra("llamaindex", error) from error

_SHOWN_TO_THE_MODEL = {"citation", "title"}


class HybridRetriever(BaseRetriever):
    """Searches a HybridIndex, with the arguments of `HybridIndex.search`.

    filters   LlamaIndex's, in place of `where`; what they mean is said in llamaindex_filters. LlamaIndex passes none
              with a query: a retriever for each set of filters costs nothing.

    A node's id is the chunk's, its source the document. Its metadata are the document's own and the hit's fields
    (rank, both sides' scores and ranks, source, title, headings, page, lines, spans) with `citation`; where the names
    are the same, the hit's are shown. Of these a language model is given `citation` and `title`. An embedding in the
    query bundle is not used: the index embeds the question itself.

    By default nothing is excluded: operators=True reads `-not` and `-"phrase"`. Where a word was searched for in
    another spelling, `corrections` in the metadata say so.

    Raises QueryError for an option that a search lacks, for a value that makes no sense, and for filters that the index
    cannot be told; a search raises what
    `HybridIndex.search` raises.
    """

    def __init__(
        self,
        index: HybridIndex,
        *,
        top_k: int = 10,
        filters: MetadataFilters | None = None,
        callback_manager: CallbackManager | None = None,
        **options: Unpack[SearchKeywords],
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self._index = index
        self._top_k = top_k
        self._options: SearchKeywords = {**FRAMEWORK_DEFAULTS, **checked(options)}
        if filters is not None:
            if options.get("where") is not None:
                raise QueryError("filters and where are the same option; give one of them.")
            self._options["where"] = where_from(filters)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._index.search(query_bundle.query_str, self._top_k, **self._options)
        return [_node(hit, hits) for hit in hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = await self._index.asearch(query_bundle.query_str, self._top_k, **self._options)
        return [_node(hit, hits) for hit in hits]


def hits_of(nodes: Sequence[NodeWithScore]) -> list[SearchHit]:
    """The hits that a HybridRetriever's nodes were made of, without highlights: for `retrieval.as_context`.

    Raises DocumentError for nodes of another retriever.
    """
    try:
        return [hit_from(found.node.node_id, found.text, found.metadata) for found in nodes]
    except KeyError as error:
        raise DocumentError(f"A node has no {error} in its metadata; give those of a HybridRetriever.") from None


def _node(hit: SearchHit, hits: SearchHits) -> NodeWithScore:
    metadata = metadata_of(hit, hits)
    hidden = [name for name in metadata if name not in _SHOWN_TO_THE_MODEL]
    source = RelatedNodeInfo(
        node_id=hit.document_id, node_type=ObjectType.DOCUMENT, metadata={"source": hit.source, **hit.metadata}
    )
    node = TextNode(
        id_=hit.id,
        text=hit.text,
        metadata=metadata,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
        start_char_idx=hit.char_start,
        end_char_idx=hit.char_end,
        relationships={NodeRelationship.SOURCE: source},
    )
    return NodeWithScore(node=node, score=hit.score)
