"""A question -> hits: what is asked, who could answer, how both sides' scores become one ranking, what is shown."""

from retrieval.search.batch import search_all
from retrieval.search.options import OPTIONS, DocumentScore, Option, SearchKeywords, SearchOptions
from retrieval.search.pipeline import search
from retrieval.search.query import Query

__all__ = [
    "OPTIONS", "DocumentScore", "Option", "Query", "SearchKeywords", "SearchOptions", "search", "search_all",
]  # fmt: skip
