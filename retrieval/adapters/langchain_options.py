"""LangChain's names of search options -> those of HybridIndex.search."""

from collections.abc import Mapping
from typing import Any

from retrieval.adapters.search_options import checked
from retrieval.errors import QueryError
from retrieval.search import SearchKeywords

_NAMES = {"k": "top_k", "filter": "where"}


def canonical(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with `top_k` for `k` and `where` for `filter`. Raises QueryError where both names are given."""
    for name, ours in _NAMES.items():
        if name in given and ours in given:
            raise QueryError(f"{name} and {ours} are the same option; give one of them.")
    return {_NAMES.get(name, name): value for name, value in given.items()}


def search_options(given: Mapping[str, Any]) -> tuple[int | None, SearchKeywords]:
    """The options of one call: `top_k`, None where it is not given, and the others.

    Raises QueryError for a name that is no option of a search, and for a value that makes no sense.
    """
    options: Any = canonical(given)
    top_k = options.pop("top_k", None)
    return top_k, checked(options)
