"""Tuning computes what searches do, and promises only what it gains on queries that took no part in choosing."""

import math
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest import add
from retrieval import Config, Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from retrieval.evaluation import Collection, Grid, Settings, judge, tune
from retrieval.evaluation.cross_validation import Interval, best_row, confidence_interval, cross_validate
from retrieval.evaluation.learned_tuning import Learned, learn_fusion, ranked
from retrieval.evaluation.report import tuned_config
from retrieval.evaluation.settings_grid import Rankings
from retrieval.evaluation.tables import tuning_as_dict, tuning_in_words
from retrieval.evaluation.tuning import Tuning, candidate_settings, score_settings
from retrieval.learned_fusion import FEATURES, FusionWeights

PRESENT = Settings("dbsf", 0.6, 1.5, 0.75)


@given(
    st.builds(
        Settings,
        st.sampled_from(["dbsf", "convex", "rrf"]),
        st.sampled_from([0.0, 0.35, 0.6, 1.0]),
        st.sampled_from([1.1, 1.5]),
        st.sampled_from([0.0, 0.75]),
    )
)
def test_every_combination_is_tried_once_and_the_present_one_first(present: Settings) -> None:
    tried = candidate_settings(present, Grid())
    assert tried[0] == present
    assert len(set(tried)) == len(tried)
    differing = [sum(a != b for a, b in zip(settings, present, strict=True)) for settings in tried]
    assert differing == sorted(differing)
    assert {settings.alpha for settings in tried} >= set(Grid().alpha)
    assert len([settings for settings in tried if settings.alpha == 1]) == 1


@given(
    arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(4, 20)), elements=st.floats(0, 1)), st.integers(2, 4)
)
def test_a_fold_has_no_say_in_what_is_chosen_for_it(values: np.ndarray, folds: int) -> None:
    chosen, held_out = cross_validate(values, folds=folds)
    assert sorted(np.concatenate(held_out)) == list(range(values.shape[1]))
    assert max(map(len, held_out)) - min(map(len, held_out)) <= 1
    for fold, (row, queries) in enumerate(zip(chosen, held_out, strict=True)):
        others = np.delete(values, queries, axis=1).mean(axis=1)
        assert others[row] == pytest.approx(others.max(), abs=1e-8)
        altered = values.copy()
        altered[:, queries] = 1 - altered[:, queries]
        assert cross_validate(altered, folds=folds)[0][fold] == row


def test_among_equals_the_first_is_chosen_whatever_the_rounding() -> None:
    values = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2], [0.2, 0.2, 0.1]])
    assert best_row(values) == best_row(values[:, ::-1]) == 0


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=30).map(np.array))
def test_the_interval_is_about_the_mean(differences: np.ndarray) -> None:
    low, high = confidence_interval(differences)
    assert not math.isnan(low + high)
    assert differences.min() - 1e-9 <= low <= high <= differences.max() + 1e-9
    assert confidence_interval(differences) == (low, high)  # its seed is fixed


# On an index

TOPICS = ["rain", "bread", "engines", "sleep", "rivers", "glass", "tax", "music"]


def generated(*, queries: int) -> Collection:
    """Documents of some chunks about a topic and a number, and questions after the number; a German one among them."""
    rng = random.Random(5)
    documents = []
    for at in range(40):
        topic = TOPICS[at % len(TOPICS)]
        parts = [
            f"# Part {part}\n\n" + " ".join(rng.choice([topic, f"number{at}", "the", *TOPICS]) for _ in range(24))
            for part in range(rng.randint(1, 4))
        ]
        documents.append(Document(f"doc {at}", "\n\n".join(parts)))
    documents.append(Document("german", "Der Regen fällt aus den Wolken und die Flüsse tragen das Wasser in das Meer."))
    texts = {f"q{at}": f"what about {TOPICS[at % len(TOPICS)]} and number{at}?" for at in range(queries)}
    texts["q0"] = '-rain +bread "der Regen"'
    return Collection(tuple(documents), texts, {f"q{at}": {f"doc {at}": 1} for at in range(queries)})


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Path:
    """An index of the generated documents, some chunks each, to be copied."""
    directory = tmp_path_factory.mktemp("tune") / "index"
    with HybridIndex.open(directory, config=Config(chunk_size=32), encoder=loaded_embedder.encoder) as index:
        add(generated(queries=1).documents, index)
        assert index.stats().chunks > 100  # more than a side's candidates
    return directory


@pytest.fixture
def open_filled(filled: Path, tmp_path: Path, open_index: Callable[..., HybridIndex]) -> Callable[..., HybridIndex]:
    shutil.copytree(filled, tmp_path / "index")

    def open_(**settings: object) -> HybridIndex:
        return open_index("index", config=Config(chunk_size=32, **settings))

    return open_


@pytest.mark.parametrize("feedback", ["none", pytest.param("both", marks=pytest.mark.slow)])
def test_a_setting_scores_what_an_index_with_it_is_judged_to_be(
    open_filled: Callable[..., HybridIndex], feedback: str
) -> None:
    collection = generated(queries=12)
    index = open_filled(feedback=feedback)
    measures = ["nDCG@10", "AP"]
    settings = [
        PRESENT,
        Settings("rrf", 0.3, 1.5, 0.75),
        Settings("convex", 0.5, 0.6, 0.3),
        Settings("dbsf", 0.0, 2.0, 0.9),
        Settings("dbsf", 1.0, 1.5, 0.75),
    ]
    scored = {measure: score_settings(index.searcher(), collection, settings, measure=measure) for measure in measures}
    for row, setting in enumerate(settings):
        index.close()
        index = open_filled(feedback=feedback, **setting._asdict())
        judged = judge(index, collection, modes=["hybrid"], measures=measures)["hybrid"].figures
        for measure, values in scored.items():
            assert values[row].tolist() == list(judged.values[measure].values()), setting


@pytest.mark.parametrize("feedback", ["none", pytest.param("lexical", marks=pytest.mark.slow)])
def test_a_search_with_learned_weights_ranks_as_was_measured(
    open_filled: Callable[..., HybridIndex], feedback: str, tmp_path: Path
) -> None:
    """As an index does that is opened with the configuration that is written."""
    collection = generated(queries=12)
    index = open_filled(feedback=feedback, alpha=1.0)  # with which there is nothing to fuse
    searcher = index.searcher()
    nothing = np.zeros(12)
    learned = learn_fusion(searcher, collection, measure="RR@10", folds=3, present=nothing, tuned=nothing)
    assert learned is not None and learned.is_better and learned.settings == PRESENT._replace(fusion="learned")
    rankings = Rankings(searcher.reader, depth=100, cutoff=20, smoothing=index.config.smoothing, feedback=feedback)
    options = rankings.options(PRESENT)
    measured = [
        ranked(rankings.learnable(query, searcher.reader.lexical, options), learned.weights.slopes)[:20]
        for query in searcher.queries(list(collection.queries.values()))
    ]
    (tmp_path / "tuned.yaml").write_text(tuned_config(index.config, replace(TUNING, learned=learned), collection="c"))
    index.close()
    tuned = Config.load(tmp_path / "tuned.yaml")
    assert (Settings.of(tuned), tuned.fusion_weights) == (learned.settings, learned.weights)
    index = open_filled(**tuned.model_dump(exclude_defaults=True, exclude={"chunk_size"}))
    found = index.search_batch(
        list(collection.queries.values()), 20, group_by_document=True, operators=False, collapse=False
    )
    assert [[hit.source for hit in hits] for hits in found] == measured


def test_what_gains_nothing_is_not_recommended(open_filled: Callable[..., HybridIndex]) -> None:
    collection = generated(queries=12)
    index = open_filled()
    told: list[tuple[int, int]] = []
    grid = Grid(fusion=("dbsf", "rrf"), alpha=(0.4, 0.6), bm25_k1=(1.5,), bm25_b=(0.75,))
    everywhere = replace(collection, qrels={query: {"doc 1": 1} for query in collection.queries})
    tuning = tune(
        index.searcher(), everywhere, folds=3, measure="R@100", grid=grid, on_progress=lambda *step: told.append(step)
    )
    assert told == [(4, 4)]
    assert (tuning.tried, tuning.queries, sum(fold.queries for fold in tuning.folds)) == (4, 12, 12)
    assert tuning.best == tuning.recommended == tuning.present == PRESENT  # all settings find all: least is changed
    assert (tuning.gain, tuning.interval, tuning.is_distinguishable) == (0, (0, 0), False)
    assert "not distinguishable from zero" in tuning_in_words(tuning)
    assert tuning.learned is None or not tuning.learned.is_better


def test_what_gains_is_recommended(open_filled: Callable[..., HybridIndex]) -> None:
    """The dense side alone knows no numbers; the settings were bad before."""
    collection = generated(queries=20)
    index = open_filled(alpha=1.0)
    grid = Grid(fusion=("dbsf",), alpha=(0.0, 0.5), bm25_k1=(1.5,), bm25_b=(0.75,))
    tuning = tune(index.searcher(), collection, folds=4, measure="RR@10", grid=grid)
    assert tuning.is_distinguishable
    assert tuning.recommended == tuning.best != tuning.present
    assert tuning.fold_mean == pytest.approx(tuning.present_mean + tuning.gain)
    assert 0 < tuning.interval.low <= tuning.gain <= tuning.interval.high
    now = judge(index, collection, modes=["hybrid"], measures=["RR@10"])["hybrid"].figures.means["RR@10"]
    assert tuning.present_mean == pytest.approx(now)


@pytest.mark.parametrize(("queries", "folds"), [(9, 5), (20, 1), (3, 2)])
def test_too_few_queries_are_refused_before_anything_is_scored(
    open_index: Callable[..., HybridIndex], queries: int, folds: int
) -> None:
    with pytest.raises(ConfigError, match="folds"):
        tune(open_index().searcher(), generated(queries=queries), folds=folds)


def test_an_empty_index_is_refused(open_index: Callable[..., HybridIndex]) -> None:
    with pytest.raises(ConfigError, match="empty"):
        tune(open_index().searcher(), generated(queries=10))


# What is written

TUNING = Tuning(
    "nDCG@10", 10, 2, PRESENT, 0.5, (), 0.6, 0.1, Interval(0.05, 0.15), Settings("rrf", 0.5, 0.9, 0.3), 0.61
)


def test_the_written_settings_are_those_before_with_the_recommended_ones(tmp_path: Path) -> None:
    before = Config(chunk_size=128, include=("*.md",), chroma_headers={"authorization": "Bearer hush"})
    file = tmp_path / "tuned.yaml"
    text = tuned_config(before, TUNING, collection="two\nlines")
    file.write_text(text)
    assert "hush" not in text
    assert "chroma_headers are left out" in text
    loaded = Config.load(file)
    assert Settings.of(loaded) == TUNING.best
    tuned = {**TUNING.best._asdict(), "chroma_headers": {}}
    assert loaded.model_dump() == {**before.model_dump(), **tuned}


def test_settings_that_gain_nothing_certain_are_not_written(tmp_path: Path) -> None:
    uncertain = replace(TUNING, interval=Interval(-0.01, 0.15))
    (tmp_path / "tuned.yaml").write_text(tuned_config(Config(), uncertain, collection="c"))
    assert Config.load(tmp_path / "tuned.yaml") == Config()
    assert "cannot be told from 0" in (tmp_path / "tuned.yaml").read_text()


def test_a_tuning_is_an_object_of_named_values() -> None:
    values = tuning_as_dict(TUNING)
    assert values["recommended"] == {"fusion": "rrf", "alpha": 0.5, "bm25_k1": 0.9, "bm25_b": 0.3}
    assert values["interval"] == {"low": 0.05, "high": 0.15}
    assert values["is_distinguishable"] is True
    assert values["learned"] is None
    assert "no feature distinguishes the relevant passages" in tuning_in_words(TUNING)


def test_a_learned_fusion_that_may_be_luck_is_told_of_and_not_written(tmp_path: Path) -> None:
    weights = FusionWeights.of("model", np.ones(len(FEATURES)), np.ones(len(FEATURES)))
    lucky = Learned(PRESENT._replace(fusion="learned"), weights, 0.7, 0.2, 0.001, 0.1, 0.06)
    tuning = replace(TUNING, learned=lucky)
    assert tuning.recommended == tuning.best and tuning.fusion_weights is None
    told = tuning_in_words(tuning)
    assert "0.7000, the present settings 0.5000 (p 0.001) and the tuned ones 0.6000 (p 0.060)" in told
    assert tuning_as_dict(tuning)["learned"]["is_better"] is False
    (tmp_path / "tuned.yaml").write_text(tuned_config(Config(), tuning, collection="c"))
    assert Config.load(tmp_path / "tuned.yaml").fusion_weights is None
    better = replace(lucky, p_over_tuned=0.001)
    fitted_again = replace(tuning, present=better.settings, learned=better)
    assert fitted_again.recommended == fitted_again.present and not fitted_again.keeps_present, "with other weights"
    assert "the present ones" not in tuning_in_words(fitted_again)
