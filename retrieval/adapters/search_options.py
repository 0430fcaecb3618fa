"""Options of a search that a framework hands on: a misspelt one is told where it is given, not by the first query."""

from difflib import get_close_matches

from retrieval.errors import QueryError
from retrieval.search import SearchKeywords


def checked(options: SearchKeywords) -> SearchKeywords:
    """The same options. Raises QueryError for one that `HybridIndex.search` does not take."""
    for name in options:
        if name not in SearchKeywords.__annotations__:
            [like] = get_close_matches(name, SearchKeywords.__annotations__, 1, cutoff=0)
            raise QueryError(f"A search has no option {name!r}; the nearest is {like!r}. See HybridIndex.search.")
    return options
