"""The model as a file that runs without torch, made once a model and kept in the user's cache.

~/.cache/hybrid-retrieval/WEIGHTS-KEY/
    model.onnx        token ids and mask -> vectors, pooling included, in full precision
    model.onnx.data   its weights, which the system maps into memory instead of copying them
    reference.npy     float32 [n, dimension], unit rows: what torch makes of SAMPLE
    export.json       ModelInfo
    files.json        the seal of these files: where one is altered, all are made again
    int8/             model.onnx with weights of a byte, made when first asked for, under a seal of its own
~/.cache/hybrid-retrieval/WEIGHTS-KEY.refused   why there is none, as in `refusals`
"""

import json
import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.config import Config, Precision
from retrieval.encoders.cache import cache_directory, make_directory
from retrieval.encoders.encoding import encode
from retrieval.encoders.file_hashes import sha256_of
from retrieval.encoders.model_info import ModelInfo
from retrieval.encoders.refusals import is_refused, refuse
from retrieval.encoders.runtime import INPUTS, OUTPUT, OnnxRuntime, OpenVinoRuntime, Runtime, quiet_onnxruntime
from retrieval.encoders.seal import is_whole, seal
from retrieval.errors import ModelError
from retrieval.npy import load_array
from retrieval.types import Vectors, digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)

FORMAT = 3
"""Part of the cache's names: files that were made otherwise are not found."""

_READ = {".json", ".txt", ".model"}
"""Suffixes of a model's files that its configuration and its tokenizer are read from."""

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
        directory = cache_directory() / key
        if not _is_usable(directory):
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
        if is_refused(key):
            return None

        def write(directory: Path) -> None:
            fresh = cls(directory, model_info, reference)
            _write_onnx(model, fresh._file)
            found = agreement(fresh.onnx("fp32"), model_info, reference)
            if found < AGREES:
                raise ModelError(f"what is exported gives other vectors, mean cosine {found:.5f}")
            np.save(directory / "reference.npy", reference)
            (directory / "export.json").write_text(json.dumps(asdict(model_info)), "utf-8")
            seal(directory)

        try:
            make_directory(key, write=write, is_whole=is_whole)
        except Exception as error:  # exporters raise whatever a model's code makes them raise; torch runs it anyway
            log.info("The model cannot be exported, so that torch runs it: %s", error)
            log.debug("exporting failed", exc_info=True)
            refuse(key, error)
            return None
        return cls.find(key)

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
        if not _is_usable(directory):
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
    files = sorted(path for path in model.rglob("*") if path.suffix in _READ and path.is_file())
    contents = (f"{path.relative_to(model).as_posix()} {sha256_of(path)}" for path in files)
    made_with = f"{FORMAT} {weights} {config.pooling} {config.output_layer} {config.truncate_dim}"
    return _prefix(weights) + digest("\n".join([made_with, *contents]))


def altered_exports(weights: str) -> list[Path]:
    """Directories in the cache that hold exports of a model with these weights, and are not as they were written."""
    try:
        named = [path for path in cache_directory().iterdir() if path.name.startswith(_prefix(weights))]
    except OSError:
        return []  # there is no cache
    exports = [path for path in sorted(named) if path.is_dir() and not path.suffix]  # KEY.partial is being written
    found = [*exports, *(path / "int8" for path in exports if (path / "int8").is_dir())]
    return [path for path in found if not is_whole(path)]


def _prefix(weights: str) -> str:
    return f"{weights[:16]}-"


def _is_usable(directory: Path) -> bool:
    if is_whole(directory):
        return True
    if directory.exists():
        log.warning("The exported model in %s was altered since it was written: it is made again.", directory)
    return False


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
    import onnx
    import torch

    class VectorsOf(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            vectors: torch.Tensor = self.model(features)[OUTPUT]
            return vectors

    device = model.device
    ids = torch.arange(1, 25).reshape(2, 12)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    sizes = {0: "texts", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, which the comparison of vectors answers
        try:
            torch.onnx.export(
                VectorsOf().eval().cpu(),
                (ids, mask),
                str(file),
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_axes={**dict.fromkeys(INPUTS, sizes), OUTPUT: {0: "texts"}},
                opset_version=17,
                dynamo=False,  # the newer exporter needs onnxscript, and takes ten times as long
            )
        finally:
            model.to(device)
    onnx.save_model(
        onnx.load(file), file, save_as_external_data=True, location=f"{file.name}.data", size_threshold=1024
    )
