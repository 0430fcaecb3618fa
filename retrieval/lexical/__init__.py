"""BM25 over postings that grow, shrink and are saved."""

from retrieval.lexical.bm25 import Idf, LexicalIndex

__all__ = ["Idf", "LexicalIndex"]
