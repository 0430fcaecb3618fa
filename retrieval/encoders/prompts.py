"""What a model was trained to have before its texts, and what the settings put there."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from retrieval.config import AUTO, Config

log = logging.getLogger(__name__)

_FILE = "config_sentence_transformers.json"
_QUERY = ("query", "search_query", "retrieval.query", "s2p_query")
_PASSAGE = ("passage", "document", "search_document", "retrieval.passage", "corpus")
"""Names of prompts in models' own configuration, those that are looked for first before the others."""


class Prompts(NamedTuple):
    """Strings that stand before each question and before each passage."""

    query: str
    passage: str

    def as_queries(self, texts: Iterable[str]) -> list[str]:
        """What the model reads of questions: it embeds these strings, and is trained on them."""
        return [self.query + text for text in texts]

    def as_passages(self, texts: Iterable[str]) -> list[str]:
        """The same of passages."""
        return [self.passage + text for text in texts]


USUAL = Prompts("query: ", "passage: ")
"""Those of E5, for a model that says nothing."""


def prompts_of(directory: Path) -> Prompts | None:
    """What the model's own configuration says; None where it says nothing. A prompt that it lacks is empty."""
    try:
        named = dict(json.loads((directory / _FILE).read_text("utf-8"))["prompts"])
    except (OSError, ValueError, TypeError, LookupError):
        return None
    named = {name: prompt for name, prompt in named.items() if prompt and isinstance(prompt, str)}
    found = Prompts(*(next((named[name] for name in names if name in named), "") for names in (_QUERY, _PASSAGE)))
    return found if any(found) else None


def resolved(config: Config, own: Prompts | None) -> Prompts:
    """The settings' prefixes; for one that is "auto", the model's own, or if it has none the usual one.

    Where the settings empty or swap what a model was trained with, a warning is logged: its cosines then mean less.
    """
    of_model = own or USUAL
    query = of_model.query if config.query_prefix == AUTO else config.query_prefix
    passage = of_model.passage if config.passage_prefix == AUTO else config.passage_prefix
    if own is not None:
        _warn("query_prefix", query, own.query, other=own.passage, model=config.model)
        _warn("passage_prefix", passage, own.passage, other=own.query, model=config.model)
    return Prompts(query, passage)


def _warn(setting: str, taken: str, trained: str, *, other: str, model: str) -> None:
    if taken.strip() != trained.strip() and taken.strip() in {"", other.strip()}:
        log.warning(
            "%s is %r, and %s was trained with %r: leave the setting out to take the model's own.",
            setting,
            taken,
            model,
            trained,
        )
