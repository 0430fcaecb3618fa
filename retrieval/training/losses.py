"""Losses of a training, by sentence-transformers.

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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.training.examples import Example
from retrieval.training.loss_columns import Columns, distribution, labelled, prefixed, ranking, triplets

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

LossName = Literal["infonce", "triplet", "contrastive", "cosine", "margin-mse", "kl"]

_MARGINS: dict[LossName, float] = {"triplet": 0.2, "contrastive": 0.5}

TEMPERED: tuple[LossName, ...] = ("infonce", "kl")
"""The losses that have a temperature."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and its parameters.

    temperature   of infonce and kl
    margin        of triplet and contrastive, in cosine distance; None is .2 and .5
    at_once       how many rows of a batch infonce embeds at once, with cached gradients; None embeds all, without

    Raises ConfigError for numbers out of range.
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
            columns = ranking(examples)
        elif self.name == "kl":
            columns = distribution(examples)
        elif self.name in {"contrastive", "cosine"}:
            columns = labelled(examples)
        else:
            columns = triplets(examples, with_margins=self.name == "margin-mse")
        if not columns["anchor"]:
            needs = "pairs" if self.name == "infonce" else "pairs with negatives"
            scored = ", of chunks that the index scores" if self.name in {"kl", "margin-mse"} else ""
            raise ConfigError(f"The loss {self.name} needs {needs}{scored}, and there are none.")
        return prefixed(columns, prompts)
