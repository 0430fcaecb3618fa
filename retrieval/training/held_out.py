"""Documents that are held out, and how well a model in training answers the development questions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from retrieval.encoders.batches import batches
from retrieval.encoders.encoding import run_batches, unit_rows
from retrieval.encoders.prompts import Prompts
from retrieval.encoders.torch_model import TorchRuntime
from retrieval.evaluation.measures import judge_run
from retrieval.evaluation.runs import strictly_falling
from retrieval.fusion import Scores
from retrieval.model_comparison.copies import copied
from retrieval.training.lexical_side import LexicalSide
from retrieval.training.pairs import Pair
from retrieval.training.trainable import trains_in_bf16
from retrieval.types import Vectors, digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MEASURE = "nDCG@10"


def held_out_sources(texts: Mapping[str, str], *, share: float, seed: int) -> frozenset[str]:
    """The sources of about a `share` of the documents, at least one of two or more. The same seed chooses the same ones
    when documents are added.

    texts   by source. A text that other documents repeat for the larger part is not held out: training would see it.
    """
    sources = list(texts)
    is_copied = dict(zip(sources, copied([texts[source] for source in sources]), strict=True))
    drawn = sorted((int(digest(str(seed), source), 16) / 16**32, source) for source in sources if not is_copied[source])
    chosen = [source for place, source in drawn if place < share]
    if not chosen and share and len(sources) > 1:
        chosen = [source for _, source in drawn[:1]]
    return frozenset(chosen)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Questions, and the passages that a model ranks for them.

    queries    id -> question
    passages   id -> passage
    qrels      query id -> passage id -> relevance
    lexical    the lexical side of the ranking; None where cosines alone rank
    """

    queries: Mapping[str, str]
    passages: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    lexical: LexicalSide | None = None

    @classmethod
    def of(cls, pairs: Sequence[Pair], *, others: Iterable[str] = ()) -> Self:
        """The questions and passages of the pairs, and `others`: passages that answer none of the questions."""
        passages = {text: str(number) for number, text in enumerate(dict.fromkeys(pair.passage for pair in pairs))}
        queries = {text: str(number) for number, text in enumerate(dict.fromkeys(pair.question for pair in pairs))}
        qrels: dict[str, dict[str, int]] = {}
        for pair in pairs:
            qrels.setdefault(queries[pair.question], {})[passages[pair.passage]] = 1
        for text in others:
            passages.setdefault(text, str(len(passages)))
        return cls(_by_id(queries), _by_id(passages), qrels)

    def ndcg(self, model: "SentenceTransformer", prompts: Prompts) -> Scores:
        """float64 [queries], the nDCG@10 of each query, in [0, 1]. Puts the model in evaluation mode. Raises
        ConfigError where ir-measures is missing."""
        asked = embed(model, prompts.as_queries(self.queries.values()))
        found = embed(model, prompts.as_passages(self.passages.values()))
        scores = (asked @ found.T).astype(np.float64)
        if self.lexical is not None:
            scores = self.lexical.fused(scores)
        names = list(self.passages)
        run = {}
        for query, of_query in zip(self.queries, scores, strict=True):
            best = np.argsort(-of_query, kind="stable")[:10]
            run[query] = dict(zip([names[row] for row in best], strictly_falling(of_query[best]), strict=True))
        values = judge_run(run, self.qrels, measures=(MEASURE,), depth=10).figures.values[MEASURE]
        return np.array([values[query] for query in self.queries])


def embed(model: "SentenceTransformer", texts: Sequence[str]) -> Vectors:
    """float32 [n, dimension], unit rows, of n >= 1 prefixed texts, by a model in memory, in the precision of training.
    Puts the model in evaluation mode."""
    runtime = TorchRuntime(model, precision="bf16" if trains_in_bf16(model) else "fp32")
    encoded = model.tokenizer(list(texts), truncation=True, max_length=model.max_seq_length)["input_ids"]
    planned = batches(
        encoded,
        tokens=runtime.batch_tokens,
        padding=int(model.tokenizer.pad_token_id or 0),
        limit=model.max_seq_length,
        mixes=runtime.mixes,
    )
    return unit_rows(run_batches(planned, lambda batch: runtime.run(batch.ids, batch.mask)[:, : model.truncate_dim]))


def _by_id(named: Mapping[str, str]) -> dict[str, str]:
    return {name: text for text, name in named.items()}
