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
"""The shares of the trained weights among which development questions choose."""

UNCHOSEN_SHARE = 0.75
"""Where development questions are too few to choose one."""

MADE_SHARE = 0.5
"""For pairs that are made from documents. Development questions that are made alike would choose all of the trained
weights: on Cranfield these raised nDCG@10 by .024 for them, and by -.001 for people's questions."""

Weights = Mapping[str, "torch.Tensor"]


class Blend(NamedTuple):
    """The share of the trained weights, and the mean figure of the blend; None without one."""

    share: float
    figure: float | None


def blend(
    model: "SentenceTransformer",
    base: Weights,
    trained: Weights,
    *,
    shares: Sequence[float],
    figure: "Figure | None",
) -> Blend:
    """Set the model's weights to (1 - share) * base + share * trained, with the smallest share whose mean figure is
    within one standard error of the best: the one-standard-error rule (Breiman et al. 1984, "Classification and
    Regression Trees", section 3.4.3) on paired differences. Without a figure, with the smallest share.
    """
    if figure is None:
        _set(model, base, trained, min(shares))
        return Blend(min(shares), None)
    tried: dict[float, Scores] = {}
    for share in sorted(shares):
        _set(model, base, trained, share)
        tried[share] = figure(model)
    best = max(tried.values(), key=lambda figures: float(figures.mean()))
    chosen = next(share for share, figures in tried.items() if _is_near(best - figures))
    _set(model, base, trained, chosen)
    return Blend(chosen, float(tried[chosen].mean()))


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
