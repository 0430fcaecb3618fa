"""Hybrid document retrieval for open-source Chroma: BM25 and dense cosine over the same chunks, fused."""

from typing import TYPE_CHECKING

from retrieval.search_hits import SearchHit
from retrieval.types import Chunk, Document, DocumentRecord, Encoder, Heading

if TYPE_CHECKING:
    from retrieval.config import Config
    from retrieval.index import HybridIndex
    from retrieval.lexical import LexicalIndex
    from retrieval.prompt import as_context

__version__ = "0.2.0"
__all__ = [
    "Chunk", "Config", "Document", "DocumentRecord", "Encoder", "Heading", "HybridIndex", "LexicalIndex", "SearchHit",
    "as_context",
]  # fmt: skip

_LAZY = {
    "Config": "retrieval.config",
    "HybridIndex": "retrieval.index",
    "LexicalIndex": "retrieval.lexical",
    "as_context": "retrieval.prompt",
}


def __getattr__(name: str) -> object:
    """Load the heavier names on first use, so that `import retrieval` stays instant."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
