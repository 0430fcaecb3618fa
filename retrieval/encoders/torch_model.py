"""The model as sentence-transformers runs it: what all other ways to run it are measured by."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.config import Config, Precision
from retrieval.encoders.batches import Tokens
from retrieval.encoders.model_info import ModelInfo
from retrieval.errors import ConfigError, ModelError
from retrieval.token_counts import without_limits
from retrieval.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)


class TorchRuntime:
    """A `Runtime`: the model on the device it lies on, in full precision or, by autocast, in "bf16" or "fp16"."""

    at_once = 1

    def __init__(self, model: "SentenceTransformer", *, precision: Precision = "fp32") -> None:
        self.model = model.eval()
        self.name = f"torch {precision}"
        self.mixes = model.device.type != "cpu"
        self.batch_tokens = 65_536 if self.mixes else 2048
        self._precision = precision

    @property
    def fast_precisions(self) -> tuple[Precision, ...]:
        """Those that the device does in hardware, fastest first."""
        import torch

        if self.model.device.type == "cuda":
            return ("bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16", "fp32")
        if self.model.device.type == "cpu":
            return ("bf16", "fp32") if torch.cpu.get_capabilities().get("avx512_bf16") else ("fp32",)
        return ("fp16", "fp32")

    def run(self, ids: Tokens, mask: Tokens) -> Vectors:
        import torch

        device = self.model.device
        features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        reduced = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self._precision)
        with torch.inference_mode(), torch.autocast(device.type, reduced, enabled=reduced is not None):
            pooled = self.model({name: tensor.to(device) for name, tensor in features.items()})["sentence_embedding"]
        return np.asarray(pooled.float().cpu().numpy(), dtype=np.float32)


def load_torch_model(directory: Path, config: Config) -> "SentenceTransformer":
    """Raises ModelError where it cannot be loaded, ConfigError where `pooling`, `output_layer` or
    `truncate_dim` do not fit it."""
    bare = not (directory / "modules.json").is_file()
    if bare and config.pooling is None:
        raise ConfigError(
            f"{config.model} is a bare transformer (no modules.json): set `pooling` to mean, cls, max, "
            "mean_sqrt_len_tokens, weightedmean or lasttoken."
        )
    if not bare and config.pooling is not None:
        raise ConfigError(f"{config.model} brings its own pooling; remove `pooling: {config.pooling}`.")
    _quiet_libraries()
    try:
        model = _with_pooling(directory, config) if bare else _whole(directory, config)
        if config.output_layer is not None:
            _take_layer(model, config.output_layer, name=config.model)
        if config.truncate_dim is not None:
            _truncate(model, config.truncate_dim, name=config.model)
        return model
    except ConfigError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, AssertionError) as error:
        log.debug("loading %s failed", directory, exc_info=True)
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        on = f" on the device {config.device!r} (setting `device`)" if config.device else ""
        raise ModelError(f"The model {config.model} cannot be loaded from {directory}{on}: {cause}") from error


def model_info_of(model: "SentenceTransformer") -> ModelInfo:
    """Raises ModelError where token counts could not be exact, or it is not said how many the model reads."""
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("The model has no fast tokenizer, and without one its token counts cannot be exact.")
    limit = model.max_seq_length
    if limit is None or limit > 1_000_000:  # transformers' "no limit known" is 1e30
        raise ModelError(
            "The model does not say how many tokens it reads; set max_seq_length in its own configuration."
        )
    return ModelInfo(
        pooling=_pooling_of(model),
        dimension=int(model.get_embedding_dimension() or 0),
        max_seq_length=int(limit),
        padding=int(model.tokenizer.pad_token_id or 0),
        tokenizer=without_limits(backend).to_str(),
    )


def _whole(directory: Path, config: Config) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        str(directory), device=config.device, trust_remote_code=config.trust_remote_code, local_files_only=True
    )


def _with_pooling(directory: Path, config: Config) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    code = {"trust_remote_code": config.trust_remote_code}
    transformer = Transformer(str(directory), model_kwargs=code, config_kwargs=code, processor_kwargs=code)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode=config.pooling or "mean")
    return SentenceTransformer(modules=[transformer, pooling], device=config.device)


def _take_layer(model: "SentenceTransformer", layer: int, *, name: str) -> None:
    """Pool the hidden states of another layer than the last: `layer` is an index of transformers' `hidden_states`,
    whose first are the embeddings. Raises ConfigError where there is none such."""
    from sentence_transformers.sentence_transformer.modules import Transformer

    transformer = model[0]
    text = transformer.modality_config.get("text") if isinstance(transformer, Transformer) else None
    given = text["method_output_name"] if text else None
    is_state = given == "last_hidden_state" or (isinstance(given, list) and given[0] == "hidden_states")  # as saved
    shapes = _shapes_of_layers(model) if is_state else []
    if text is None or not shapes:
        raise ConfigError(f"{name} does not give the hidden states of its layers; remove `output_layer: {layer}`.")
    if not -len(shapes) <= layer < len(shapes):
        raise ConfigError(
            f"{name} has no layer {layer}: set `output_layer` to 0 (its embeddings) to {len(shapes) - 1} (its last), "
            f"or to {-len(shapes)} to -1."
        )
    if shapes[layer] != shapes[-1]:
        raise ConfigError(f"Layer {layer} of {name} is of another size than its last; set `output_layer` to another.")
    path = {**text, "method_output_name": ("hidden_states", layer)}
    transformer.modality_config = {**transformer.modality_config, "text": path}


def _shapes_of_layers(model: "SentenceTransformer") -> list[tuple[int, ...]]:
    """Of the hidden states for two tokens, the embeddings first; empty where the model does not give them."""
    import torch

    ids = torch.ones((1, 2), dtype=torch.int64, device=model.device)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    try:
        with torch.inference_mode():
            found = model[0].model(**inputs, output_hidden_states=True, return_dict=True)
    except TypeError:
        return []  # a model of another kind, with other arguments
    return [tuple(state.shape) for state in getattr(found, "hidden_states", None) or ()]


def _truncate(model: "SentenceTransformer", components: int, *, name: str) -> None:
    """Take so many components, from the first, and not as many as the model's own configuration may say. Raises
    ConfigError where there are fewer."""
    model.truncate_dim = None
    full = model.get_embedding_dimension()
    if full is not None and components > full:
        raise ConfigError(f"{name} has vectors of {full} components; set `truncate_dim` to {full} or fewer.")
    model.truncate_dim = components


def _pooling_of(model: "SentenceTransformer") -> str:
    from sentence_transformers.sentence_transformer.modules import Pooling

    modes = [module.pooling_mode for module in model if isinstance(module, Pooling)]
    return " + ".join(mode if isinstance(mode, str) else "+".join(mode) for mode in modes) or "the model's own"


def _quiet_libraries() -> None:
    """No progress bars and no advice on standard error: a library logs, the application decides."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
