"""Hard negatives: passages of the index that look like answers to a question, and are none.

    bm25       BM25's best
    dense      the embedding model's best: what it wrongly takes for an answer
    document   other passages of the answer's own document

What looks like an answer may be one. Such a false negative is left out: a passage of a document that was judged
relevant, one that mostly repeats an answer's wording, and one whose cosine to the question is not below the answer's by
a margin (Moreira et al. 2024, "NV-Retriever: Improving text embedding models with effective hard-negative mining",
"TopK-PercPos"). sentence-transformers' `mine_hard_negatives` has that margin, but looks at one side alone, and embeds
all passages again, whose vectors are here.
"""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from retrieval.context import embedded_text
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from retrieval.inspection.resemblance import shingles
from retrieval.search.candidates import QueryScores
from retrieval.search.options import SearchOptions
from retrieval.search.query import Query
from retrieval.search.scoring import Scorer
from retrieval.searcher import Searcher
from retrieval.training.examples import Example, Negative, Source
from retrieval.training.pairs import Pair
from retrieval.types import Vectors

EQUAL_WEIGHTS: Mapping[Source, float] = MappingProxyType({"bm25": 1.0, "dense": 1.0, "document": 1.0})

_REPEATED = 0.5
"""The share of the shorter text's shingles from which on the longer one repeats it."""

_AT_ONCE = 256  # questions that are embedded together


@dataclass(frozen=True, slots=True)
class Mining:
    """How negatives are chosen.

    count     of each pair, at most
    weights   how often each source gives one, next to the others; 0 leaves it out
    margin    the share of the answer's cosine by which that of a negative is lower at least. 0 takes whatever the model
              likes less than the answer, 1 only what it likes not at all
    depth     the candidates of each side
    again     before every epoch but the first, dense ones are drawn anew, with the model in training

    Raises ConfigError for numbers that make no sense.
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


def mine(
    searcher: Searcher,
    embedder: Embedder,
    pairs: Sequence[Pair],
    *,
    mining: Mining,
    seed: int,
    relevant: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Iterator[Example]:
    """Each pair with its negatives, in their order. The same index, pairs and seed give the same.

    relevant   question -> sources of the documents that were judged relevant to it

    Raises as a search.
    """
    answers: dict[str, list[Pair]] = {}
    for pair in pairs:
        answers.setdefault(pair.question, []).append(pair)
    miner = Miner(searcher, mining)
    for start in range(0, len(pairs), _AT_ONCE):
        batch = pairs[start : start + _AT_ONCE]
        queries = searcher.queries([pair.question for pair in batch])
        vectors = embedder.embed_passages([pair.passage for pair in batch])
        for pair, query, vector in zip(batch, queries, vectors, strict=True):
            drawn = random.Random(f"{seed} {pair.question} {pair.chunk}")
            sources = relevant.get(pair.question, ())
            yield miner.example(pair, query, vector, answers[pair.question], sources=sources, drawn=drawn)


class Miner:
    """Finds the negatives of one pair after the other."""

    def __init__(self, searcher: Searcher, mining: Mining) -> None:
        self._reader = searcher.reader
        self._mining = mining
        # A smoothed score would depend on what else is found.
        self._options = SearchOptions.of(searcher.config, mining.depth, {"mode": "hybrid", "smoothing": 0.0})
        self._shingles: dict[int, NDArray[np.uint64]] = {}

    def example(
        self,
        pair: Pair,
        query: Query,
        vector: Vectors,
        answers: Sequence[Pair],
        *,
        sources: Collection[str],
        drawn: random.Random,
    ) -> Example:
        """vector is the passage's; answers are all pairs of the question."""
        scores = QueryScores(self._reader, query)
        own = self._row(pair)
        dense, lexical = scores.candidates(self._mining.depth, None)
        beside = [] if own is None else self._reader.rows_of_document(self._reader.chunk(own).document_id)
        found: dict[Source, Iterable[int]] = {
            "bm25": lexical.tolist(),
            "dense": dense.tolist(),
            "document": drawn.sample(beside, len(beside)),
        }
        assert query.vector is not None
        suits = self.filter(
            answers,
            sources,
            cosine=float(query.vector @ vector),
            cosine_of=lambda row: float(scores.cosines(np.array([row]))[0]),
        )
        chosen = _draw(found, self._mining, suits, drawn)
        fused = self.fused(scores, [*chosen, *([] if own is None else [own])])
        return Example(pair, self.negatives(chosen, fused), None if own is None else fused[own])

    def filter(
        self,
        answers: Sequence[Pair],
        sources: Collection[str],
        *,
        cosine: float,
        cosine_of: Callable[[int], float],
    ) -> Callable[[int], bool]:
        """Whether a row is no answer to a question.

        answers     all pairs of the question
        sources     documents that were judged relevant to it
        cosine      of the question and the answer
        cosine_of   row -> that of the question and the row
        """
        highest = cosine - self._mining.margin * abs(cosine)
        of_answers = [self._of_answer(answer) for answer in answers]
        # A title asks for its whole document.
        excluded = {*sources, *(answer.source for answer in answers if answer.kind in {"title", "judged"})}

        def suits(row: int) -> bool:
            chunk = self._reader.chunk(row)
            if chunk.source in excluded or any(answer.chunk == chunk.id for answer in answers):
                return False
            if cosine_of(row) > highest:
                return False
            return not any(_repeats(self._of_row(row), hashes) for hashes in of_answers)

        return suits

    def negatives(self, chosen: Mapping[int, Source], fused: Mapping[int, float]) -> tuple[Negative, ...]:
        """Of rows and what found them; fused is by row."""
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

    def _row(self, pair: Pair) -> int | None:
        """Of the chunk that the pair is from; None where the index lacks it."""
        row = int(self._reader.rows_of_ids([pair.chunk])[0]) if pair.chunk else -1
        return None if row < 0 else row

    def _of_answer(self, pair: Pair) -> NDArray[np.uint64]:
        """The shingles of the whole chunk, without its context header, which neighbours share."""
        row = self._row(pair)
        return np.unique(shingles(pair.passage)) if row is None else self._of_row(row)

    def _of_row(self, row: int) -> NDArray[np.uint64]:
        if row not in self._shingles:
            self._shingles[row] = np.unique(shingles(self._reader.chunk(row).text))
        return self._shingles[row]


def _draw(
    found: Mapping[Source, Iterable[int]], mining: Mining, suits: Callable[[int], bool], drawn: random.Random
) -> dict[int, Source]:
    """Rows that suit, each once; sources take turns by their weights, and each gives its best first."""
    queues = {source: iter(rows) for source, rows in found.items() if mining.weights.get(source, 0)}
    chosen: dict[int, Source] = {}
    while queues and len(chosen) < mining.count:
        (source,) = drawn.choices(list(queues), [mining.weights[source] for source in queues])
        row = next((row for row in queues[source] if row not in chosen and suits(row)), None)
        if row is None:
            del queues[source]
        else:
            chosen[row] = source
    return chosen


def _repeats(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) > 0 and bool(np.isin(shorter, longer).mean() >= _REPEATED)
