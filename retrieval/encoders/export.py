"""The model as a file that runs without torch, made once a model and kept in the user's cache.

~/.cache/hybrid-retrieval/WEIGHTS-KEY/
    model.onnx        token ids and mask -> vectors, pooling included, in full precision
    model.onnx.data   its weights, which the system maps into memory instead of copying them
    reference.npy     float32 [n, dimension], unit rows: what torch makes of SAMPLE
    export.json       ModelInfo
    files.json        the seal of these files: where one is altered, all are made again
    int8/             model.onnx with weights of a byte, made when first asked for, under a seal of its own
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.config import Config, Precision
from retrieval.encoders.cache import make_directory
from retrieval.encoders.encoding import encode
from retrieval.encoders.export_cache import cache_key, find_export, is_usable, make_export
from retrieval.encoders.model_info import ModelInfo
from retrieval.encoders.onnx_file import example_inputs, write_onnx
from retrieval.encoders.runtime import INPUTS, OUTPUT, OnnxRuntime, OpenVinoRuntime, Runtime, quiet_onnxruntime
from retrieval.encoders.seal import is_whole, seal
from retrieval.errors import ModelError
from retrieval.npy import load_array
from retrieval.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FORMAT = 3
"""Part of the cache's names: files that were made otherwise are not found."""

SAMPLE = (
    "rain",
    "What causes rain, and why does it fall in drops?",
    "query: How many tokens does the model read, and what becomes of the rest of a long passage?",
    "passage: Warm air rises, cools and can hold less water; what it cannot hold condenses on grains of dust, and the "
    "drops that form there grow until the air no longer carries them.",
    "CVE-2024-3094, getMaxBatchSize(), 127.0.0.1:8080 and v1.5.9 — names, numbers and punctuation.",
    "Über den Wolken: Straße, Größe, naïve café. Дождь идёт. 雨が降る。 مطر",
)
"""Short and long, in words, names and scripts: what different ways to run a model are compared by."""

AGREES = 0.9999
"""The mean cosine to torch's full precision, from which on vectors of both may lie in one index."""


@dataclass(frozen=True, slots=True)
class Export:
    """A model's files in the cache. reference: float32 [len(SAMPLE), dimension], unit rows."""

    directory: Path
    model_info: ModelInfo
    reference: Vectors

    @classmethod
    def find(cls, key: str) -> "Export | None":
        """None where there is none, or a file is not as it was written; then a warning is logged."""
        directory = find_export(key)
        if directory is None:
            return None
        try:
            model_info = ModelInfo(**json.loads((directory / "export.json").read_text("utf-8")))
            return cls(directory, model_info, load_array(directory / "reference.npy"))
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def make(cls, key: str, model: "SentenceTransformer", model_info: ModelInfo, reference: Vectors) -> "Export | None":
        """None, with a line in the log, where the model cannot be exported, its export does not give the same vectors,
        or the cache cannot be written: it is then run by torch."""

        def write(directory: Path) -> None:
            fresh = cls(directory, model_info, reference)
            _write_onnx(model, fresh._file)
            found = agreement(fresh.onnx("fp32"), model_info, reference)
            if found < AGREES:
                raise ModelError(f"what is exported gives other vectors, mean cosine {found:.5f}")
            np.save(directory / "reference.npy", reference)
            (directory / "export.json").write_text(json.dumps(asdict(model_info)), "utf-8")

        return cls.find(key) if make_export(key, write) else None

    def onnx(self, precision: Precision) -> Runtime:
        """By ONNX Runtime, in "fp32" or "int8". Raises ModelError where int8 cannot be written to the cache."""
        return OnnxRuntime(self._quantized() if precision == "int8" else self._file, precision=precision)

    def openvino(self, precision: Precision) -> Runtime:
        """By OpenVINO, in "fp32" or "bf16"."""
        return OpenVinoRuntime(self._file, precision=precision)

    @property
    def _file(self) -> Path:
        return self.directory / "model.onnx"

    def _quantized(self) -> Path:
        directory = self.directory / "int8"
        if not is_usable(directory):
            try:
                make_directory(f"{self.directory.name}/int8", write=self._quantize, is_whole=is_whole)
            except OSError as error:
                raise ModelError(
                    f"The model in int8 cannot be written to {directory} ({error.strerror or error}); name another "
                    "cache in XDG_CACHE_HOME, or leave `precision` out."
                ) from None
        return directory / "model.onnx"

    def _quantize(self, directory: Path) -> None:
        quiet_onnxruntime()
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(self._file, directory / "model.onnx", per_channel=True, weight_type=QuantType.QInt8)
        seal(directory)


def key_of(model: Path, config: Config, *, weights: str) -> str:
    """Names the cache of a model by its weights, then by its configuration and whatever else would give other vectors
    or tokens."""
    made_with = f"{FORMAT} {weights} {config.pooling} {config.output_layer} {config.truncate_dim}"
    return cache_key(model, weights=weights, made_with=made_with)


def embed_sample(runtime: Runtime, model_info: ModelInfo) -> Vectors:
    """float32 [len(SAMPLE), dimension], unit rows: each text by itself, without padding."""
    return np.concatenate([encode([ids], runtime, model_info, mixes=True) for ids in _sample_ids(model_info)])


def agreement(runtime: Runtime, model_info: ModelInfo, reference: Vectors) -> float:
    """The mean cosine between what it makes of SAMPLE and the reference, which is what torch makes of it; in one batch,
    so that a runtime whose vectors depend on padding does not agree."""
    return float((encode(_sample_ids(model_info), runtime, model_info, mixes=True) * reference).sum(axis=1).mean())


def _sample_ids(model_info: ModelInfo) -> list[list[int]]:
    return [encoding.ids for encoding in model_info.loaded_tokenizer.encode_batch(SAMPLE)]


def _write_onnx(model: "SentenceTransformer", file: Path) -> None:
    import torch

    class VectorsOf(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            vectors: torch.Tensor = self.model(features)[OUTPUT]
            return vectors

    write_onnx(VectorsOf(), file, inputs=dict(zip(INPUTS, example_inputs(), strict=True)), output=OUTPUT)
