"""The model of an index, as it is trained."""

from typing import TYPE_CHECKING

from retrieval.config import Config
from retrieval.encoders import find_model
from retrieval.encoders.model_files import PASSED
from retrieval.encoders.torch_model import TorchRuntime, load_torch_model
from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def trainable_model(config: Config) -> "SentenceTransformer":
    """The model that the settings name, with weights of 32 bits. Its attention drops nothing out. Raises as
    `check_trainable`, and ModelError."""
    check_trainable(config)
    model = load_torch_model(find_model(config.model, revision=config.revision), config)
    _keep_attention(model)
    return model.float()  # 16 bits would round a step's small changes away


def check_trainable(config: Config) -> None:
    """Raises ConfigError for a model that runs elsewhere."""
    if config.is_endpoint or config.model.startswith(PASSED):
        raise ConfigError(f"{config.model} does not run here, and cannot be trained; name a model of this machine.")


def trains_in_bf16(model: "SentenceTransformer") -> bool:
    """Whether the model's device multiplies matrices in bfloat16 in hardware; weights and sums stay in float32."""
    return TorchRuntime(model).fast_precisions[0] == "bf16"


def _keep_attention(model: "SentenceTransformer") -> None:
    """Dropout elsewhere is enough to regularize. With dropout, attention stores its probabilities, which are most of a
    step's memory and half of its time: 32 pairs of 256 tokens with one negative each take 7.6 GB and 24 CPU seconds on
    MiniLM, and 3.4 GB and 13 seconds without."""
    from torch import nn

    for module in model.modules():
        if "Attention" in type(module).__name__:
            if hasattr(module, "attention_dropout"):
                module.attention_dropout = 0.0
            if isinstance(dropout := getattr(module, "dropout", None), nn.Dropout):
                dropout.p = 0.0
