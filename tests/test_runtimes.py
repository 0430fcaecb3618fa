"""Whatever runs the model, the vectors are the same; and nothing waits for torch that does not need it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.encoders.batches import Tokens, batches
from retrieval.encoders.encoding import encode
from retrieval.encoders.export import AGREES
from retrieval.encoders.model_info import ModelInfo
from retrieval.encoders.refusals import is_refused, refuse
from retrieval.errors import ConfigError, IndexMismatchError
from retrieval.rerankers import load_reranker
from retrieval.segments.quantization import QuantizedVectors
from retrieval.token_counts import without_limits
from retrieval.types import Vectors
from tests.cross_encoders import save_cross_encoder
from tests.ingesting import sync
from tests.letters import Letters

TEXTS = [
    "rain",
    "Warm air rises, cools, and can hold less water; what it cannot hold falls as rain.",
    "word " * 200,
    "Über den Wolken — getMaxBatchSize() 雨が降る",
    "bread and salt " * 9,
]


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return Embedder.load(Config(backend="torch", precision="fp32")).embed_passages(TEXTS)


@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        pytest.param("torch", "bf16", marks=pytest.mark.slow),
        ("onnx", "fp32"),
        ("openvino", "fp32"),
        ("openvino", "bf16"),
        ("auto", "auto"),
    ],
)
def test_all_ways_to_run_the_model_agree(backend: str, precision: str, exact: np.ndarray) -> None:
    embedder = Embedder.load(Config(backend=backend, precision=precision))
    vectors = embedder.embed_passages(TEXTS)
    assert (vectors * exact).sum(axis=1).mean() >= AGREES
    assert embedder.numerics == "fp32"
    np.testing.assert_allclose(embedder.embed_queries(["rain"])[0] @ vectors[0], 1, atol=0.5)


def test_who_made_the_runtime_is_told_nothing(tmp_path: Path) -> None:
    Embedder.load(Config())  # so that the model is exported
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    (tmp_path / "hybrid-retrieval").symlink_to(cache / "hybrid-retrieval")
    program = """
from retrieval.config import Config
from retrieval.encoders import Embedder
Embedder.load(Config()).embed_queries(["rain"])
"""
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)}, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["hybrid-retrieval"]


@pytest.mark.slow
def test_a_model_that_another_thread_lets_go_leaves_signals_alone() -> None:
    program = """
import gc, signal, threading
from retrieval.config import Config
from retrieval.encoders import Embedder
held = [Embedder.load(Config(backend="openvino"))]
held[0].embed_passages(["rain"])
thread = threading.Thread(target=lambda: (held.clear(), gc.collect()))
thread.start()
thread.join()
signal.signal(signal.SIGINT, lambda *_: print("handled"))
signal.raise_signal(signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


@pytest.mark.slow
def test_vectors_that_differ_are_not_mixed_with_others(tmp_path: Path, exact: np.ndarray) -> None:
    coarse = Config(precision="int8")
    with HybridIndex.open(tmp_path / "index", config=coarse) as index:
        add([Document("a", TEXTS[1])], index)
        assert index.embedder.numerics == "int8"
        assert 0.9 < float(index.embedder.embed_passages(TEXTS[1:2])[0] @ exact[1]) < AGREES
    with HybridIndex.open(tmp_path / "index") as index:  # it remembers
        add([Document("b", TEXTS[2])], index)
        assert index.search("rain", 1)[0].source == "a"
    with (
        HybridIndex.open(tmp_path / "index", config=Config(precision="fp32")) as index,
        pytest.raises(IndexMismatchError, match=r"int8 .*precision: int8.*--rebuild"),
    ):
        add([Document("c", TEXTS[3])], index)


@settings(max_examples=15)
@given(order=st.permutations(range(len(TEXTS))), count=st.integers(1, len(TEXTS)))
@pytest.mark.slow
def test_a_vector_does_not_depend_on_what_is_embedded_with_it(
    order: list[int], count: int, loaded_embedder: Embedder
) -> None:
    """To the last bit, also in reduced precision: no history of an index gives other scores than a fresh one."""
    alone = np.concatenate([loaded_embedder.embed_passages([text]) for text in TEXTS])
    together = loaded_embedder.embed_passages([TEXTS[place] for place in order[:count]])
    assert np.array_equal(together, alone[order[:count]])


@given(
    lengths=st.lists(st.integers(1, 300), max_size=50),
    tokens=st.integers(1, 2000),
    limit=st.integers(1, 300),
    mixes=st.booleans(),
)
def test_batches_hold_every_text_once_and_no_more_tokens_than_asked(
    lengths: list[int], tokens: int, limit: int, mixes: bool
) -> None:
    encoded = [[place + 1] * length for place, length in enumerate(lengths)]
    seen = []
    for places, ids, mask in batches(encoded, tokens=tokens, padding=0, limit=limit, mixes=mixes):
        assert ids.size <= tokens or len(places) == 1
        assert ids.shape[1] <= max(limit, *(lengths[place] for place in places))
        for place, row, used in zip(places, ids, mask, strict=True):
            assert row[used == 1].tolist() == encoded[place]
            assert not row[used == 0].any()
        seen += places
    assert sorted(seen) == list(range(len(lengths)))


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=50), limit=st.integers(256, 300))
def test_a_texts_padding_is_its_own_and_little(lengths: list[int], limit: int) -> None:
    def padded(lengths: list[int]) -> dict[int, int]:
        planned = batches([[1] * length for length in lengths], tokens=2048, padding=0, limit=limit)
        return {lengths[place]: batch.ids.shape[1] for batch in planned for place in batch.places}

    together = padded(lengths)
    assert together == {length: padded([length])[length] for length in lengths}
    assert all(length <= width <= length * 17 / 16 for length, width in together.items())
    assert len({width for length, width in together.items() if 128 <= length < 256}) <= 17


def test_no_text_is_padded_beyond_what_the_model_reads() -> None:
    shapes: list[tuple[int, int]] = []

    class Watched:
        name, at_once, batch_tokens, mixes = "watched", 1, 2048, False

        def run(self, ids: Tokens, mask: Tokens) -> Vectors:
            shapes.append(ids.shape)
            return np.ones((len(ids), 4), np.float32)

    model_info = ModelInfo("mean", dimension=4, max_seq_length=250, padding=0, tokenizer="{}")
    encode([[1] * length for length in (241, 249, 250)], Watched(), model_info)
    assert shapes == [(1, 248), (2, 250)]


@pytest.mark.slow
def test_once_models_are_exported_a_search_loads_no_torch(tmp_path: Path, loaded_embedder: Embedder) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rain.txt").write_text("Warm air rises, cools, and rain falls.")
    rerank = str(save_cross_encoder(tmp_path / "cross-encoder"))
    load_reranker(rerank)
    program = (
        "import sys; from ingest import sync; from retrieval import HybridIndex\n"
        f"with HybridIndex.open({str(tmp_path / 'index')!r}) as index:\n"
        f"    sync({str(tmp_path / 'docs')!r}, index)\n"
        f"    assert index.search('why does it rain?', rerank={rerank!r})\n"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hybrid-retrieval"


@pytest.mark.slow
def test_a_damaged_export_is_made_anew(empty_cache: Path, exact: np.ndarray) -> None:
    Embedder.load(Config())
    (model,) = empty_cache.glob("*/model.onnx")
    whole = model.read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    vectors = Embedder.load(Config(backend="onnx")).embed_passages(TEXTS)
    np.testing.assert_allclose(vectors, exact, atol=1e-5)
    assert model.stat().st_size == len(whole)


@pytest.mark.slow
def test_an_export_that_was_altered_in_place_is_made_anew(empty_cache: Path, exact: np.ndarray) -> None:
    Embedder.load(Config())
    (weights,) = empty_cache.glob("*/model.onnx.data")
    with weights.open("r+b") as file:
        file.seek(-100_000, 2)
        file.write(bytes(50_000))
    np.testing.assert_allclose(Embedder.load(Config(backend="onnx")).embed_passages(TEXTS), exact, atol=1e-5)


def test_the_tokenizer_is_loaded_once(loaded_embedder: Embedder) -> None:
    """That of a model of many languages takes a second and 300 MB; cutting a query leaves it as it is."""
    before = loaded_embedder.tokenizer.to_str()
    model_info = ModelInfo("mean", dimension=4, max_seq_length=250, padding=0, tokenizer=before)
    assert model_info.loaded_tokenizer is model_info.loaded_tokenizer is without_limits(model_info.loaded_tokenizer)
    loaded_embedder.embed_queries(["word " * 400])
    assert loaded_embedder.tokenizer.to_str() == before


@pytest.mark.slow
def test_what_cannot_be_exported_is_run_by_torch_and_tried_once(
    empty_cache: Path, exact: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    tried = []

    def fails(*arguments: object, **options: object) -> None:
        tried.append(arguments)
        raise RuntimeError("this operator is not known")

    monkeypatch.setattr(torch.onnx, "export", fails)
    for _ in range(2):
        embedder = Embedder.load(Config(precision="fp32"))
        np.testing.assert_allclose(embedder.embed_passages(TEXTS), exact, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(embedder.embed_queries(["rain"])), 1, atol=1e-5)
    assert len(tried) == 1


def test_a_failed_export_is_tried_again_after_a_day_or_an_upgrade(empty_cache: Path) -> None:
    assert not is_refused("model")
    empty_cache.mkdir(parents=True)
    refuse("model", RuntimeError("no operator\nfor it"))
    assert is_refused("model")
    assert not is_refused("another")
    file = empty_cache / "model.refused"
    yesterday = file.stat().st_mtime - 90_000
    os.utime(file, (yesterday, yesterday))
    assert not is_refused("model")
    refuse("model", RuntimeError("no operator"))
    file.write_text(file.read_text().replace("onnx ", "onnx 0."))
    assert not is_refused("model")


def test_a_cache_that_cannot_be_written_costs_only_time(empty_cache: Path, exact: np.ndarray) -> None:
    empty_cache.parent.write_text("a file where the folder would be")
    np.testing.assert_allclose(Embedder.load(Config(precision="fp32")).embed_passages(TEXTS), exact, atol=1e-5)


def test_a_precision_that_the_backend_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"backend openvino has no precision int8; it has fp32, bf16"):
        Config(backend="openvino", precision="int8")


@pytest.mark.slow
def test_texts_are_embedded_while_others_are_written_and_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal texts in batches that are under way at the same time, too."""
    monkeypatch.setattr("ingest.indexer._BATCH_CHUNKS", 4)
    encoder = Letters()
    docs = tmp_path / "docs"
    docs.mkdir()
    for n in range(40):
        (docs / f"{n:02}.txt").write_text(f"A text that stands in several files, number {n % 7}.")
    with HybridIndex.open(tmp_path / "index", encoder=encoder) as index:
        report = sync(docs, index)
        assert (report.added, report.chunks_added) == (40, 40)
        own = [text for text in encoder.passages if "stands in several files" in text]
        assert len(own) == len(set(own)) == 7
        assert report.chunks_reused == 33
        assert len(index.search("a text that stands in several files", 50, collapse=False)) == 40


@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="needs an NVIDIA GPU")
def test_a_gpu_embeds_passages_in_half_precision_and_agrees(exact: np.ndarray) -> None:
    embedder = Embedder.load(Config())
    vectors = embedder.embed_passages(TEXTS * 50)
    assert (vectors[: len(TEXTS)] * exact).sum(axis=1).mean() >= AGREES
    assert embedder.numerics == "fp32"


def test_a_search_leaves_torch_its_threads() -> None:
    import torch

    threads = torch.get_num_threads()
    vectors = QuantizedVectors.of(np.eye(3, 8, dtype=np.float32))
    try:
        torch.set_num_threads(2)
        vectors.products(QuantizedVectors.of(np.ones((1, 8), np.float32)), np.empty(3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
