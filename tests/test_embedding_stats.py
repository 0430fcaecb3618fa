"""Figures of an embedding space: spaces made so that the answer is known, and one real index."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest

from ingest import add
from retrieval import Config, Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.errors import QueryError
from retrieval.inspection import embedding_stats
from retrieval.inspection.embedding_report import readings
from retrieval.inspection.embedding_stats import (
    EmbeddingStats,
    alignment,
    components_for,
    effective_rank,
    histogram,
    mean_cosine_and_uniformity,
    near_duplicate_share,
    repeated_share,
    spectrum,
)
from retrieval.segments.stacked import StackedArray
from retrieval.types import Vectors


def on_the_sphere(count: int, dimension: int, *, seed: int = 0) -> Vectors:
    """Directions drawn evenly."""
    points = np.random.default_rng(seed).standard_normal((count, dimension))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def collapsed(count: int, dimension: int) -> Vectors:
    return np.repeat(on_the_sphere(1, dimension), count, axis=0)


def even_uniformity(dimension: int) -> float:
    """log E exp(4 cos - 4) for directions drawn evenly: the series of the sphere's moment generating function."""
    term = total = 1.0
    for k in range(1, 60):
        term *= 16 / (2 * k * (dimension + 2 * k - 2))
        total += term
    return float(np.log(total) - 4)


# Spaces whose figures are known


@pytest.mark.parametrize("dimension", [2, 16, 384])
def test_an_even_sphere_has_no_preferred_direction_and_the_known_uniformity(dimension: int) -> None:
    mean_cosine, uniformity = mean_cosine_and_uniformity(on_the_sphere(4000, dimension))
    assert mean_cosine == pytest.approx(0, abs=0.005)
    assert uniformity == pytest.approx(even_uniformity(dimension), abs=0.02)


def test_a_collapsed_space_is_a_point() -> None:
    vectors = collapsed(700, 64)
    assert mean_cosine_and_uniformity(vectors) == pytest.approx((1, 0), abs=1e-5)
    assert effective_rank(spectrum(vectors)) == components_for(spectrum(vectors), share=0.9) == 0
    assert near_duplicate_share(StackedArray([vectors]), np.arange(700)) == 1


def test_orthogonal_vectors_are_all_at_a_right_angle() -> None:
    vectors = np.eye(600, dtype=np.float32)
    assert mean_cosine_and_uniformity(vectors) == pytest.approx((0, -4), abs=1e-6)
    assert effective_rank(spectrum(vectors)) == pytest.approx(599, abs=1e-3)  # about their mean, one axis less
    assert near_duplicate_share(StackedArray([vectors]), np.arange(600)) == 0
    assert alignment(vectors[:300], vectors[300:]) == 2


def test_pairs_are_all_pairs_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = on_the_sphere(50, 5) + np.float32(0.2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors.astype(np.float64) @ vectors.T)[np.triu_indices(50, 1)]
    expected = cosines.mean(), np.log(np.exp(-2 * (2 - 2 * cosines)).mean())
    for block in (1, 7, 50, 512):
        monkeypatch.setattr(embedding_stats, "_GRAM_BLOCK", block)
        assert mean_cosine_and_uniformity(vectors) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rank", [1, 7, 40])
def test_a_subspace_has_as_many_effective_dimensions_as_axes(rank: int) -> None:
    axes = np.linalg.qr(np.random.default_rng(1).standard_normal((384, rank)))[0].T
    signed = np.concatenate([axes, -axes]).astype(np.float32)  # the same variance along each axis
    shares = spectrum(signed)
    assert effective_rank(shares) == pytest.approx(rank, rel=1e-4)
    assert components_for(shares, share=1.0) == rank
    assert components_for(shares, share=0.5) == (rank + 1) // 2
    assert shares.sum() == pytest.approx(1)


def test_uneven_axes_count_for_less() -> None:
    assert effective_rank(np.array([0.5, 0.25, 0.25])) == pytest.approx(2**1.5)
    assert components_for(np.array([0.7, 0.2, 0.1]), share=0.9) == 2
    assert components_for(np.array([0.7, 0.2, 0.1]), share=0.91) == 3


@pytest.mark.parametrize("block", [1, 16, 4096])
def test_alignment_is_the_mean_squared_distance(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_stats, "_BLOCK", block)
    one, other = on_the_sphere(100, 8), on_the_sphere(100, 8, seed=1)
    assert alignment(one, other) == pytest.approx(np.mean(2 - 2 * (one * other).sum(axis=1)), abs=1e-6)
    assert alignment(one, one) == 0


@pytest.mark.parametrize("block", [1, 16, 4096])
def test_a_chunk_is_not_its_own_double(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_stats, "_BLOCK", block)
    vectors = on_the_sphere(100, 64)
    vectors[90:95] = vectors[:5]
    for cut in (0, 3, 92):
        stacked = StackedArray([vectors[:cut], vectors[cut:]])
        assert near_duplicate_share(stacked, np.arange(0, 100, 2)) == pytest.approx((3 + 3) / 50)
        assert near_duplicate_share(stacked, np.arange(100)) == 0.1
        alive = np.arange(100) >= 5  # the doubles are alone then
        assert near_duplicate_share(stacked, np.arange(5, 100), alive=alive) == 0


def test_repetitions_are_counted_with_the_first() -> None:
    assert repeated_share(np.array([b"a", b"b", b"a", b"a", b"c"])) == pytest.approx(0.6)
    assert repeated_share(np.array([b"a", b"b"])) == 0


@pytest.mark.parametrize("limit", [3, 100, 256])
def test_every_chunk_is_in_the_bin_of_its_length(limit: int) -> None:
    tokens = np.random.default_rng(0).integers(1, limit + 20, 500)
    bins = histogram(tokens, limit)
    assert [length.chunks for length in bins] == [int(((tokens >= b.low) & (tokens <= b.high)).sum()) for b in bins]
    assert sum(length.chunks for length in bins) == 500
    assert bins[0].low == 1
    assert all(left.high + 1 == right.low for left, right in pairwise(bins))
    assert limit in {length.high for length in bins}  # what is over the limit is by itself


# A real index

TOPICS = {
    "rain": "Rain falls when water vapour in a cloud condenses into drops that grow too heavy to float. ",
    "bread": "Bread rises because yeast eats sugar and breathes out gas that stretches the dough. ",
    "chess": "In chess the queen moves any number of squares in a straight line or diagonally. ",
    "tides": "Tides rise and fall because the moon pulls on the water of the oceans, said page {n}. ",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    with HybridIndex.open(tmp_path_factory.mktemp("embeddings") / "index", encoder=loaded_embedder.encoder) as opened:
        documents = [
            Document(name, "\n\n".join(f"Paragraph {n}. " + text.format(n=n) * 10 for n in range(5)))
            for name, text in TOPICS.items()
        ]
        add([*documents, Document("rain again", documents[0].text)], opened)
        yield opened


def test_the_figures_of_an_index_are_those_of_its_chunks(index: HybridIndex) -> None:
    measured, reader = index.embedding_stats(), index.searcher().reader
    assert measured.chunks == measured.sampled == measured.near_duplicates_of == reader.size
    assert (measured.dimension, measured.max_seq_length, measured.chunk_limit) == (384, 256, 256)
    assert (measured.mean_cosine, measured.uniformity) == mean_cosine_and_uniformity(np.array(reader.vectors))
    rows_of = {record.source: reader.rows_of_document(record.id) for record in index.documents()}
    documents = [rows for rows in rows_of.values() if len(rows) > 1]
    follows = [pair for rows in documents for pair in pairwise(rows)]
    distances = [float(np.square(reader.vectors[a] - reader.vectors[b]).sum()) for a, b in follows]
    assert measured.neighbours == len(follows) > 5
    assert measured.alignment == pytest.approx(np.mean(distances), abs=1e-6)
    tokens = [reader.chunk(row).tokens for row in reader.living.tolist()]
    assert measured.truncated == 0
    assert measured.token_quantiles[2] == np.quantile(tokens, 0.5, method="lower")
    assert sum(length.chunks for length in measured.token_histogram) == reader.size
    doubled = 2 * len(rows_of["rain"])
    assert measured.exact_duplicates == pytest.approx(doubled / reader.size)
    assert measured.near_duplicates >= measured.exact_duplicates


def test_a_sample_is_drawn_by_its_seed(index: HybridIndex) -> None:
    small = index.embedding_stats(sample=5, seed=3)
    assert (small.sampled, small.near_duplicates_of, small.neighbours) == (5, 5, 5)
    assert small == index.embedding_stats(sample=5, seed=3)
    assert len({index.embedding_stats(sample=5, seed=seed).mean_cosine for seed in range(3)}) > 1
    whole = index.embedding_stats()
    assert (small.token_histogram, small.exact_duplicates) == (whole.token_histogram, whole.exact_duplicates)


def test_what_cannot_be_measured_is_none_or_refused(open_index: Callable[..., HybridIndex]) -> None:
    with open_index() as index:
        with pytest.raises(QueryError, match="sync a folder first"):
            index.embedding_stats()
        add([Document("only", "One sentence.")], index)
        single = index.embedding_stats()
        assert single.mean_cosine is single.uniformity is single.alignment is single.effective_dimensions is None
        assert (single.neighbours, single.near_duplicates) == (0, 0)
        assert [reading.name for reading in readings(single)][:1] == ["truncated chunks"]
        with pytest.raises(QueryError, match="sample is 1"):
            index.embedding_stats(sample=1)


def test_near_duplicates_make_room_where_the_advice_is_followed(index: HybridIndex) -> None:
    assert "--mmr-lambda 0.3" in next(each.warning for each in readings(index.embedding_stats()) if "near" in each.name)
    crowded = {hit.source for hit in index.search("why does the rain fall?", 4)}
    assert len(crowded) < 4
    assert {hit.source.split()[0] for hit in index.search("why does the rain fall?", 4, mmr_lambda=0.3)} == set(TOPICS)


# How it is read

SOUND = EmbeddingStats(
    chunks=9000, sampled=4096, dimension=384, mean_cosine=0.1, uniformity=-3.4, neighbours=4000, alignment=0.6,
    effective_dimensions=120.0, dimensions_for_90=130, chunk_limit=256, max_seq_length=256,
    token_quantiles=(60, 120, 180, 220, 250), fill=0.7, token_histogram=(), truncated=0, exact_duplicates=0.01,
    near_duplicates=0.02, near_duplicates_of=1000,
)  # fmt: skip


def warned(stats: EmbeddingStats) -> list[str]:
    return [reading.name for reading in readings(stats) if reading.warning]


def test_a_sound_space_has_no_warning() -> None:
    assert warned(SOUND) == []
    assert warned(replace(SOUND, exact_duplicates=0.4, near_duplicates=0.45)) == [], "searches collapse them"
    assert len(list(readings(SOUND))) == 7
    assert all(reading.meaning.endswith(".") for reading in readings(SOUND))


@pytest.mark.parametrize(
    ("poor", "name"),
    [
        ({"truncated": 1}, "truncated chunks"),
        ({"fill": 0.1}, "tokens a chunk"),
        ({"near_duplicates": 0.2}, "near-duplicate chunks"),
        ({"mean_cosine": 0.7}, "mean cosine of random pairs"),
        ({"uniformity": -1.0}, "uniformity"),
        ({"alignment": 1.75}, "alignment of neighbours"),
        ({"effective_dimensions": 20.0}, "effective dimensions"),
    ],
)
def test_a_poor_figure_has_a_warning(poor: dict[str, float], name: str) -> None:
    assert name in warned(replace(SOUND, **poor))


@pytest.mark.parametrize("alignment", [0.25, None])
def test_a_model_whose_cosines_are_all_high_is_judged_against_itself(alignment: float | None) -> None:
    """As E5, whose random pairs have .76 and are spread as evenly as that allows."""
    crowded = replace(SOUND, mean_cosine=0.76, uniformity=-0.95, alignment=alignment)
    assert warned(crowded) == []
    assert warned(replace(crowded, alignment=0.47)) == ["mean cosine of random pairs", "alignment of neighbours"]
    assert warned(replace(crowded, uniformity=-0.2, mean_cosine=0.6)) == ["uniformity"]
    assert "mean cosine of random pairs" in warned(replace(crowded, mean_cosine=0.99, uniformity=-0.04, alignment=0.01))


def test_few_chunks_are_not_blamed_for_few_dimensions() -> None:
    few = replace(SOUND, sampled=30, effective_dimensions=15.0)
    assert warned(few) == []
    assert "30 chunks can show no more than 29" in list(readings(few))[-1].meaning


def test_the_shell_shows_figures_to_people_and_numbers_to_programs(
    index: HybridIndex, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from retrieval.cli import app

    monkeypatch.setattr("retrieval.index.shared_encoder", None)  # no model is needed
    app(["stats", "--embeddings", "--index", str(index.path)], standalone_mode=False)
    printed = capsys.readouterr().out
    for reading in readings(index.embedding_stats()):
        assert f"{reading.name}: {reading.value}\n    {reading.meaning}\n" in printed
        assert reading.warning in printed
    app(["stats", "--embeddings", "--index", str(index.path), "--sample", "6", "--json"], standalone_mode=False)
    numbers = json.loads(capsys.readouterr().out)
    assert "near-duplicate chunks" in numbers.pop("warnings")
    measured = asdict(index.embedding_stats(sample=6))
    assert numbers.keys() == measured.keys()
    assert (numbers["sampled"], numbers["alignment"]) == (6, measured["alignment"])
    with pytest.raises(QueryError, match="give both"):
        app(["stats", "--sample", "6", "--index", str(index.path)], standalone_mode=False)


def test_an_index_tells_its_languages_and_settings(open_index: Callable[..., HybridIndex]) -> None:
    german = "Der Regen fällt aus den Wolken, und die Flüsse tragen das Wasser in das Meer."
    english = "The rain falls from the clouds, and the rivers carry the water into the sea."
    with open_index(config=Config(chunk_size=40, bm25_variant="bm25plus", bm25_k1=1.2, bm25_b=0.5)) as index:
        assert index.stats().languages == {}
        add([Document("one", german), Document("two", english), Document("three", english)], index)
        stats = index.stats()
    assert list(stats.languages.items()) == [("english", 2), ("german", 1)]
    assert (stats.chunk_size, stats.bm25_variant, stats.bm25_k1, stats.bm25_b) == (40, "bm25plus", 1.2, 0.5)
