"""Documents like each other: the same answer as comparing all by hand, and a name for what there is twice."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.errors import QueryError
from retrieval.inspection.resemblance import resemblance, sketch_of
from retrieval.segments import reader as reader_module
from tests.ingesting import sync

RAIN = "Rain falls when water vapour in a cloud condenses into drops that grow too heavy to float. " * 3
TEXTS = {
    "bread": "Bread rises because yeast eats sugar and breathes out gas that stretches the dough.",
    "beer": "Beer is brewed from barley malt, hops, yeast and water, and fermented for weeks.",
    "notes/rain": RAIN,
    "rain": RAIN,
    "rain-wrapped": RAIN.replace(". ", ".\n\n"),
    "rain-edited": RAIN + "So take an umbrella.",
    "snow": "Snow forms when water vapour freezes into crystals high up in a cold cloud.",
    "tides": "Tides rise and fall because the moon pulls on the water of the oceans.",
    "long": "\n\n".join(f"Paragraph {n}. The {n}th tide of the year was {n} cm higher." * 12 for n in range(12)),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    with HybridIndex.open(tmp_path_factory.mktemp("similar") / "index", encoder=loaded_embedder.encoder) as opened:
        add([Document(name, text, metadata={"wet": "water" in text}) for name, text in TEXTS.items()], opened)
        yield opened


@pytest.fixture(scope="module")
def cosines(index: HybridIndex) -> dict[frozenset[str], float]:
    """Of every two documents, from the chunks' vectors, in double precision."""
    reader = index.searcher().reader
    means = {}
    for record in index.documents():
        if rows := reader.rows_of_document(record.id):
            total = reader.vectors[rows].astype(np.float64).sum(axis=0)
            means[record.source] = total / np.linalg.norm(total)
    return {frozenset(pair): float(means[pair[0]] @ means[pair[1]]) for pair in combinations(means, 2)}


@pytest.mark.parametrize("block", [1, 3, 4096])
def test_a_document_has_the_vector_that_the_ledger_holds(
    index: HybridIndex, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = index.searcher().reader
    assert reader.size
    with index.writing() as writer:
        stored = writer.store._documents.get(include=["embeddings"])
    ledger = dict(zip(stored["ids"], stored["embeddings"], strict=True))
    monkeypatch.setattr(reader_module, "_BLOCK", block)
    vectors = type(reader).document_vectors.func(reader)
    rows, starts = reader.rows_by_document
    ids = [id_.decode() for id_ in reader.documents[rows[starts]].tolist()]
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), 384))
    assert max(len(record.chunk_ids) for record in index.documents()) > 3
    np.testing.assert_allclose(vectors, [ledger[id_] for id_ in ids], atol=1e-6)


@pytest.mark.parametrize("source", sorted(TEXTS))
def test_all_others_are_found_in_the_order_of_their_cosines(
    index: HybridIndex, cosines: dict[frozenset[str], float], source: str
) -> None:
    found = index.similar(source, 100)
    assert {each.source for each in found} == TEXTS.keys() - {source}
    assert [each.score for each in found] == pytest.approx(
        [cosines[frozenset({source, each.source})] for each in found], abs=2e-6
    )
    assert found == sorted(found, key=lambda each: (-each.score, each.source))
    assert [each.rank for each in found] == list(range(1, len(found) + 1))
    for top_k in (1, 2, 5):
        assert index.similar(source, top_k) == found[:top_k]


def test_least_score_and_filter_choose_among_them(index: HybridIndex) -> None:
    found = index.similar("snow", 100)
    assert index.similar("snow", 100, min_score=found[2].score) == found[:3]
    wet = index.similar("snow", 100, where={"wet": True})
    assert [each.source for each in wet] == [each.source for each in found if "water" in TEXTS[each.source]]
    assert index.similar("bread", where={"wet": True})  # the filter is for the others
    assert index.similar("bread", where={"wet": "no such"}) == []


def test_what_there_is_twice_is_told_from_what_is_related(index: HybridIndex) -> None:
    found = {each.source: each for each in index.similar("rain", 100)}
    assert (found["notes/rain"].likeness, found["notes/rain"].overlap, found["notes/rain"].score) == ("identical", 1, 1)
    assert found["rain-wrapped"].likeness == "identical"
    assert found["rain-edited"].likeness == "near-duplicate"
    assert 0.5 <= found["rain-edited"].overlap < 1
    assert {found[name].likeness for name in ("snow", "tides", "bread", "long")} == {"related"}


def test_the_title_is_no_part_of_the_text(open_index: Callable[..., HybridIndex]) -> None:
    with open_index() as index:
        add([Document("one", RAIN, title="On rain"), Document("two", RAIN, title="Weather, chapter 7")], index)
        (two,) = index.similar("one")
        assert (two.likeness, two.title) == ("identical", "Weather, chapter 7")
        assert two.score < 1


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("raim", "did you mean rain"),
        ("elsewhere/SNOW", "did you mean snow?"),
        ("nothing like it", "`ingest status` tells what is"),
    ],
)
def test_a_source_without_a_vector_is_refused_with_a_way_out(index: HybridIndex, source: str, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        index.similar(source)


@pytest.mark.slow
def test_a_file_that_failed_says_why(open_index: Callable[..., HybridIndex], tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (tmp_path / "docs" / "rain.txt").write_text(RAIN)
    with open_index() as index:
        with pytest.raises(QueryError, match="not in the index"):
            index.similar("docs/rain.txt")
        assert index.similar_pairs() == []
        (failure,) = sync(tmp_path / "docs", index).failed
        with pytest.raises(QueryError) as refused:
            index.similar("docs/broken.pdf")
        assert failure.reason.rstrip(".") in str(refused.value)
        assert index.similar("docs/rain.txt") == index.similar_pairs() == []


@pytest.mark.slow
def test_pairs_are_those_of_comparing_all_with_all(index: HybridIndex, cosines: dict[frozenset[str], float]) -> None:
    pairs = index.similar_pairs(min_score=None)
    assert {frozenset(pair.sources): pytest.approx(pair.score, abs=2e-6) for pair in pairs} == cosines
    assert len(pairs) == len(cosines)  # each once
    assert all(pair.sources == tuple(sorted(pair.sources)) for pair in pairs)
    assert pairs == sorted(pairs, key=lambda pair: (-pair.score, pair.sources))
    assert [pair.rank for pair in pairs] == list(range(1, len(pairs) + 1))
    for pair in pairs:
        (other,) = (each for each in index.similar(pair.sources[0], 100) if each.source == pair.sources[1])
        assert (other.likeness, other.overlap) == (pair.likeness, pair.overlap)
        assert other.score == pytest.approx(pair.score, abs=2e-6)


@pytest.mark.slow
def test_pairs_do_not_depend_on_how_they_are_computed(index: HybridIndex) -> None:
    everything = index.similar_pairs(min_score=None)
    assert index.similar_pairs(min_score=None, query_chunk_size=2, corpus_chunk_size=3) == everything
    distinct = next(place for place in range(6, 30) if everything[place - 1].score > everything[place].score)
    assert index.similar_pairs(min_score=None, max_pairs=distinct) == everything[:distinct]
    assert index.similar_pairs(min_score=everything[3].score)[:4] == everything[:4]
    assert {name for pair in index.similar_pairs(min_score=None, where={"wet": False}) for name in pair.sources} == {
        name for name, text in TEXTS.items() if "water" not in text and text.strip()
    }
    nearest = index.similar_pairs(min_score=None, top_k=1)
    best = {source: index.similar(source, 1)[0].score for source in TEXTS}
    assert {source for pair in nearest for source in pair.sources} == best.keys()
    assert {pair.score for pair in nearest} <= set(best.values())


@pytest.mark.parametrize("name", ["top_k", "max_pairs", "query_chunk_size", "corpus_chunk_size"])
def test_options_that_make_no_sense_are_refused(index: HybridIndex, name: str) -> None:
    with pytest.raises(QueryError, match=f"{name} is 0"):
        index.similar_pairs(**{name: 0})
    with pytest.raises(QueryError, match="top_k is 0"):
        index.similar("rain", 0)


@pytest.mark.parametrize("min_score", [2, -1.5, float("nan"), "high"])
def test_a_least_score_that_is_no_cosine_is_refused(index: HybridIndex, min_score: float) -> None:
    with pytest.raises(QueryError, match="min_score is"):
        index.similar("rain", min_score=min_score)
    with pytest.raises(QueryError, match="min_score is"):
        index.similar_pairs(min_score=min_score)


@pytest.mark.parametrize(
    ("arguments", "torch_too"), [(["rain"], False), pytest.param(["--all"], True, marks=pytest.mark.slow)]
)
def test_the_shell_loads_no_model(index: HybridIndex, arguments: list[str], torch_too: bool) -> None:
    script = (
        "import sys; from retrieval.cli import app; from retrieval import index; index.shared_encoder = None;"
        "app(sys.argv[1:], standalone_mode=False);"
        "print([name for name in ('torch', 'chromadb') if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, "similar", *arguments, "--index", str(index.path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr.strip() == str(["torch"] if torch_too else [])
    first = json.loads(done.stdout)[0]
    assert (first["likeness"], first["rank"], first["score"]) == ("identical", 1, 1.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--all"),
        (["rain", "--all"], "--all"),
        (["rain", "--max-pairs", "3", "--query-chunk-size", "9"], "--max-pairs and --query-chunk-size: only with"),
    ],
    ids=" ".join,
)
def test_the_shell_refuses_what_it_would_ignore(arguments: list[str], says: str) -> None:
    from retrieval.cli import app

    with pytest.raises(QueryError, match=says):
        app(["similar", *arguments], standalone_mode=False)


@pytest.mark.slow
def test_the_shell_names_both_of_a_pair(index: HybridIndex, capsys: pytest.CaptureFixture[str]) -> None:
    from retrieval.cli import app

    app(["similar", "--all", "--index", str(index.path), "--max-pairs", "1"], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    *figures, first = lines[0].split()
    assert figures == ["1", "1.000", "identical", "100%"]
    assert {first, lines[1].strip()} < {"notes/rain", "rain", "rain-wrapped"}  # all three are the same
    assert lines[2:] == ["These are the best 1; there may be more: --max-pairs."]


# How much wording two texts share


def test_resemblance_is_the_share_of_common_shingles() -> None:
    common = "".join(chr(0x4E00 + n) for n in range(100))
    one, other = common + "a" * 40, common + "b" * 40
    shingles = [{text[at : at + 20] for at in range(len(text) - 19)} for text in (one, other)]
    expected = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    assert resemblance(sketch_of(one), sketch_of(other)) == pytest.approx(expected)


def test_resemblance_of_long_texts_is_estimated() -> None:
    words = np.random.default_rng(0).integers(0, 10**6, 60_000).astype(str).tolist()
    one, other = " ".join(words[:40_000]), " ".join(words[20_000:])
    assert resemblance(sketch_of(one), sketch_of(other)) == pytest.approx(1 / 3, abs=0.06)  # four standard errors
    assert len(sketch_of(one).hashes) == 1024


@given(st.text(), st.text())
def test_resemblance_is_symmetric_and_does_not_see_white_space_and_case(one: str, other: str) -> None:
    first, second = sketch_of(one), sketch_of(other)
    assert 0 <= resemblance(first, second) == resemblance(second, first) <= 1
    assert resemblance(first, sketch_of(f"\n {one} ")) == 1
    assert (first.digest == second.digest) == ("".join(one.split()) == "".join(other.split()))
    if "".join(one.split()).casefold() == "".join(other.split()).casefold():
        assert resemblance(first, second) == 1
