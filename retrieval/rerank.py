"""Second thoughts about a short list of candidates: a cross-encoder's scores, and diversity."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import find_model
from retrieval.errors import ModelError, QueryError
from retrieval.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

log = logging.getLogger(__name__)

_CLASSIFIER = "ForSequenceClassification"


class CrossEncoderReranker:
    """A `retrieval.types.Reranker`: scores (query, passage) pairs with a sentence-transformers CrossEncoder."""

    def __init__(self, model: "CrossEncoder", *, name: str) -> None:
        """Wrap a loaded model; `name` is what errors and warnings call it."""
        self._model = model
        self._name = name

    @classmethod
    def load(cls, name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> "CrossEncoderReranker":
        """Load a cross-encoder from a local directory or, by its name, from the Hugging Face hub.

        Without access to the hub, a model in its cache is used.

        Raises ModelError where there is no such model, the hub cannot be reached, or the model is no cross-encoder with
        one score a pair.
        """
        # find_model asks the hub once; transformers' own loaders retry each file of an unreachable one for 20 s.
        model = _load(find_model(name, revision=revision), name=name, trust_remote_code=trust_remote_code)
        _check_scores_pairs(model, name=name)
        return cls(model, name=name)

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """float64 [n], on the model's own scale; higher is better.

        Where query and passage together are longer than the model reads, the model sees their beginnings only; a
        warning is logged with the number of such passages.

        Raises ModelError where the model gives a score that is not a finite number.
        """
        if not passages:
            return np.empty(0, dtype=np.float64)
        pairs = [(query, passage) for passage in passages]
        self._warn_of_truncation(pairs)
        scores = np.asarray(self._model.predict(pairs, show_progress_bar=False), dtype=np.float64)
        if not np.isfinite(scores).all():
            raise ModelError(f"Cross-encoder {self._name} gave a score that is no number; load it in float32.")
        return scores

    def _warn_of_truncation(self, pairs: list[tuple[str, str]]) -> None:
        limit = self._model.max_seq_length
        if limit is None:
            return
        encoded = self._model.tokenizer(pairs, truncation=False, padding=False, verbose=False)["input_ids"]
        too_long = sum(len(tokens) > limit for tokens in encoded)
        if too_long:
            log.warning(
                "Cross-encoder %s reads %d tokens; %d of %d passages with the query are longer and are judged by their "
                "beginnings. Smaller chunks or a model with a longer window avoid it.",
                self._name, limit, too_long, len(pairs),
            )  # fmt: skip


def mmr(relevance: NDArray[np.floating], vectors: Vectors, *, lambda_: float, top_k: int) -> list[int]:
    """The positions of `top_k` items chosen one by one by maximal marginal relevance (Carbonell & Goldstein 1998).

    Each is the one with the highest lambda_ * relevance - (1 - lambda_) * (its highest cosine with an item chosen
    before), the first one the most relevant. Relevance is min-max normalised over the list, so any scale will do. Ties
    go to the more relevant item, then to the earlier one.

    relevance   float [n], finite; higher is better.
    vectors     float32 [n, dimension], unit rows.
    lambda_     in [0, 1]: 1 is the order of relevance alone, 0 is diversity alone.

    Returns min(top_k, n) distinct positions. One matrix-vector product for each: O(top_k * n * dimension).
    Raises QueryError for a lambda_ outside [0, 1] or a negative top_k.
    """
    if not 0 <= lambda_ <= 1:
        raise QueryError(f"The lambda of MMR is a weight in [0, 1], got {lambda_}.")
    if top_k < 0:
        raise QueryError(f"top_k cannot be negative, got {top_k}.")
    order = np.argsort(-relevance, kind="stable")  # argmax takes the first of equals, which is then the more relevant
    gain = lambda_ * _min_max(relevance)[order]
    rows = vectors[order]
    redundancy = np.full(len(order), -1.0)  # the lowest cosine there is: nothing is chosen yet
    chosen = []
    for _ in range(min(top_k, len(order))):
        best = int(np.argmax(gain - (1 - lambda_) * redundancy))
        chosen.append(int(order[best]))
        gain[best] = -np.inf
        np.maximum(redundancy, rows @ rows[best], out=redundancy)
    return chosen


def _min_max(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """The scores mapped to [0, 1]; all 0 where they are all equal."""
    values = scores.astype(np.float64)
    if not len(values):
        return values
    lowest, span = values.min(), np.ptp(values)
    return (values - lowest) / span if span > 0 else np.zeros_like(values)


def _load(directory: Path, *, name: str, trust_remote_code: bool) -> "CrossEncoder":
    from sentence_transformers import CrossEncoder
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        # A model's own code may lie in another repository of the hub, hence the exception.
        model: CrossEncoder = CrossEncoder(
            str(directory), trust_remote_code=trust_remote_code, local_files_only=not trust_remote_code
        )
    except Exception as error:  # a model's files, or its own code, can be wrong in any way
        raise ModelError(
            f"Cross-encoder {name} cannot be loaded: {_first_sentence(error)} Give a model saved by "
            "sentence-transformers or transformers."
        ) from error
    return model


def _check_scores_pairs(model: "CrossEncoder", *, name: str) -> None:
    """Refuse what sentence-transformers loads without complaint and cannot rank with."""
    if model.num_labels != 1:
        raise ModelError(
            f"Cross-encoder {name} gives {model.num_labels} scores a pair, not one; choose a model trained to rank."
        )
    architectures = getattr(model.config, "architectures", None) or [_CLASSIFIER]
    loaded_as = type(model.model).__name__
    if loaded_as.endswith(_CLASSIFIER) and not any(saved.endswith(_CLASSIFIER) for saved in architectures):
        raise ModelError(
            f"{name} is no cross-encoder but a {architectures[0]} without a scoring head, which would score at random; "
            "choose a cross-encoder."
        )


def _first_sentence(error: Exception) -> str:
    """What went wrong, in one line that ends with a full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0].strip() if lines else "no reason given").split(". ")[0].rstrip(".") + "."
