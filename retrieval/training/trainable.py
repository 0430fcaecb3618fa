"""The base model of a training."""

from typing import TYPE_CHECKING

from retrieval.config import Config
from retrieval.encoders import find_model
from retrieval.encoders.model_files import PASSED
from retrieval.encoders.torch_model import TorchRuntime, load_torch_model
from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def trainable_model(config: Config) -> "SentenceTransformer":
    """The model that the settings name, with float32 weights and without dropout in attention. Raises as
    `check_trainable`, and ModelError."""
    check_trainable(config)
    model = load_torch_model(find_model(config.model, revision=config.revision), config)
    _remove_attention_dropout(model)
    return model.float()  # 16 bits would round a step's small changes away


def check_trainable(config: Config) -> None:
    """Raises ConfigError for a model that runs on a server."""
    if config.is_endpoint or config.model.startswith(PASSED):
        raise ConfigError(
            f"{config.model} does not run here, so it cannot be trained; name a model that runs on this machine."
        )


def trains_in_bf16(model: "SentenceTransformer") -> bool:
    """Whether the model's device has bfloat16 matrix products in hardware; weights and sums stay in float32."""
    return TorchRuntime(model).fast_precisions[0] == "bf16"


def _remove_attention_dropout(model: "SentenceTransformer") -> None:
    """The other dropout layers regularize enough. With dropout, attention stores its probabilities, which take most of
    a step's memory and half of its time: on MiniLM, 32 pairs of 256 tokens with one negative each take 7.6 GB and 24
    CPU seconds with it, and 3.4 GB and 13 seconds without."""
    from torch import nn

    for module in model.modules():
        if "Attention" in type(module).__name__:
            if hasattr(module, "attention_dropout"):
                module.attention_dropout = 0.0
            if isinstance(dropout := getattr(module, "dropout", None), nn.Dropout):
                dropout.p = 0.0
