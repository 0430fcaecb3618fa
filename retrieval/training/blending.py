"""Blends: weights between those of the base model and the trained ones.

Made questions teach a model less about the questions that people ask than about made ones, and what it forgets while it
learns is missed everywhere. The mean of both weights keeps most of what either knows: Wortsman et al. 2022, "Robust
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

SHARES = (0.5, 0.75, 1.0)
"""The shares of the trained weights that are tried."""

Weights = Mapping[str, "torch.Tensor"]


class Blend(NamedTuple):
    """The share of the trained weights, and float64 [questions], how well the blend answers each."""

    share: float
    figures: Scores


def blend(
    model: "SentenceTransformer", base: Weights, trained: Weights, *, shares: Sequence[float], figure: "Figure"
) -> Blend:
    """Set the model's weights to (1 - share) * base + share * trained, with the smallest share whose mean figure is
    within one standard error of the best: the one-standard-error rule (Breiman et al. 1984, "Classification and
    Regression Trees", section 3.4.3) on paired differences.
    """
    tried = []
    for share in sorted(shares):
        _set(model, base, trained, share)
        tried.append(Blend(share, figure(model)))
    best = max(tried, key=lambda each: float(each.figures.mean()))
    chosen = next(each for each in tried if _is_near(best.figures - each.figures))
    _set(model, base, trained, chosen.share)
    return chosen


def _set(model: "SentenceTransformer", base: Weights, trained: Weights, share: float) -> None:
    """Of an adapter, only B is blended: the product of A and B is added to the weights."""
    restore(
        model,
        {name: trained[name] if "lora_A" in name else base[name].lerp(trained[name], share) for name in trained},
    )


def _is_near(differences: Scores) -> bool:
    """Whether their mean is within one standard error of 0."""
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return bool(differences.mean() <= error)
