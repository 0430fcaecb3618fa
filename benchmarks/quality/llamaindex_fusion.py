"""LlamaIndex: QueryFusionRetriever over VectorIndexRetriever and BM25Retriever.

Its BM25 is bm25s with English stop words and Snowball stems from the start. `num_queries=1` asks the question as it
is: there is no language model to rewrite it. A document is a node, so that no splitter takes part.
"""

from collections.abc import Sequence
from pathlib import Path

import Stemmer
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever, VectorIndexRetriever
from llama_index.core.schema import TextNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.retrievers.bm25 import BM25Retriever

from benchmarks.quality.system import DENSE, PREFIXES, Adapter, Document, Ranking

_MODES = ("simple", "reciprocal_rerank", "relative_score", "dist_based_score")


class LlamaIndex:
    settings = (*_MODES, *(f"{mode}, dense .6" for mode in _MODES[1:]))

    def __init__(self, variant: str, *, model: str, scratch: Path, k: int) -> None:
        query, passage = PREFIXES if variant == "prefixes" else (None, None)
        self._embedding = HuggingFaceEmbedding(model, query_instruction=query, text_instruction=passage)
        self._k = k
        self._fusions: dict[str, QueryFusionRetriever] = {}

    def index(self, documents: Sequence[Document]) -> None:
        nodes = [TextNode(id_=document.id, text=document.whole) for document in documents]
        dense = VectorIndexRetriever(VectorStoreIndex(nodes, embed_model=self._embedding), similarity_top_k=self._k)
        bm25 = BM25Retriever(nodes, similarity_top_k=self._k, stemmer=Stemmer.Stemmer("english"))
        for setting in self.settings:
            mode, _, weighted = setting.partition(", ")
            self._fusions[setting] = QueryFusionRetriever(
                [dense, bm25],
                llm=MockLLM(),
                mode=mode,
                retriever_weights=[DENSE, 1 - DENSE] if weighted else None,
                similarity_top_k=self._k,
                num_queries=1,
                use_async=False,
            )

    def search(self, query: str, k: int, *, setting: str) -> Ranking:
        return [(found.node.node_id, found.score or 0.0) for found in self._fusions[setting].retrieve(query)[:k]]


ADAPTER = Adapter(LlamaIndex, ("llama-index-core", "llama-index-retrievers-bm25"), ("default", "prefixes"))
