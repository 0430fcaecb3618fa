"""Mining dense negatives again during training, since the model's false positives change while it learns. Xiong et al.
2021, "Approximate Nearest Neighbor Negative Contrastive Learning for Dense Text Retrieval", section 4."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from retrieval.context import embedded_text
from retrieval.encoders.prompts import Prompts
from retrieval.search.candidates import QueryScores
from retrieval.search.query import Query
from retrieval.searcher import Searcher
from retrieval.topk import top_k_with_ties
from retrieval.training.examples import Example, Negative
from retrieval.training.negatives import Miner
from retrieval.training.pairs import Pair
from retrieval.types import Chunk, Vectors

_AT_ONCE = 256  # texts that are embedded, and questions that are searched for, together


def mine_again(
    miner: Miner,
    embed: Callable[[Sequence[str]], Vectors],
    examples: Sequence[Example],
    *,
    chunks: Sequence[Chunk],
    prompts: Prompts,
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[Example]:
    """The examples, each with as many dense negatives as before: the chunks with the highest cosines, by the model in
    training, that do not answer. Where there are fewer, some of the earlier ones stay. Negatives of other sources stay.
    Scores are the index's own.

    embed         prefixed texts -> float32 [n, dimension], unit rows, by the model in training
    chunks        of the index, that negatives are drawn from
    on_progress   is told the share of the texts that is embedded

    Raises as a search.
    """
    again = [example for example in examples if _dense(example)]
    if not again:
        return list(examples)
    searcher, reader = miner.searcher, miner.searcher.reader
    passages = [embedded_text(chunk, context_header=reader.context_header) for chunk in chunks]
    questions = prompts.as_queries([example.pair.question for example in again])
    answers = [example.pair.passage for example in again]
    vectors = _embedded(embed, [*questions, *prompts.as_passages([*answers, *passages])], on_progress)
    asked, answered, found = np.split(vectors, [len(again), 2 * len(again)])
    rows = reader.rows_of_ids([chunk.id for chunk in chunks])
    to_question: dict[str, list[Pair]] = {}
    for example in examples:
        to_question.setdefault(example.pair.question, []).append(example.pair)
    renewed = {}
    for place, (example, query) in enumerate(zip(again, _queries(searcher, again), strict=True)):
        question, cosines = example.pair.question, found @ asked[place]
        best = top_k_with_ties(cosines, miner.mining.depth)
        cosine_of = {int(rows[each]): float(cosines[each]) for each in best[np.argsort(-cosines[best], kind="stable")]}
        is_negative = miner.negative_for(
            to_question[question],
            cosine=float(asked[place] @ answered[place]),
            cosine_of=cosine_of.__getitem__,
        )
        others = {negative.chunk for negative in example.negatives if negative.source != "dense"}
        found_rows = (row for row in cosine_of if reader.chunk(row).id not in others and is_negative(row))
        drawn = list(islice(found_rows, len(_dense(example))))
        fused = miner.fused(QueryScores(reader, query), drawn)
        negatives = miner.negatives(dict.fromkeys(drawn, "dense"), fused)
        renewed[id(example)] = _renewed(example, negatives)
    return [renewed.get(id(example), example) for example in examples]


def _embedded(
    embed: Callable[[Sequence[str]], Vectors], texts: Sequence[str], on_progress: Callable[[float], None]
) -> Vectors:
    vectors = []
    for start in range(0, len(texts), _AT_ONCE):
        on_progress(start / len(texts))
        vectors.append(embed(texts[start : start + _AT_ONCE]))
    return np.concatenate(vectors)


def _queries(searcher: Searcher, examples: Sequence[Example]) -> Iterator[Query]:
    for start in range(0, len(examples), _AT_ONCE):
        yield from searcher.queries([example.pair.question for example in examples[start : start + _AT_ONCE]])


def _dense(example: Example) -> list[Negative]:
    return [negative for negative in example.negatives if negative.source == "dense"]


def _renewed(example: Example, drawn: Sequence[Negative]) -> Example:
    """The example with these dense negatives in place of its own; where they are fewer, some of its own stay."""
    known = {negative.chunk for negative in drawn}
    dense = iter([*drawn, *(negative for negative in _dense(example) if negative.chunk not in known)])
    negatives = (next(dense) if negative.source == "dense" else negative for negative in example.negatives)
    return replace(example, negatives=tuple(negatives))
