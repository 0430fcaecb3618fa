"""Weights between those that a training began with and those that it came to.

What a model learns on questions made for it helps less with those that people ask than with its own kind, and what it
forgets for it is missed everywhere. The mean of both weights keeps most of either: Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models" (WiSE-FT), eq. 1; for embedding models, Xiao et al. 2023, "LM-Cocktail: Resilient
Tuning of Language Models via Model Merging".
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.fusion import Scores
from retrieval.training.trainer import restore

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

    from retrieval.training.recipe import Figure

SHARES = (0.5, 1.0)
"""Of the trained weights in the result, that are tried."""

Weights = Mapping[str, "torch.Tensor"]


class Blend(NamedTuple):
    """The share of the trained weights in the result, and float64 [questions], how well it answers each."""

    share: float
    figures: Scores


def blend(
    model: "SentenceTransformer", first: Weights, last: Weights, *, shares: Sequence[float], figure: "Figure"
) -> Blend:
    """Set the trained weights to (1 - share) * first + share * last, with the smallest share whose mean figure is
    within one standard error of the best: the one-standard-error rule, Breiman et al. 1984, "Classification and
    Regression Trees", section 3.4.3, of paired differences.
    """
    tried = []
    for share in sorted(shares):
        _set(model, first, last, share)
        tried.append(Blend(share, figure(model)))
    best = max(tried, key=lambda each: float(each.figures.mean()))
    chosen = next(each for each in tried if _is_near(best.figures - each.figures))
    _set(model, first, last, chosen.share)
    return chosen


def _set(model: "SentenceTransformer", first: Weights, last: Weights, share: float) -> None:
    """Of an adapter, B alone is blended: its product with A is what is added to the weights."""
    restore(
        model,
        {name: last[name] if "lora_A" in name else first[name].lerp(last[name], share) for name in last},
    )


def _is_near(differences: Scores) -> bool:
    """Whether their mean is within one standard error of 0."""
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return bool(differences.mean() <= error)
