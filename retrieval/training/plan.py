"""What a training would do, before it is done: pairs, negatives, steps, and the questions that are held out."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from retrieval.context import embedded_text
from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.evaluation.judgements import Judgements
from retrieval.index import HybridIndex
from retrieval.searcher import Searcher
from retrieval.training.best_chunk import BestChunk
from retrieval.training.examples import Example, Source, counts_of_negatives
from retrieval.training.fit import check_packages
from retrieval.training.generation import Generated, Generation
from retrieval.training.held_out import HeldOut
from retrieval.training.lexical_side import LexicalSide
from retrieval.training.made_pairs import Text, asked_pairs, made_pairs
from retrieval.training.negatives import Mining, mine
from retrieval.training.pairs import MADE, Kind, Pair, counts, judged_pairs
from retrieval.training.recipe import Recipe
from retrieval.training.split import Split, answers_by_question, split_documents, split_judged
from retrieval.training.trainable import trains_in_bf16
from retrieval.training.weights import trainable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_QUESTIONS = 200
"""That are held out to stop early by, at most: they are asked again and again."""

_DISTRACTORS = 200
"""More passages that these questions have to be told from."""

_OF_TIME = 0.25
"""The share of the time that held-out questions may take; where they would take more, they are asked less often."""

_CHUNKS = 50_000
"""That pairs are made of, at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks for.

    judgements   judged questions to documents of the index
    pairs        more pairs, as from a file
    generation   questions that a language model is to write; None sends no text anywhere
    kinds        of the pairs that documents give by themselves; None is `asked_pairs`
    most         pairs at most
    minutes      that training takes, about, at most; None is as long as all pairs take
    held_out     the share of the documents that training does not see: a half of them to stop early by, the other half
                 for a verdict
    seed         of everything that is drawn

    Raises ConfigError for numbers that make no sense.
    """

    judgements: Judgements | None = None
    pairs: tuple[Pair, ...] = ()
    generation: Generation | None = None
    kinds: tuple[Kind, ...] | None = None
    most: int = 20_000
    minutes: float | None = None
    held_out: float = 0.2
    seed: int = 0
    mining: Mining = field(default_factory=Mining)
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        if self.most < 1 or not 0 < self.held_out < 1 or (self.minutes is not None and self.minutes <= 0):
            raise ConfigError("Training needs one pair at least, more than 0 minutes, and a held-out share in (0, 1).")
        if unknown := set(self.kinds or ()) - set(MADE):
            raise ConfigError(f"There are no pairs of kind {min(unknown)!r}; documents give {', '.join(MADE)}.")
        if self.mining.again and self.recipe.epochs < 2:
            raise ConfigError("Negatives are mined again before the second epoch: take two epochs at least.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training would do.

    examples      to train on
    recipe        how: as wanted, but held-out questions may be asked less often
    development   questions to stop early by
    split         what is held out
    pairs, negatives   how many of the examples are of which kind, and from which source
    steps         of training
    seconds       that they take here, about, with the held-out questions that are asked between them
    generated     what a language model wrote
    """

    examples: tuple[Example, ...]
    recipe: Recipe
    development: HeldOut
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
    """What training the index's model would do. The same index and wishes give the same plan, but for the time that it
    takes, and how many pairs `minutes` allow.

    generated  what `generate` gives for these wishes
    examples   those of the same plan, made earlier

    Raises ConfigError where the index gives no pairs, or a package is missing, and as a search.
    """
    searcher, recipe, prompts = index.searcher(), wanted.recipe, index.embedder.prefixes
    check_packages(lora=recipe.lora_rank > 0)
    texts = texts_of(searcher, wanted.seed)
    split, generated = split_of(texts, wanted), generated or Generated()
    held, judged, relevant = _judged(searcher, wanted, split)
    pairs = [*judged, *wanted.pairs, *generated.train, *_made(searcher, texts, wanted, split)][: wanted.most]
    held = held or _held_out_pairs(searcher, texts, split.development, generated.development, wanted.seed)
    if not pairs or not held:
        raise ConfigError(
            f"{len(pairs)} pairs to train with, and {len(held)} on held-out documents: both are needed. Take more "
            "documents, those with titles, headings or sentences, or judge questions."
        )

    def mined(chosen: Sequence[Pair]) -> list[Example]:
        return list(mine(searcher, index.embedder, chosen, mining=wanted.mining, seed=wanted.seed, relevant=relevant))

    development = _development(searcher, held[:_QUESTIONS], _distractors(texts, split, seed=wanted.seed))
    started = time.perf_counter()
    development.ndcg(model, prompts)
    asking = time.perf_counter() - started
    # Where negatives are mined again, all chunks are embedded, and both sides of each pair.
    mined_again = recipe.epochs - 1 if wanted.mining.again else 0
    a_text = mined_again * asking / (len(development.queries) + len(development.passages))
    probe = list(examples or mined(pairs[: 2 * recipe.batch_size]))
    seconds = seconds_a_step(model, probe, recipe, prompts)
    if wanted.minutes is not None and examples is None:
        left = 60 * wanted.minutes - a_text * len(texts)
        a_step = seconds + a_text * 2 * recipe.batch_size * recipe.accumulate / recipe.epochs
        steps = max(1, int((1 - _OF_TIME) * left / a_step))
        rows = steps * recipe.batch_size * recipe.accumulate / recipe.epochs
        pairs = pairs[: max(recipe.batch_size, int(rows * len(probe) / _rows(recipe, probe, prompts)))]
    examples = mined(pairs) if examples is None else examples
    steps = recipe.steps(_rows(recipe, examples, prompts))
    affordable = int(_OF_TIME / (1 - _OF_TIME) * steps * seconds / asking) - 1  # they are asked before training, too
    recipe = replace(recipe, evaluations=min(recipe.evaluations, max(1, affordable)))
    return Plan(
        examples=tuple(examples),
        recipe=recipe,
        development=development,
        split=split,
        pairs=counts(example.pair for example in examples),
        negatives=counts_of_negatives(examples),
        steps=steps,
        seconds=steps * seconds + (recipe.evaluations + 1) * asking + a_text * (len(texts) + 2 * len(examples)),
        generated=generated,
    )


def seconds_a_step(
    model: "SentenceTransformer", examples: Sequence[Example], recipe: Recipe, prompts: Prompts
) -> float:
    """For how long a batch is computed, forwards and backwards, times the batches of a step. The weights stay."""
    import torch

    columns = recipe.loss.columns(examples, prompts)
    texts = [values[: recipe.batch_size] for name, values in columns.items() if name != "label"]
    labels = torch.tensor(columns["label"][: recipe.batch_size]) if "label" in columns else None
    module = recipe.loss.module(model)
    with trainable(model, frozen_layers=recipe.frozen_layers, lora_rank=recipe.lora_rank, seed=recipe.seed):
        reduced = trains_in_bf16(model)
        model.train()
        for _ in range(2):  # the first one sets things up
            started = time.perf_counter()
            features = [_moved(model.preprocess(each), model) for each in texts]
            with torch.autocast(model.device.type, torch.bfloat16, enabled=reduced):
                loss = module(features, labels if labels is None else labels.to(model.device))
            loss.backward()
            model.zero_grad(set_to_none=True)
            seconds = time.perf_counter() - started
    return seconds * recipe.accumulate


def _moved(features: Mapping[str, object], model: "SentenceTransformer") -> dict[str, object]:
    return {name: each.to(model.device) if hasattr(each, "to") else each for name, each in features.items()}


def texts_of(searcher: Searcher, seed: int) -> list[Text]:
    """The chunks of the index; of a large one, those of documents drawn at random."""
    reader = searcher.reader
    rows: list[int] = []
    for record in random.Random(seed).sample(reader.searchable, len(reader.searchable)):
        rows += reader.rows_of_document(record.id)
        if len(rows) >= _CHUNKS:
            break
    return [Text(reader.chunk(row), reader.language(row)) for row in rows]


def _distractors(texts: Sequence[Text], split: Split, *, seed: int) -> list[Text]:
    """That answer no question of `development`."""
    others = [text for text in texts if text.chunk.source not in split.development]
    return random.Random(seed).sample(others, min(_DISTRACTORS, len(others)))


def _development(searcher: Searcher, held: Sequence[Pair], others: Sequence[Text]) -> HeldOut:
    """Ranked as a hybrid search of the index would rank these passages."""
    reader = searcher.reader
    languages = {embedded_text(text.chunk, context_header=reader.context_header): text.language for text in others} | {
        pair.passage: reader.language(int(reader.rows_of_ids([pair.chunk])[0])) for pair in held
    }
    questions = HeldOut.of(held, others=languages)
    passages = {passage: languages[passage] for passage in questions.passages.values()}
    return replace(questions, lexical=LexicalSide.of(searcher, list(questions.queries.values()), passages))


def _rows(recipe: Recipe, examples: Sequence[Example], prompts: Prompts) -> int:
    return len(recipe.loss.columns(examples, prompts)["anchor"])


def split_of(texts: Sequence[Text], wanted: Wanted) -> Split:
    """What is held out: of judged questions where there are any, else of the documents of these chunks."""
    if wanted.judgements is not None:
        return split_judged(wanted.judgements, share=wanted.held_out, seed=wanted.seed)
    return split_documents(texts, share=wanted.held_out, seed=wanted.seed)


def _judged(
    searcher: Searcher, wanted: Wanted, split: Split
) -> tuple[list[Pair], list[Pair], dict[str, frozenset[str]]]:
    """Judged pairs that are held out to stop by, those to train with, and of all questions what answers them."""
    if wanted.judgements is None:
        return [], [], {}
    queries, qrels = wanted.judgements
    best, header = BestChunk(searcher), searcher.reader.context_header
    held = split.development_queries | split.unseen_queries
    away = split.away
    to_train = {
        query: {source: relevance for source, relevance in qrels[query].items() if source not in away}
        for query in qrels
        if query not in held
    }
    to_stop_by = {query: qrels[query] for query in qrels if query in split.development_queries}
    relevant = answers_by_question(wanted.judgements)
    pairs = [judged_pairs(queries, chosen, best, context_header=header) for chosen in (to_stop_by, to_train)]
    return pairs[0], pairs[1], relevant


def _made(searcher: Searcher, texts: Sequence[Text], wanted: Wanted, split: Split) -> list[Pair]:
    """Of the documents that are left to train with."""
    chosen = [text for text in texts if text.chunk.source not in split.away]
    header = searcher.reader.context_header
    if wanted.kinds is None:
        return asked_pairs(chosen, seed=wanted.seed, most=wanted.most, context_header=header)
    return made_pairs(chosen, seed=wanted.seed, most=wanted.most, kinds=wanted.kinds, context_header=header)


def _held_out_pairs(
    searcher: Searcher, texts: Sequence[Text], sources: frozenset[str], generated: Sequence[Pair], seed: int
) -> list[Pair]:
    """Of some documents: those that are generated, then those that other passages give."""
    asked = {pair.chunk for pair in generated}
    chosen = [text for text in texts if text.chunk.source in sources and text.chunk.id not in asked]
    header = searcher.reader.context_header
    return [*generated, *asked_pairs(chosen, seed=seed, most=_QUESTIONS, context_header=header)]
