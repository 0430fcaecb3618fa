"""A question -> hits: what is asked, who could answer, how both sides' scores become one ranking, what is shown."""

from retrieval.search.batch import search_all
from retrieval.search.options import DocumentScore, SearchKeywords, SearchOptions
from retrieval.search.pipeline import search
from retrieval.search.query import Query

__all__ = ["DocumentScore", "Query", "SearchKeywords", "SearchOptions", "search", "search_all"]
