"""A cross-encoder as searches use it."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.cross_encoders.export import ExportedCrossEncoder, key_of
from retrieval.cross_encoders.pair_scores import PairScorer
from retrieval.cross_encoders.torch_model import TorchCrossEncoder
from retrieval.encoders import find_model, hash_weights
from retrieval.encoders.runtime import may_have_gpu
from retrieval.errors import ModelError

log = logging.getLogger(__name__)


class CrossEncoderReranker:
    """A `retrieval.types.Reranker`: scores (query, passage) pairs with a cross-encoder.

    scorer   what runs it
    """

    def __init__(self, scorer: PairScorer, *, name: str) -> None:
        """`name` is what errors and warnings call the model."""
        self.scorer = scorer
        self._name = name

    @classmethod
    def load(cls, name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> "CrossEncoderReranker":
        """Load a cross-encoder from a local directory or, by its name, from the Hugging Face hub.

        torch exports it to the cache the first time, and afterwards runs only what cannot be exported, what brings code
        of its own, and all models where there may be a GPU. Without access to the hub, a model in its cache is used.

        Raises ModelError where there is no such model, the hub cannot be reached, or the model is no cross-encoder with
        one score a pair.
        """
        # find_model asks the hub once; transformers' own loaders retry each file of an unreachable one for 20 s.
        directory = find_model(name, revision=revision)
        key = None if trust_remote_code or may_have_gpu() else key_of(directory, weights=hash_weights(directory))
        scorer: PairScorer | None = ExportedCrossEncoder.find(key) if key is not None else None
        if scorer is None:
            scorer = torch_model = TorchCrossEncoder.load(directory, name=name, trust_remote_code=trust_remote_code)
            if key is not None:
                scorer = ExportedCrossEncoder.make(key, torch_model) or torch_model
        return cls(scorer, name=name)

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """float64 [n], on the model's own scale; higher is better.

        Where query and passage together are longer than the model reads, the model sees their beginnings only; a
        warning is logged with the number of such passages.

        Raises ModelError where the model gives a score that is not a finite number.
        """
        if not passages:
            return np.empty(0, dtype=np.float64)
        scores, truncated = self.scorer.score(query, passages)
        if truncated:
            log.warning(
                "Cross-encoder %s reads %d tokens; %d of %d passages with the query are longer and are judged by their "
                "beginnings. Smaller chunks or a model with a longer window avoid it.",
                self._name, self.scorer.max_seq_length, truncated, len(passages),
            )  # fmt: skip
        if not np.isfinite(scores).all():
            raise ModelError(f"Cross-encoder {self._name} gave a score that is no number; load it in float32.")
        return scores
