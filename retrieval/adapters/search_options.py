"""The options of a search as frameworks hand them on, checked where they are given instead of at the first query."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BeforeValidator

from retrieval.errors import QueryError
from retrieval.search import OPTIONS, Option, SearchKeywords

FRAMEWORK_DEFAULTS: SearchKeywords = {"highlight": False, "operators": "required"}
"""Where they differ from those of HybridIndex.search: a framework's document has no place for highlights, and what a
program or a model asks excludes nothing unless it says so with operators=True."""


def checked(options: SearchKeywords) -> SearchKeywords:
    """The same options. Raises QueryError for a name that is no option, and for a value that makes no sense."""
    known = list(OPTIONS)
    for name, value in options.items():
        if name not in OPTIONS or name == "top_k":
            [like] = get_close_matches(name, known, 1, cutoff=0)
            raise QueryError(f"A search has no option {name!r}; the nearest is {like!r}. See HybridIndex.search.")
        if value is not None:
            OPTIONS[name].check(value)
    return options


def option_fields() -> dict[str, tuple[Any, Any]]:
    """Name -> type and default of a pydantic field, for create_model; `top_k` is among them."""
    defaults = {name: option.default for name, option in OPTIONS.items()} | FRAMEWORK_DEFAULTS
    return {
        name: (Annotated[reduce(or_, option.types), BeforeValidator(_checking(option))], defaults[name])
        for name, option in OPTIONS.items()
    }


def _checking(option: Option) -> Callable[[Any], Any]:
    def checked_value(value: Any) -> Any:
        option.check(value)  # pydantic would take "no" for False
        return value

    return checked_value
