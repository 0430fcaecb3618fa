"""The pairs of a training: those that are trained on, and those of the development questions."""

import logging
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from retrieval.inspection.resemblance import shingles
from retrieval.model_comparison.passages import letters
from retrieval.searcher import Searcher
from retrieval.training.best_chunk import BestChunk
from retrieval.training.generation import Generated
from retrieval.training.made_pairs import Text, asked_pairs, made_pairs
from retrieval.training.pairs import Pair, distinct, judged_pairs
from retrieval.training.split import SHARE, Split, split_documents, split_judged
from retrieval.training.wanted import Wanted

log = logging.getLogger(__name__)

_CHUNKS = 50_000
"""Pairs are made from so many chunks at most."""

_DEVELOPMENT_PAIRS = 200
"""At most: their questions are asked again and again."""

_REPEATED = 0.5
"""A passage with a larger share of its shingles in held-out documents repeats them."""


class CollectedPairs(NamedTuple):
    """Pairs to train on, and pairs of the development questions."""

    train: list[Pair]
    development: list[Pair]


def texts_of(searcher: Searcher, seed: int) -> list[Text]:
    """The chunks of the index; of a large one, those of documents drawn at random."""
    reader = searcher.reader
    rows: list[int] = []
    for record in random.Random(seed).sample(reader.searchable, len(reader.searchable)):
        rows += reader.rows_of_document(record.id)
        if len(rows) >= _CHUNKS:
            break
    return [Text(reader.chunk(row), reader.language(row)) for row in rows]


def split_of(texts: Sequence[Text], wanted: Wanted) -> Split:
    """What is held out: of judged questions where there are any, else of the documents of these chunks."""
    if wanted.judgements is not None:
        return split_judged(wanted.judgements, share=wanted.held_out, seed=wanted.seed)
    return split_documents(texts, share=SHARE if wanted.held_out is None else wanted.held_out, seed=wanted.seed)


def collect_pairs(
    searcher: Searcher, wanted: Wanted, *, texts: Sequence[Text], split: Split, generated: Generated
) -> CollectedPairs:
    """Judged pairs come first, then those of a file, generated ones, and made ones. Pairs that repeat what is held out
    are left out. The development questions are judged ones, else generated and made ones."""
    judged = _judged(searcher, wanted, split)
    held_out = [text for text in texts if text.chunk.source in split.away]
    of_file = _without_held_out(wanted.pairs, held_out, wanted, split) if wanted.pairs else []
    made = _made(searcher, texts, wanted, split, held_out)
    train = distinct([*judged.train, *of_file, *generated.train, *made])[: wanted.most]
    development = judged.development or _made_development(searcher, texts, split, generated.development, wanted.seed)
    return CollectedPairs(train, development[:_DEVELOPMENT_PAIRS])


def _judged(searcher: Searcher, wanted: Wanted, split: Split) -> CollectedPairs:
    if wanted.judgements is None:
        return CollectedPairs([], [])
    queries, qrels = wanted.judgements
    best_chunk, header = BestChunk(searcher), searcher.reader.context_header
    held_out = split.development_queries | split.unseen_queries
    train = {
        query: {source: relevance for source, relevance in qrels[query].items() if source not in split.away}
        for query in qrels
        if query not in held_out
    }
    development = {query: qrels[query] for query in qrels if query in split.development_queries}
    return CollectedPairs(
        *(judged_pairs(queries, chosen, best_chunk, context_header=header) for chosen in (train, development))
    )


def _without_held_out(pairs: Iterable[Pair], held_out: Iterable[Text], wanted: Wanted, split: Split) -> list[Pair]:
    """The pairs of a file whose question is not a held-out one, and whose passage does not repeat held-out chunks."""
    queries = wanted.judgements.queries if wanted.judgements is not None else {}
    questions = {letters(queries[query]) for query in split.development_queries | split.unseen_queries}
    known = np.unique(np.concatenate([np.zeros(0, np.uint64), *(shingles(text.chunk.text) for text in held_out)]))
    given, kept = list(pairs), []
    for pair in given:
        found = np.unique(shingles(pair.passage))
        if letters(pair.question) not in questions and np.isin(found, known).sum() <= _REPEATED * len(found):
            kept.append(pair)
    if len(kept) < len(given):
        log.warning("%d pairs of the file repeat what is held out; they are left out.", len(given) - len(kept))
    return kept


def _made(
    searcher: Searcher, texts: Sequence[Text], wanted: Wanted, split: Split, held_out: Iterable[Text]
) -> list[Pair]:
    """From the documents that are not held out, without the chunks that they share with those."""
    shared = {letters(text.chunk.text) for text in held_out}
    chosen = [text for text in texts if text.chunk.source not in split.away and letters(text.chunk.text) not in shared]
    header = searcher.reader.context_header
    if wanted.kinds is None:
        return asked_pairs(chosen, seed=wanted.seed, most=wanted.most, context_header=header)
    return made_pairs(chosen, seed=wanted.seed, most=wanted.most, kinds=wanted.kinds, context_header=header)


def _made_development(
    searcher: Searcher, texts: Sequence[Text], split: Split, generated: Sequence[Pair], seed: int
) -> list[Pair]:
    """The generated pairs of the development documents, then pairs made from their other passages."""
    asked = {pair.chunk for pair in generated}
    chosen = [text for text in texts if text.chunk.source in split.development and text.chunk.id not in asked]
    header = searcher.reader.context_header
    return [*generated, *asked_pairs(chosen, seed=seed, most=_DEVELOPMENT_PAIRS, context_header=header)]
