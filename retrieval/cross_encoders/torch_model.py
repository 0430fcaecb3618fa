"""A cross-encoder as sentence-transformers runs it: what its export is measured by."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.cross_encoders.pair_scores import PairScores
from retrieval.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_CLASSIFIER = "ForSequenceClassification"


class TorchCrossEncoder:
    """A `PairScorer`: the model on the device it lies on."""

    def __init__(self, model: "CrossEncoder") -> None:
        self.model = model
        self.max_seq_length = model.max_seq_length

    @classmethod
    def load(cls, directory: Path, *, name: str, trust_remote_code: bool) -> "TorchCrossEncoder":
        """Raises ModelError where it cannot be loaded, or does not give one score a pair; errors call it `name`."""
        model = _load(directory, name=name, trust_remote_code=trust_remote_code)
        _check_scores_pairs(model, name=name)
        return cls(model)

    def score(self, query: str, passages: Sequence[str]) -> PairScores:
        pairs = [(query, passage) for passage in passages]
        scores = np.asarray(self.model.predict(pairs, show_progress_bar=False), dtype=np.float64)
        return PairScores(scores, truncated=self._too_long(pairs))

    def _too_long(self, pairs: list[tuple[str, str]]) -> int:
        if self.max_seq_length is None:
            return 0
        encoded = self.model.tokenizer(pairs, truncation=False, padding=False, verbose=False)["input_ids"]
        return sum(len(tokens) > self.max_seq_length for tokens in encoded)


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
    return model.float() if model.device.type == "cpu" else model  # processors are slow in half precision


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
