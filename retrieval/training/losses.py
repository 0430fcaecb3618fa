"""Examples -> the columns that a loss reads, and the loss, which is sentence-transformers'.

With unit vectors u of a question, v+ of its answer and v- of a hard negative, cos the dot product and t the
temperature:

    infonce      -log(exp(cos(u, v+) / t) / sum of exp(cos(u, v) / t) over all passages v of the batch), hard negatives
                 among them: multiple negatives ranking. Henderson et al. 2017, "Efficient Natural Language Response
                 Suggestion for Smart Reply", section 4.4; van den Oord, Li & Vinyals 2018, "Representation Learning
                 with Contrastive Predictive Coding", eq. 4. With `at_once`, gradients are cached, so that a large batch
                 needs the memory of a small one: Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under
                 Memory Limited Setup".
    triplet      max(0, (1 - cos(u, v+)) - (1 - cos(u, v-)) + margin). Schroff, Kalenichenko & Philbin 2015, "FaceNet",
                 eq. 3.
    contrastive  (1 - cos(u, v+))^2 / 2, and max(0, margin - (1 - cos(u, v-)))^2 / 2. Hadsell, Chopra & LeCun 2006,
                 "Dimensionality Reduction by Learning an Invariant Mapping", eq. 4.
    cosine       (cos(u, v) - label)^2, the label 1 of an answer and 0 of a negative. Reimers & Gurevych 2019,
                 "Sentence-BERT", section 3, regression objective.
    margin-mse   ((cos(u, v+) - cos(u, v-)) - (s+ - s-))^2, s the hybrid scores: the hybrid teaches its own dense side.
                 Hofstätter et al. 2020, "Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge
                 Distillation", eq. 4.
    kl           t^2 times the Kullback-Leibler divergence of softmax(cos(u, v) / t) from softmax(s / t) over an answer
                 and its negatives. Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network".

Every string has the prefix that the model embeds it with.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal, assert_never

from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.training.examples import Example
from retrieval.training.pairs import WHOLE_DOCUMENT, Pair

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

LossName = Literal["infonce", "triplet", "contrastive", "cosine", "margin-mse", "kl"]

Columns = dict[str, list[str] | list[float] | list[list[float]]]
"""Columns of one length, in the order in which sentence-transformers reads them. "label" holds numbers, the others
strings."""

_MARGINS: dict[LossName, float] = {"triplet": 0.2, "contrastive": 0.5}

TEMPERED: tuple[LossName, ...] = ("infonce", "kl")
"""The losses that have a temperature."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and its parameters.

    temperature   of infonce and kl
    margin        of triplet and contrastive, in cosine distance; None is .2 and .5
    at_once       how many rows of a batch infonce embeds at once, with cached gradients; None embeds all, without

    Raises ConfigError for numbers that make no sense.
    """

    name: LossName = "infonce"
    temperature: float = 0.05
    margin: float | None = None
    at_once: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(f"The temperature of a loss is a number above 0, not {self.temperature}.")
        if self.margin is not None and (self.name not in _MARGINS or not 0 < self.margin <= 2):
            raise ConfigError("A margin belongs to the losses triplet and contrastive; it is in (0, 2].")
        if self.at_once is not None and (self.name != "infonce" or self.at_once < 1):
            raise ConfigError("Cached gradients belong to the loss infonce, one row at once or more.")

    def module(self, model: "SentenceTransformer") -> "nn.Module":
        """The loss of this model. Of truncated vectors it sees the components that are kept: Kusupati et al. 2022,
        "Matryoshka Representation Learning", with one size."""
        from sentence_transformers.sentence_transformer import losses
        from sentence_transformers.util import pairwise_cos_sim

        margin = self._margin
        found: nn.Module
        if self.name == "infonce" and self.at_once is not None:
            found = losses.CachedMultipleNegativesRankingLoss(
                model, scale=1 / self.temperature, mini_batch_size=self.at_once
            )
        elif self.name == "infonce":
            found = losses.MultipleNegativesRankingLoss(model, scale=1 / self.temperature)
        elif self.name == "triplet":
            distance = losses.TripletDistanceMetric.COSINE
            found = losses.TripletLoss(model, distance_metric=distance, triplet_margin=margin)
        elif self.name == "contrastive":
            found = losses.ContrastiveLoss(model, margin=margin)
        elif self.name == "cosine":
            found = losses.CosineSimilarityLoss(model)
        elif self.name == "margin-mse":
            found = losses.MarginMSELoss(model, similarity_fct=pairwise_cos_sim)
        elif self.name == "kl":
            found = losses.DistillKLDivLoss(model, similarity_fct=pairwise_cos_sim, temperature=self.temperature)
        else:
            assert_never(self.name)
        if model.truncate_dim is not None:
            found = losses.MatryoshkaLoss(model, found, matryoshka_dims=[model.get_embedding_dimension()])
        return found

    @property
    def _margin(self) -> float | None:
        return _MARGINS.get(self.name) if self.margin is None else self.margin

    def in_words(self) -> str:
        """Its name and the parameters that it has."""
        if self._margin is not None:
            return f"{self.name}, margin {self._margin:g}"
        return f"{self.name}, temperature {self.temperature:g}" if self.name in TEMPERED else self.name

    def columns(self, examples: Sequence[Example], prompts: Prompts) -> Columns:
        """The columns that the loss reads. Raises ConfigError where no example has what it needs."""
        if self.name == "infonce":
            columns = _ranking(examples)
        elif self.name == "kl":
            columns = _distribution(examples)
        elif self.name in {"contrastive", "cosine"}:
            columns = _labelled(examples)
        else:
            columns = _triplets(examples, with_margins=self.name == "margin-mse")
        if not columns["anchor"]:
            needs = "pairs" if self.name == "infonce" else "pairs with negatives"
            scored = ", of chunks that the index scores" if self.name in {"kl", "margin-mse"} else ""
            raise ConfigError(f"The loss {self.name} needs {needs}{scored}, and there are none.")
        return _prefixed(columns, prompts)


def _ranking(examples: Sequence[Example]) -> Columns:
    """Rows of one width: an example with fewer negatives than another gets answers to other questions, none of which
    answers its own."""
    width = max((len(example.negatives) for example in examples), default=0)
    answers: dict[str, set[tuple[str, str]]] = {}
    for example in examples:
        answers.setdefault(example.pair.question, set()).update(_answered_by(example.pair))
    rows = [
        [
            *(negative.passage for negative in example.negatives),
            *islice(_answers_to_others(examples, place, answers), width - len(example.negatives)),
        ]
        for place, example in enumerate(examples)
    ]
    columns: Columns = {
        "anchor": [example.pair.question for example in examples],
        "positive": [example.pair.passage for example in examples],
    }
    if min(map(len, rows), default=0) < width:  # all passages answer one question
        return columns
    return columns | {f"negative_{number + 1}": [row[number] for row in rows] for number in range(width)}


def _answers_to_others(
    examples: Sequence[Example], place: int, answers: Mapping[str, set[tuple[str, str]]]
) -> Iterator[str]:
    """Passages of the following pairs that do not answer the question of the example at `place`."""
    own = answers[examples[place].pair.question]
    for step in range(1, len(examples)):
        pair = examples[(place + step) % len(examples)].pair
        if own.isdisjoint(_parts(pair)):
            yield pair.passage


def _parts(pair: Pair) -> set[tuple[str, str]]:
    """The passage of a pair, its chunk and its document, as far as they are known."""
    parts = {"passage": pair.passage, "chunk": pair.chunk, "source": pair.source}
    return {(part, name) for part, name in parts.items() if name}


def _answered_by(pair: Pair) -> set[tuple[str, str]]:
    """Those of its parts that answer its question."""
    return _parts(pair) if pair.kind in WHOLE_DOCUMENT else _parts(pair) - {("source", pair.source)}


def _triplets(examples: Iterable[Example], *, with_margins: bool) -> Columns:
    rows = [
        (example.pair.question, example.pair.passage, negative.passage, (example.score or 0.0) - negative.score)
        for example in examples
        for negative in example.negatives
        if example.score is not None or not with_margins
    ]
    columns: Columns = {
        "anchor": [row[0] for row in rows],
        "positive": [row[1] for row in rows],
        "negative": [row[2] for row in rows],
    }
    return columns | {"label": [row[3] for row in rows]} if with_margins else columns


def _labelled(examples: Iterable[Example]) -> Columns:
    """A pair has as many rows as it has negatives, so that answers weigh as much as negatives."""
    rows: list[tuple[str, str, float]] = []
    for example in examples:
        for negative in example.negatives:
            rows.append((example.pair.question, example.pair.passage, 1.0))
            rows.append((example.pair.question, negative.passage, 0.0))
    return {"anchor": [row[0] for row in rows], "passage": [row[1] for row in rows], "label": [row[2] for row in rows]}


def _distribution(examples: Iterable[Example]) -> Columns:
    """Rows of one width, which is the one that leaves out fewest negatives."""
    scored = [example for example in examples if example.negatives and example.score is not None]
    widths = Counter(len(example.negatives) for example in scored)
    kept = {width: width * sum(count for each, count in widths.items() if each >= width) for width in widths}
    width = max(kept, key=lambda each: (kept[each], each), default=0)
    wide = [example for example in scored if len(example.negatives) >= width]
    columns: Columns = {
        "anchor": [example.pair.question for example in wide],
        "positive": [example.pair.passage for example in wide],
    }
    for number in range(width):
        columns[f"negative_{number + 1}"] = [example.negatives[number].passage for example in wide]
    columns["label"] = [
        [example.score or 0.0, *(negative.score for negative in example.negatives[:width])] for example in wide
    ]
    return columns


def _prefixed(columns: Columns, prompts: Prompts) -> Columns:
    prefixed: Columns = {}
    for name, values in columns.items():
        if name == "label":
            prefixed[name] = values
        else:
            texts = [value for value in values if isinstance(value, str)]
            prefixed[name] = prompts.as_queries(texts) if name == "anchor" else prompts.as_passages(texts)
    return prefixed
