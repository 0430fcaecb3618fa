"""What is held out: documents, and judged questions with the documents that answer them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from retrieval.evaluation.judgements import Judgements
from retrieval.model_comparison.comparison import FEW
from retrieval.model_comparison.sampling import answers_to
from retrieval.training.held_out import held_out_sources
from retrieval.training.made_pairs import Text

SHARE = 0.2
"""What is held out by default."""


class Split(NamedTuple):
    """What training does not see: sources of documents and ids of judged questions, for development questions, by which
    training stops early, and for the unseen questions of the verdict."""

    development: frozenset[str]
    unseen: frozenset[str]
    development_queries: frozenset[str] = frozenset()
    unseen_queries: frozenset[str] = frozenset()

    @property
    def away(self) -> frozenset[str]:
        """The sources of all held-out documents."""
        return self.development | self.unseen


def split_judged(judgements: Judgements, *, share: float | None, seed: int) -> Split:
    """Hold out a share of the judged questions, with the documents that answer them. Those that are too few for two
    halves are all for the verdict; None holds out a fifth if that is enough for one, else nothing."""
    queries = judgements.queries
    held = held_out_sources(queries, share=SHARE if share is None else share, seed=seed)
    if share is None and len(held) < FEW:
        return Split(frozenset(), frozenset())
    development, unseen = frozenset[str](), held
    if len(held) >= 2 * FEW:
        development, unseen = _halves({query: queries[query] for query in held}, seed)
    answers = [answers_of(judgements, chosen) for chosen in (development, unseen)]
    return Split(answers[0], answers[1] - answers[0], development, unseen)


def split_documents(texts: Iterable[Text], *, share: float, seed: int) -> Split:
    """Hold out a share of the documents."""
    whole: dict[str, str] = {}
    for text in texts:
        whole[text.chunk.source] = f"{whole.get(text.chunk.source, '')}\n{text.chunk.text}"
    held = held_out_sources(whole, share=share, seed=seed)
    return Split(*_halves({source: whole[source] for source in held}, seed))


def answers_of(judgements: Judgements, queries: Iterable[str]) -> frozenset[str]:
    """The documents that are relevant to any of the queries."""
    return frozenset(source for query in queries for source in answers_to(judgements.qrels, query))


def answers_by_question(judgements: Judgements | None) -> dict[str, frozenset[str]]:
    """The documents that are relevant to each judged question, by its text, which several questions may share."""
    found: dict[str, frozenset[str]] = {}
    if judgements is not None:
        for query in judgements.qrels:
            text = judgements.queries[query]
            found[text] = found.get(text, frozenset()) | answers_of(judgements, [query])
    return found


def _halves(texts: Mapping[str, str], seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Two halves of the names; a single one is in the first half."""
    half = held_out_sources(texts, share=0.5, seed=seed + 1) or frozenset(texts)
    return half, frozenset(texts.keys() - half)
