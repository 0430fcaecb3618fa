"""How long a step of a training takes on this machine."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from retrieval.encoders.prompts import Prompts
from retrieval.training.examples import Example
from retrieval.training.recipe import Recipe
from retrieval.training.trainable import trains_in_bf16
from retrieval.training.weights import trainable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def seconds_a_step(
    model: "SentenceTransformer", examples: Sequence[Example], recipe: Recipe, prompts: Prompts
) -> float:
    """How long the batches of a step take, forwards and backwards. The weights stay."""
    import torch

    columns = recipe.columns(examples, prompts)
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
