"""The model as a file that runs without torch, made once a model and kept in the user's cache.

~/.cache/hybrid-retrieval/<what the model's files say>/
    model.onnx        token ids and mask -> vectors, pooling included, in full precision
    model.onnx.data   its weights, which the system maps into memory instead of copying them
    model.int8.onnx   the same with weights of a byte, made when first asked for
    reference.npy     float32 [n, dimension], unit rows: what torch makes of SAMPLE
    export.json       Traits, and the SHA-256 of the first two files; written last
~/.cache/hybrid-retrieval/<...>.refused   why there is none, as in `refusals`
"""

import json
import logging
import tempfile
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.config import Precision
from retrieval.embedding.cache import cache_directory, make_directory
from retrieval.embedding.encoding import encode
from retrieval.embedding.file_hashes import sha256_of
from retrieval.embedding.refusals import is_refused, refuse
from retrieval.embedding.runtime import INPUTS, OUTPUT, OnnxRuntime, OpenVinoRuntime, Runtime, quiet_onnxruntime
from retrieval.embedding.traits import Traits
from retrieval.errors import ModelError
from retrieval.npy import load_array
from retrieval.types import Vectors, digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)

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
    traits: Traits
    reference: Vectors

    @classmethod
    def find(cls, key: str) -> "Export | None":
        """None where there is none, or its model is not as it was written."""
        directory = cache_directory() / key
        try:
            manifest = json.loads((directory / "export.json").read_text("utf-8"))
            if manifest.pop("sha256") != _hashes(directory):
                return None
            return cls(directory, Traits(**manifest), load_array(directory / "reference.npy"))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @classmethod
    def make(cls, key: str, model: "SentenceTransformer", traits: Traits, reference: Vectors) -> "Export | None":
        """None, with a line in the log, where the model cannot be exported, its export does not give the same vectors,
        or the cache cannot be written: it is then run by torch."""
        if is_refused(key):
            return None

        def write(directory: Path) -> None:
            fresh = cls(directory, traits, reference)
            _write_onnx(model, fresh._file)
            np.save(directory / "reference.npy", reference)
            found = agreement(fresh.onnx("fp32"), traits, reference)
            if found < AGREES:
                raise ModelError(f"what is exported gives other vectors, mean cosine {found:.5f}")
            manifest = {**asdict(traits), "sha256": _hashes(directory)}
            (directory / "export.json").write_text(json.dumps(manifest), "utf-8")

        try:
            make_directory(key, write=write, is_whole=lambda _directory: cls.find(key) is not None)
        except Exception as error:  # exporters raise whatever a model's code makes them raise; torch runs it anyway
            log.info("The model cannot be exported, so that torch runs it: %s", error)
            log.debug("exporting failed", exc_info=True)
            if not isinstance(error, OSError):
                with suppress(OSError):
                    refuse(key, error)
            return None
        return cls.find(key)

    def onnx(self, precision: Precision) -> Runtime:
        """By ONNX Runtime, in "fp32" or "int8"."""
        return OnnxRuntime(self._quantized() if precision == "int8" else self._file, precision=precision)

    def openvino(self, precision: Precision) -> Runtime:
        """By OpenVINO, in "fp32" or "bf16"."""
        return OpenVinoRuntime(self._file, precision=precision)

    @property
    def _file(self) -> Path:
        return self.directory / "model.onnx"

    def _quantized(self) -> Path:
        file = self.directory / "model.int8.onnx"
        if not file.is_file():
            quiet_onnxruntime()
            from onnxruntime.quantization import QuantType, quantize_dynamic

            with tempfile.TemporaryDirectory(dir=self.directory) as made:
                quantize_dynamic(self._file, Path(made, file.name), per_channel=True, weight_type=QuantType.QInt8)
                Path(made, file.name).rename(file)
        return file


def key_of(model: Path, *, weights: str, pooling: str | None) -> str:
    """Names the cache of a model by its weights, its configuration and whatever else would give other vectors."""
    files = sorted(path for path in model.rglob("*.json") if path.is_file())
    contents = (f"{path.relative_to(model).as_posix()} {sha256_of(path)}" for path in files)
    return digest("\n".join([f"{FORMAT} {weights} {pooling}", *contents]))


def embed_sample(runtime: Runtime, traits: Traits) -> Vectors:
    """float32 [len(SAMPLE), dimension], unit rows: each text by itself, without padding."""
    return np.concatenate([encode([ids], runtime, traits, mixes=True) for ids in _sample_ids(traits)])


def agreement(runtime: Runtime, traits: Traits, reference: Vectors) -> float:
    """The mean cosine between what it makes of SAMPLE and the reference, which is what torch makes of it; in one batch,
    so that a runtime whose vectors depend on padding does not agree."""
    return float((encode(_sample_ids(traits), runtime, traits, mixes=True) * reference).sum(axis=1).mean())


def _sample_ids(traits: Traits) -> list[list[int]]:
    return [encoding.ids for encoding in traits.loaded_tokenizer.encode_batch(SAMPLE)]


def _hashes(directory: Path) -> dict[str, str]:
    """SHA-256 of the files that hold the model. Raises OSError where one is missing."""
    return {name: sha256_of(directory / name) for name in ("model.onnx", "model.onnx.data")}


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
