"""Ways to run a model on token ids, without torch: ONNX Runtime and OpenVINO, from one exported file."""

import os
import platform
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from retrieval.config import Precision
from retrieval.encoders.batches import Tokens
from retrieval.types import Vectors

if TYPE_CHECKING:
    import openvino

INPUTS = ("input_ids", "attention_mask")
TYPES = "token_type_ids"
"""The input of some models for pairs of texts: 0 for a token of the first text, 1 for one of the second."""
OUTPUT = "sentence_embedding"


_FIRST_RUN = threading.Lock()
"""OpenVINO's first run in a process sets up what all share; two threads at it wait for each other for ever."""


class Runtime(Protocol):
    """A model, ready to run. Threads may share it.

    name           backend and precision, as in "openvino bf16"
    at_once        batches that are worth running at the same time
    batch_tokens   how large a batch is worth it
    mixes          whether texts of different length are worth a batch
    """

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int: ...

    @property
    def batch_tokens(self) -> int: ...

    @property
    def mixes(self) -> bool: ...

    def run(self, ids: Tokens, mask: Tokens) -> Vectors:
        """float32 [n, dimension] of int64 [n, length] token ids, where mask is 1."""
        ...


class OnnxRuntime:
    """chromadb brings it: loaded in a fifth of a second, and a question is embedded in two milliseconds."""

    at_once = 1
    batch_tokens = 2048
    mixes = False

    def __init__(self, file: Path, *, precision: Precision = "fp32") -> None:
        onnxruntime = quiet_onnxruntime()
        self.name = f"onnx {precision}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other threads have work to do
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(self, ids: Tokens, mask: Tokens, types: Tokens | None = None) -> Vectors:
        (vectors,) = self._session.run(None, _inputs(ids, mask, types))
        return np.asarray(vectors, dtype=np.float32)


def quiet_onnxruntime() -> Any:
    """onnxruntime, which would else keep a record of each process that loads it, and send that to its maker."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


_KEPT_KERNELS = 64
"""OpenVINO makes kernels for each new shape of a batch, and would keep those of thousands, which in a long sync adds up
to some hundred megabytes. Keeping so few costs no time that could be measured."""


class OpenVinoRuntime:
    """A batch a core: cores that share one wait for each other at every layer, and together do half as much."""

    batch_tokens = 2048
    mixes = False

    def __init__(self, file: Path, *, precision: Precision) -> None:
        self.name = f"openvino {precision}"
        self.at_once = cores()
        settings = {
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
            "NUM_STREAMS": self.at_once,
            "INFERENCE_NUM_THREADS": self.at_once,
            "CPU_RUNTIME_CACHE_CAPACITY": _KEPT_KERNELS,
        }
        core = _openvino_core()
        self._own = threading.local()
        with _FIRST_RUN:
            self._compiled = core.compile_model(core.read_model(file), "CPU", settings)
            self.run(*[np.ones((1, 2), np.int64)] * len(self._compiled.inputs))

    def run(self, ids: Tokens, mask: Tokens, types: Tokens | None = None) -> Vectors:
        request: openvino.InferRequest | None = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        found = request.infer(_inputs(ids, mask, types))
        return np.array(found[0], dtype=np.float32)  # a copy: the request's memory is written again


def _inputs(ids: Tokens, mask: Tokens, types: Tokens | None) -> dict[str, Tokens]:
    named = dict(zip(INPUTS, (ids, mask), strict=True))
    return named if types is None else {**named, TYPES: types}


def openvino_capabilities() -> Sequence[str]:
    """What the processor does fast, such as "BF16"; nothing where OpenVINO is not installed."""
    try:
        core = _openvino_core()
    except ImportError:
        return ()
    found: Sequence[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("FP32", *found)


@cache
def _openvino_core() -> "openvino.Core":
    """One for the process, and never let go: OpenVINO makes signal handlers of the thread that asked first run on
    memory of its own, and frees that with the last core; if another thread does that, the next Ctrl-C is a SIGSEGV."""
    import openvino

    return openvino.Core()


def cores() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def may_have_gpu() -> bool:
    """Asked of the system, since asking torch takes seconds."""
    return Path("/dev/nvidiactl").exists() or (sys.platform == "darwin" and platform.machine() == "arm64")
