"""What a training would do, before it begins: pairs, negatives, steps, time, and the questions that are held out."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from retrieval.context import embedded_text
from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.model_comparison.comparison import FEW
from retrieval.searcher import Searcher
from retrieval.training.blending import MADE_SHARE, UNCHOSEN_SHARE
from retrieval.training.collected_pairs import collect_pairs, split_of, texts_of
from retrieval.training.examples import Example, Source, counts_of_negatives
from retrieval.training.fit import check_packages
from retrieval.training.generation import Generated
from retrieval.training.held_out import HeldOut, embed
from retrieval.training.lexical_side import LexicalSide
from retrieval.training.made_pairs import Text
from retrieval.training.negatives import Miner, mine
from retrieval.training.pairs import MADE, Kind, Pair, counts
from retrieval.training.recipe import Recipe
from retrieval.training.split import Split, answers_by_question
from retrieval.training.step_time import seconds_a_step
from retrieval.training.wanted import Wanted

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_DISTRACTORS = 200
"""Passages that answer no development question, at most, among which their answers have to be found."""

_OF_TIME = 0.25
"""The share of the time that the development questions may take; where they would take more, they are asked less
often."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training would do.

    examples      to train on
    recipe        how: as wanted, but the development questions may be asked less often, and the blend may be chosen
    development   held-out questions, of which there may be none
    chooses       whether these are enough to choose step and blend by
    split         what is held out
    pairs         how many examples there are of each kind
    negatives     how many hard negatives each source gave
    steps         of training
    seconds       that training takes on this machine, about, the development questions included
    generated     what a language model wrote
    """

    examples: tuple[Example, ...]
    recipe: Recipe
    development: HeldOut
    chooses: bool
    split: Split
    pairs: Mapping[Kind, int]
    negatives: Mapping[Source, int]
    steps: int
    seconds: float
    generated: Generated = field(default_factory=Generated)


def make_plan(
    index: HybridIndex,
    model: "SentenceTransformer",
    wanted: Wanted,
    *,
    generated: Generated | None = None,
    examples: Sequence[Example] | None = None,
) -> Plan:
    """What training the index's model would do. The same index and wishes give the same plan, except for the time, and
    for how many pairs `minutes` allow.

    generated  what `generate` gives for these wishes
    examples   those of the same plan, made earlier

    Raises ConfigError where the index gives no pairs, or a package is missing, and as a search.
    """
    searcher, recipe, prompts = index.searcher(), wanted.recipe, index.embedder.prefixes
    searcher.require_vectors("training")
    check_packages(lora=recipe.lora_rank > 0)
    texts = texts_of(searcher, wanted.seed)
    split, generated = split_of(texts, wanted), generated or Generated()
    pairs, held_out = collect_pairs(searcher, wanted, texts=texts, split=split, generated=generated)
    if not pairs or not (held_out or wanted.judgements is not None or wanted.held_out == 0):
        raise ConfigError(
            f"{len(pairs)} pairs to train on, and {len(held_out)} on held-out documents: both are needed. Take more "
            "documents, those with titles, headings or sentences, or judge questions."
        )
    development = _development(searcher, held_out, _distractors(texts, split, seed=wanted.seed))
    miner = miner_of(searcher, wanted, split)

    def mined(chosen: Sequence[Pair]) -> list[Example]:
        return list(mine(miner, index.embedder, chosen, seed=wanted.seed))

    probe = list(examples or mined(pairs[: 2 * recipe.batch_size]))
    costs = _costs(model, development, probe, wanted, prompts, chunks=len(texts))
    if examples is None:
        if wanted.minutes is not None:
            rows = _affordable_rows(costs, recipe, seconds=60 * wanted.minutes)
            pairs = pairs[: max(recipe.batch_size, int(rows * len(probe) / _rows(recipe, probe, prompts)))]
        examples = mined(pairs)
    steps = recipe.steps(_rows(recipe, examples, prompts))
    if costs.evaluation:
        affordable = int(_OF_TIME / (1 - _OF_TIME) * steps * costs.step / costs.evaluation)
        recipe = replace(recipe, evaluations=min(recipe.evaluations, max(1, affordable - 1)))  # one is before training
    made = all(example.pair.kind in MADE for example in examples)
    chooses = bool(development.queries) and (made or len(development.queries) >= FEW)
    if recipe.blend is None and (made or not chooses):
        recipe = replace(recipe, blend=MADE_SHARE if made else UNCHOSEN_SHARE)
    training = steps * costs.step + (recipe.evaluations + 1) * costs.evaluation
    return Plan(
        examples=tuple(examples),
        recipe=recipe,
        development=development,
        chooses=chooses,
        split=split,
        pairs=counts(example.pair for example in examples),
        negatives=counts_of_negatives(examples),
        steps=steps,
        seconds=training + costs.mining + costs.mining_a_pair * len(examples),
        generated=generated,
    )


def miner_of(searcher: Searcher, wanted: Wanted, split: Split) -> Miner:
    """Finds negatives in the documents that are not held out."""
    relevant = answers_by_question(wanted.judgements)
    return Miner(searcher, wanted.mining, relevant=relevant, held_out=split.away)


class _Costs(NamedTuple):
    """Seconds on this machine.

    step            for a step
    evaluation      for asking the development questions; 0 without any
    mining          for embedding all chunks, each time that negatives are mined again
    mining_a_pair   for embedding the question and the answer of a pair, each time that negatives are mined again
    """

    step: float
    evaluation: float
    mining: float
    mining_a_pair: float


def _costs(
    model: "SentenceTransformer",
    development: HeldOut,
    probe: Sequence[Example],
    wanted: Wanted,
    prompts: Prompts,
    *,
    chunks: int,
) -> _Costs:
    started = time.perf_counter()
    if development.queries:
        development.ndcg(model, prompts)
    else:
        embed(model, prompts.as_passages(development.passages.values()))
    taken = time.perf_counter() - started
    times = wanted.recipe.epochs - 1 if wanted.mining.again else 0
    text = times * taken / (len(development.queries) + len(development.passages))
    evaluation = taken if development.queries else 0.0
    return _Costs(seconds_a_step(model, probe, wanted.recipe, prompts), evaluation, text * chunks, 2 * text)


def _affordable_rows(costs: _Costs, recipe: Recipe, *, seconds: float) -> float:
    """How many rows can be trained on in that time."""
    rows_a_step = recipe.batch_size * recipe.accumulate / recipe.epochs  # each is new in one epoch only
    a_step = costs.step + costs.mining_a_pair * rows_a_step
    return max(1, int((1 - _OF_TIME) * (seconds - costs.mining) / a_step)) * rows_a_step


def _distractors(texts: Sequence[Text], split: Split, *, seed: int) -> list[Text]:
    """Passages that answer no development question."""
    others = [text for text in texts if text.chunk.source not in split.development]
    return random.Random(seed).sample(others, min(_DISTRACTORS, len(others)))


def _development(searcher: Searcher, held_out: Sequence[Pair], others: Sequence[Text]) -> HeldOut:
    """The questions of the pairs, to their passages and others, ranked as a hybrid search of the index would rank
    these. Without pairs, the others alone."""
    reader = searcher.reader
    languages = {embedded_text(text.chunk, context_header=reader.context_header): text.language for text in others} | {
        pair.passage: reader.language(int(reader.rows_of_ids([pair.chunk])[0])) for pair in held_out
    }
    questions = HeldOut.of(held_out, others=languages)
    if not held_out:
        return questions
    passages = {passage: languages[passage] for passage in questions.passages.values()}
    return replace(questions, lexical=LexicalSide.of(searcher, list(questions.queries.values()), passages))


def _rows(recipe: Recipe, examples: Sequence[Example], prompts: Prompts) -> int:
    return len(recipe.columns(examples, prompts)["anchor"])
