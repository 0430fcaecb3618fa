"""Hard negatives: passages of the index that look like answers to a question, but do not answer it.

    bm25       the passages with the highest BM25 scores
    dense      the passages with the highest cosines: the model's false positives
    document   other passages of the answer's own document

`AnswerFilter` leaves out what may be an answer. sentence-transformers' `mine_hard_negatives` has a margin, too, but it
looks at the dense side alone, and embeds all passages again, whose vectors the index has.
"""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from retrieval.context import embedded_text
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from retrieval.search.candidates import QueryScores
from retrieval.search.options import SearchOptions
from retrieval.search.query import Query
from retrieval.search.scoring import Scorer
from retrieval.searcher import Searcher
from retrieval.training.answer_filter import AnswerFilter
from retrieval.training.examples import Example, Negative, Source
from retrieval.training.pairs import Pair
from retrieval.types import Vectors

EQUAL_WEIGHTS: Mapping[Source, float] = MappingProxyType({"bm25": 1.0, "dense": 1.0, "document": 1.0})

_AT_ONCE = 256  # questions that are embedded together


@dataclass(frozen=True, slots=True)
class Mining:
    """How negatives are chosen.

    count     the most of a pair
    weights   how often each source gives one, relative to the others; 0 leaves the source out
    margin    a negative's cosine is lower than the answer's by this share of it, at least, in [0, 1]
    depth     the candidates of each side
    again     before each further epoch, dense negatives are mined again with the model in training

    Raises ConfigError for numbers out of range.
    """

    count: int = 1
    weights: Mapping[Source, float] = field(default_factory=lambda: EQUAL_WEIGHTS)
    margin: float = 0.05
    depth: int = 50
    again: bool = False

    def __post_init__(self) -> None:
        if self.count < 0 or self.depth < 1 or not 0 <= self.margin <= 1:
            raise ConfigError("Negatives need a count of 0 or more, a depth of 1 or more, and a margin in [0, 1].")
        if unknown := self.weights.keys() - EQUAL_WEIGHTS.keys():
            raise ConfigError(f"There are no negatives from {min(unknown)!r}, only from {', '.join(EQUAL_WEIGHTS)}.")
        if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
            raise ConfigError("The weight of a source of negatives is a number of 0 or more.")
        if self.again and not (self.count and self.weights.get("dense")):
            raise ConfigError("Only dense negatives are mined again: give them a weight, and a count above 0.")


def mine(miner: "Miner", embedder: Embedder, pairs: Sequence[Pair], *, seed: int) -> Iterator[Example]:
    """Each pair with its negatives, in their order. The same index, pairs and seed give the same. Raises as a
    search."""
    answers: dict[str, list[Pair]] = {}
    for pair in pairs:
        answers.setdefault(pair.question, []).append(pair)
    for start in range(0, len(pairs), _AT_ONCE):
        batch = pairs[start : start + _AT_ONCE]
        queries = miner.searcher.queries([pair.question for pair in batch])
        vectors = embedder.embed_passages([pair.passage for pair in batch])
        for pair, query, vector in zip(batch, queries, vectors, strict=True):
            drawn = random.Random(f"{seed} {pair.question} {pair.chunk}")
            yield miner.example(pair, query, vector, answers[pair.question], drawn=drawn)


class Miner:
    """Finds the negatives of one pair after the other; `relevant` and `held_out` are as in AnswerFilter."""

    def __init__(
        self,
        searcher: Searcher,
        mining: Mining,
        *,
        relevant: Mapping[str, Collection[str]] = MappingProxyType({}),
        held_out: Collection[str] = frozenset(),
    ) -> None:
        self.searcher = searcher
        self.mining = mining
        self._reader = searcher.reader
        self._filter = AnswerFilter(self._reader, margin=mining.margin, relevant=relevant, held_out=held_out)
        self.negative_for = self._filter.negative_for
        # A smoothed score would depend on what else is found.
        self._options = SearchOptions.of(searcher.config, mining.depth, {"mode": "hybrid", "smoothing": 0.0})

    def example(
        self, pair: Pair, query: Query, vector: Vectors, answers: Sequence[Pair], *, drawn: random.Random
    ) -> Example:
        """vector is the passage's; answers are all pairs of the question."""
        scores = QueryScores(self._reader, query)
        own = self._filter.row_of(pair)
        dense, lexical = scores.candidates(self.mining.depth, None)
        same_document = [] if own is None else self._reader.rows_of_document(self._reader.chunk(own).document_id)
        found: dict[Source, Iterable[int]] = {
            "bm25": lexical.tolist(),
            "dense": dense.tolist(),
            "document": drawn.sample(same_document, len(same_document)),
        }
        assert query.vector is not None
        is_negative = self.negative_for(
            answers,
            cosine=float(query.vector @ vector),
            cosine_of=lambda row: float(scores.cosines(np.array([row]))[0]),
        )
        chosen = _draw(found, self.mining, is_negative, drawn)
        fused = self.fused(scores, [*chosen, *([] if own is None else [own])])
        return Example(pair, self.negatives(chosen, fused), None if own is None else fused[own])

    def negatives(self, chosen: Mapping[int, Source], fused: Mapping[int, float]) -> tuple[Negative, ...]:
        """The rows as negatives: `chosen` has what found each, `fused` its hybrid score."""
        return tuple(self._negative(row, source, fused[row]) for row, source in chosen.items())

    def fused(self, scores: QueryScores, rows: Sequence[int]) -> dict[int, float]:
        """The hybrid scores of some rows."""
        allowed = np.zeros(self._reader.slots, np.bool_)
        allowed[rows] = True
        ranking = Scorer(scores, allowed).ranking(self._options)
        return dict(zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True))

    def _negative(self, row: int, source: Source, score: float) -> Negative:
        chunk = self._reader.chunk(row)
        passage = embedded_text(chunk, context_header=self._reader.context_header)
        return Negative(source, passage, chunk.id, score)


def _draw(
    found: Mapping[Source, Iterable[int]], mining: Mining, is_negative: Callable[[int], bool], drawn: random.Random
) -> dict[int, Source]:
    """Rows that are negatives, each once. Sources are drawn by their weights, and each gives its best rows first."""
    queues = {source: iter(rows) for source, rows in found.items() if mining.weights.get(source, 0)}
    chosen: dict[int, Source] = {}
    while queues and len(chosen) < mining.count:
        (source,) = drawn.choices(list(queues), [mining.weights[source] for source in queues])
        row = next((row for row in queues[source] if row not in chosen and is_negative(row)), None)
        if row is None:
            del queues[source]
        else:
            chosen[row] = source
    return chosen
