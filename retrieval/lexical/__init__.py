"""BM25, and two variants for long documents, over postings that grow, shrink and are saved."""

from retrieval.lexical.bm25 import LexicalIndex, Terms

__all__ = ["LexicalIndex", "Terms"]
