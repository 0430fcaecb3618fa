"""An exported model is used as it was written, or not at all; and what kept it from being exported is not for ever."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from retrieval.config import Config
from retrieval.encoders.character_tokenizer import character_tokenizer
from retrieval.encoders.export import SAMPLE, Export, key_of
from retrieval.encoders.export_cache import altered_exports
from retrieval.encoders.model_info import ModelInfo
from retrieval.encoders.runtime import INPUTS, OUTPUT
from retrieval.errors import ModelError

Write = Callable[[Path], None]

KEY = "0123456789abcdef-key"
WEIGHTS = KEY.partition("-")[0] + "f" * 48
FACTORS = np.array([[0.5], [-0.25]], np.float32).T
REFERENCE = np.repeat(FACTORS / np.linalg.norm(FACTORS), len(SAMPLE), axis=0)
MODEL_INFO = ModelInfo(
    pooling="mean", dimension=2, max_seq_length=512, padding=0, tokenizer=character_tokenizer().to_str()
)  # fmt: skip


def write_model(file: Path) -> None:
    """Counts tokens, and multiplies with a matrix."""
    tokens = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["n", "length"]) for name in INPUTS]
    vectors = onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["n", 2])
    nodes = [
        onnx.helper.make_node("Add", INPUTS, ["sum"]),
        onnx.helper.make_node("Cast", ["sum"], ["floats"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceSum", ["floats", "axis"], ["counts"], keepdims=1),
        onnx.helper.make_node("MatMul", ["counts", "factors"], [OUTPUT]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.array([1]), "axis"),
        onnx.numpy_helper.from_array(FACTORS, "factors"),
    ]
    graph = onnx.helper.make_graph(nodes, "counts", tokens, [vectors], constants)
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save_model(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), file)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Write], Export | None]:
    """Exports a model that is written as the caller says, into a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("retrieval.encoders.export._write_onnx", lambda write, file: write(file))
    return lambda write: Export.make(KEY, write, MODEL_INFO, REFERENCE)


def alter(file: Path) -> None:
    """Another last byte; size and times stay."""
    status = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("name", ["model.onnx", "reference.npy", "export.json", "files.json"])
def test_an_export_that_was_altered_is_found_out_and_made_anew(
    name: str, make: Callable[[Write], Export | None], caplog: pytest.LogCaptureFixture
) -> None:
    made = make(write_model)
    assert made is not None and Export.find(KEY) is not None and not altered_exports(WEIGHTS)
    before = (made.directory / name).read_bytes()
    alter(made.directory / name)
    assert altered_exports(WEIGHTS) == [made.directory]
    assert not altered_exports("f" * 64), "that is another model's"
    with caplog.at_level(logging.WARNING):
        assert Export.find(KEY) is None
    assert str(made.directory) in caplog.text and "made again" in caplog.text
    assert make(write_model) is not None
    assert (made.directory / name).read_bytes() == before
    assert not altered_exports(WEIGHTS)


def test_weights_of_a_byte_have_a_seal_of_their_own(
    make: Callable[[Write], Export | None], caplog: pytest.LogCaptureFixture
) -> None:
    made = make(write_model)
    assert made is not None
    made.onnx("int8")
    (file,) = made.directory.glob("int8/*.onnx")
    before = file.read_bytes()
    alter(file)
    assert altered_exports(WEIGHTS) == [file.parent]
    assert Export.find(KEY) is not None, "full precision is not concerned"
    made.onnx("int8")
    assert str(file.parent) in caplog.text
    assert file.read_bytes() == before
    assert not altered_exports(WEIGHTS)


def test_a_cache_that_cannot_hold_weights_of_a_byte_is_named(make: Callable[[Write], Export | None]) -> None:
    made = make(write_model)
    assert made is not None
    (made.directory / "int8").write_text("a file is in the way", "utf-8")
    with pytest.raises(ModelError, match=r"int8 cannot be written to .*XDG_CACHE_HOME"):
        made.onnx("int8")


def test_a_user_without_a_home_is_told_how_to_name_a_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(ModelError, match="set HOME or XDG_CACHE_HOME"):
        Export.find(KEY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Export.find(KEY) is None


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


SHORTAGES = [
    MemoryError(),
    OSError(28, "No space left on device"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried ..."),
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("std::bad_alloc"),
    raised_from(ValueError("the graph cannot be written"), MemoryError()),
]


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_where_memory_or_disk_was_short_the_export_is_tried_again(
    error: Exception, make: Callable[[Write], Export | None], tmp_path: Path
) -> None:
    def fails(file: Path) -> None:
        raise error

    assert make(fails) is None
    assert [path.name for path in (tmp_path / "hybrid-retrieval").iterdir() if path.suffix != ".lock"] == []
    assert make(write_model) is not None


@pytest.mark.parametrize("upgraded", ["hybrid-retrieval", "torch", "onnx"])
def test_a_model_that_cannot_be_exported_is_tried_again_after_an_upgrade(
    upgraded: str, make: Callable[[Write], Export | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    installed = {"torch": "2.0", "onnx": "1.0"}
    monkeypatch.setattr("retrieval.encoders.refusals.version", lambda package: installed.get(package, "0.1"))

    def fails(file: Path) -> None:
        tried.append(file)
        raise RuntimeError("this operator is not known")

    assert make(fails) is make(fails) is None
    assert len(tried) == 1
    installed[upgraded] = "3.0"
    assert make(fails) is make(fails) is None
    assert len(tried) == 2
    installed[upgraded] = "3.1"
    assert make(write_model) is not None


def test_whatever_gives_other_vectors_or_tokens_has_an_export_of_its_own(tmp_path: Path) -> None:
    for name in ("config.json", "vocab.txt", "README.md"):
        (tmp_path / name).write_text(name)
    key = key_of(tmp_path, Config(), weights=WEIGHTS)
    others = (Config(pooling="cls"), Config(output_layer=0), Config(output_layer=-1), Config(truncate_dim=8))
    assert (
        len({key, key_of(tmp_path, Config(), weights="0"), *(key_of(tmp_path, c, weights=WEIGHTS) for c in others)})
        == 6
    )
    (tmp_path / "README.md").write_text("other")
    assert key_of(tmp_path, Config(backend="onnx"), weights=WEIGHTS) == key
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_text("other")
        assert key_of(tmp_path, Config(), weights=WEIGHTS) != key
