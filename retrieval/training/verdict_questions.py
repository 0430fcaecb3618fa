"""The questions of a verdict: to documents that training did not see, and to other documents."""

from collections.abc import Collection as Container
from itertools import islice

from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.model_comparison.comparison import FEW
from retrieval.searcher import Searcher
from retrieval.training.collected_pairs import texts_of
from retrieval.training.made_pairs import Text
from retrieval.training.plan import Plan
from retrieval.training.split import answers_of
from retrieval.training.unseen import Unseen, generated_unseen, judged_unseen, made_unseen
from retrieval.training.wanted import Wanted

_CHUNKS = 5000
"""Both models index so many chunks for a verdict, or all that are kept for it where these are more."""


def unseen_questions(searcher: Searcher, plan: Plan, wanted: Wanted) -> Unseen:
    """The unseen questions, to the documents that answer them and to others."""
    queries, sources = plan.split.unseen_queries, plan.split.unseen
    if wanted.judgements is not None:
        sources = answers_of(wanted.judgements, queries)
        return judged_unseen(_texts_with(searcher, sources, wanted.seed), wanted.judgements, queries)
    texts = _texts_with(searcher, sources, wanted.seed)
    if len(plan.generated.unseen) >= FEW:
        return generated_unseen(texts, plan.generated.unseen)
    return made_unseen(texts, sources, seed=wanted.seed)


def questions_to_others(others: HybridIndex | Unseen | None, seed: int) -> Unseen | None:
    """Questions to the documents of another index. Raises ConfigError where there are none."""
    if isinstance(others, HybridIndex):
        texts = texts_of(others.searcher(), seed)[:_CHUNKS]
        others = made_unseen(texts, {text.chunk.source for text in texts}, seed=seed)
    if others is not None and not others.queries:
        raise ConfigError("There is no question to ask of the other documents; name others, or judge some.")
    return others


def _texts_with(searcher: Searcher, sources: Container[str], seed: int) -> list[Text]:
    """The chunks of these documents and, as far as there is room, of others."""
    reader = searcher.reader
    chosen = [row for each in reader.searchable if each.source in sources for row in reader.rows_of_document(each.id)]
    others = (text for text in texts_of(searcher, seed) if text.chunk.source not in sources)
    texts = [Text(reader.chunk(row), reader.language(row)) for row in chosen]
    return [*texts, *islice(others, max(0, _CHUNKS - len(texts)))]
