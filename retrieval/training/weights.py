"""Which weights of a model are trained: all, those of its upper layers, or low-rank adapters beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn


@contextmanager
def trainable(model: "SentenceTransformer", *, frozen_layers: int, lora_rank: int, seed: int) -> "Iterator[None]":
    """Within, only the weights that are to be trained have gradients. Afterwards the same weights have gradients as
    before, and adapters are merged: the model has the same modules as before.

    frozen_layers   so many of the lowest layers, the embeddings below them, and their adapters are not trained
    lora_rank       the rank r of a pair of matrices A and B beside each linear layer of the transformer, whose output
                    then is W x + 2 B A x, where B begins as 0; nothing else is trained. 0 trains the weights
                    themselves. Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1, with
                    alpha = 2 r, and without dropout, which would keep a copy of x for each layer
    seed            of A

    Raises ConfigError where the model has no such layers.
    """
    had = [weight for weight in model.parameters() if weight.requires_grad]
    try:
        with _with_adapters(model, lora_rank, seed):
            freeze(model, frozen_layers)
            yield
    finally:
        for weight in had:
            weight.requires_grad = True


def freeze(model: "SentenceTransformer", layers: int) -> None:
    """Do not train the embeddings and the lowest `layers` of the transformer. Raises ConfigError where it does not have
    more layers than that."""
    from torch import nn

    if not layers:
        return
    transformer = _transformer(model)
    lists = [module for module in transformer.modules() if isinstance(module, nn.ModuleList)]
    stack = max(lists, key=len, default=nn.ModuleList())
    if len(stack) <= layers:
        raise ConfigError(f"The model has {len(stack)} layers; leave at least one to be trained (frozen_layers).")
    embeddings = getattr(transformer, "get_input_embeddings", lambda: None)()
    for module in (embeddings, getattr(transformer, "embeddings", None), *stack[:layers]):
        for parameter in module.parameters() if module is not None else ():
            parameter.requires_grad = False


@contextmanager
def _with_adapters(model: "SentenceTransformer", rank: int, seed: int) -> "Iterator[None]":
    import torch

    if not rank:
        yield
        return
    from peft import LoraConfig, LoraModel
    from peft.helpers import disable_input_dtype_casting

    transformer = _transformer(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear")
        adapted = LoraModel(transformer, config, "default")  # changes the transformer's layers in place
    for name, weight in model.named_parameters():
        weight.requires_grad = "lora_" in name
    try:
        # Autocast chooses the precision of x; peft would copy it to float32 before.
        with disable_input_dtype_casting(transformer):
            yield
    finally:
        adapted.merge_and_unload()


def _transformer(model: "SentenceTransformer") -> "nn.Module":
    """Raises ConfigError where the model has none."""
    transformer = model.transformers_model
    if transformer is None:
        raise ConfigError("The model is not a transformer: it has no layers to freeze or to train adapters for (LoRA).")
    found: nn.Module = transformer
    return found
