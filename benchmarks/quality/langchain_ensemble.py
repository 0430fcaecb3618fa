"""LangChain: EnsembleRetriever over Chroma and BM25Retriever.

An ensemble is weighted reciprocal rank fusion and gives no scores. Its BM25 is rank_bm25 over words cut at white
space, case and punctuation kept; `preprocess_func` is where others put an analyser, so "stems" is one: words in lower
case, without bm25s's English stop words, stemmed by Snowball.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import Stemmer
from bm25s.stopwords import STOPWORDS_EN
from langchain_chroma import Chroma
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_core.documents import Document as LangChainDocument
from langchain_huggingface import HuggingFaceEmbeddings

from benchmarks.quality.system import DENSE, PREFIXES, Adapter, Document, Ranking

_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(STOPWORDS_EN)


class LangChain:
    settings = ("default", "stems", "stems, dense .6")

    def __init__(self, variant: str, *, model: str, scratch: Path, k: int) -> None:
        query, passage = PREFIXES if variant == "prefixes" else ("", "")
        embeddings = HuggingFaceEmbeddings(
            model_name=model, encode_kwargs={"prompt": passage}, query_encode_kwargs={"prompt": query}
        )
        self._chroma = Chroma("documents", embeddings, persist_directory=str(scratch))
        self._stem = Stemmer.Stemmer("english").stemWords
        self._k = k
        self._ensembles: dict[str, EnsembleRetriever] = {}

    def index(self, documents: Sequence[Document]) -> None:
        given = [LangChainDocument(document.whole, id=document.id) for document in documents]
        self._chroma.add_documents(given)
        dense = self._chroma.as_retriever(search_kwargs={"k": self._k})
        words = BM25Retriever.from_documents(given, k=self._k)
        stems = BM25Retriever.from_documents(given, k=self._k, preprocess_func=self._stems_of)
        self._ensembles = {
            "default": EnsembleRetriever(retrievers=[dense, words]),
            "stems": EnsembleRetriever(retrievers=[dense, stems]),
            "stems, dense .6": EnsembleRetriever(retrievers=[dense, stems], weights=[DENSE, 1 - DENSE]),
        }

    def search(self, query: str, k: int, *, setting: str) -> Ranking:
        found = self._ensembles[setting].invoke(query)[:k]
        return [(str(document.id), 1 / rank) for rank, document in enumerate(found, start=1)]

    def _stems_of(self, text: str) -> list[str]:
        return self._stem([word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS])


ADAPTER = Adapter(LangChain, ("langchain-classic", "langchain-chroma"), ("default", "prefixes"))
