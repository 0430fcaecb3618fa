"""Which way of running the model is taken: as the settings say, and where they say "auto", the fastest that agrees."""

import logging
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from retrieval.config import Backend, Config, Precision
from retrieval.encoders.export import AGREES, Export, agreement, embed_sample, key_of
from retrieval.encoders.runtime import Runtime, may_have_gpu, openvino_capabilities
from retrieval.encoders.torch_model import TorchRuntime, load_torch_model, model_info_of
from retrieval.errors import ModelError
from retrieval.types import Vectors

log = logging.getLogger(__name__)


class Runtimes:
    """The ways to run one model here. torch is loaded only where something needs it: to export the model once, or to
    run what cannot be exported.

    model_info   as in ModelInfo

    Raises ModelError and ConfigError as `load_torch_model`.
    """

    def __init__(self, directory: Path, config: Config, *, weights: str) -> None:
        self._directory, self._config = directory, config
        self._lock = threading.RLock()
        self._export: Export | None = None
        if config.backend != "torch" and config.device in (None, "cpu") and not config.trust_remote_code:
            key = key_of(directory, config, weights=weights)
            self._export = Export.find(key) or Export.make(
                key, self._torch.model, model_info_of(self._torch.model), self._reference
            )
        if config.pooling is not None or config.output_layer not in (None, -1):
            layer = "" if config.output_layer is None else f" of layer {config.output_layer}"
            log.warning(
                "%s was not tuned for similarity: its cosines are a rough guide (%s pooling%s).",
                config.model,
                config.pooling or "its own",
                layer,
            )
        self.model_info = self._export.model_info if self._export is not None else model_info_of(self._torch.model)

    @cached_property
    def for_queries(self) -> Runtime:
        """A question at a time, at once, in full precision."""
        with self._lock:
            return self._export.onnx("fp32") if self._export is not None else self._torch

    @cached_property
    def for_passages(self) -> Runtime:
        """Many passages, as fast as it goes. Raises ModelError where the settings ask for what is not there."""
        return self._chosen[0]

    @cached_property
    def numerics(self) -> str:
        """ "fp32" where passages get the vectors that full precision gives (mean cosine to it at least AGREES); else
        the precision, whose vectors must not be mixed with others."""
        return self._chosen[1]

    @cached_property
    def _chosen(self) -> tuple[Runtime, str]:
        with self._lock:
            for backend, precision in self._preferred():
                runtime = self._open(backend, precision)
                found = 1.0 if precision == "fp32" else agreement(runtime, self.model_info, self._reference)
                log.debug("%s: mean cosine %.6f to full precision", runtime.name, found)
                if found >= AGREES:
                    return runtime, "fp32"
                if self._config.precision != "auto":
                    return runtime, precision
        raise AssertionError("full precision agrees with itself")

    def _preferred(self) -> Iterator[tuple[Backend, Precision]]:
        backend = self._backend()
        if self._config.precision != "auto":
            yield backend, self._config.precision
        elif backend == "torch":
            for precision in self._torch.fast_precisions:
                yield backend, precision
        else:
            if backend == "openvino" and "BF16" in openvino_capabilities():
                yield backend, "bf16"
            yield backend, "fp32"

    def _backend(self) -> Backend:
        if self._config.backend != "auto":
            return self._config.backend
        if self._export is None or self._config.precision == "fp16" or may_have_gpu():
            return "torch"
        if self._config.precision == "int8" or not openvino_capabilities():
            return "onnx"
        return "openvino"

    def _open(self, backend: Backend, precision: Precision) -> Runtime:
        if backend == "torch":
            return TorchRuntime(self._torch.model, precision=precision)
        if self._export is None:
            raise ModelError(f"{self._config.model} cannot be run by {backend}: use `backend: torch`.")
        if backend == "openvino":
            if not openvino_capabilities():
                raise ModelError("OpenVINO is not installed: pip install openvino, or set `backend` to auto.")
            return self._export.openvino(precision)
        return self._export.onnx(precision)

    @cached_property
    def _torch(self) -> TorchRuntime:
        return TorchRuntime(load_torch_model(self._directory, self._config))

    @cached_property
    def _reference(self) -> Vectors:
        if self._export is not None:
            return self._export.reference
        return embed_sample(self._torch, model_info_of(self._torch.model))
