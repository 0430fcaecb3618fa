"""Which model is recommended and why, what a person and a program read of it, and what is compared at all."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from ingest.model_trials.run import note_loaded
from ingest.model_trials.stored_documents import document_of
from ingest.model_trials.trial import timed_queries
from ingest.model_trials.worker import Failed
from retrieval.config import Config
from retrieval.encoders import PASSED
from retrieval.errors import ConfigError
from retrieval.evaluation.measures import MODES, Figures
from retrieval.inspection.embedding_stats import EmbeddingStats
from retrieval.model_comparison import Candidate, Comparison, Material, ModelFacts, Trial, compare_trials, tables
from retrieval.model_comparison.candidates import is_on_hub, named_candidates, own_candidate, preset_candidates
from retrieval.model_comparison.comparison import chance, recommend
from retrieval.model_comparison.model_card import languages_of, size_of
from retrieval.model_comparison.plot import plot_comparison
from retrieval.model_comparison.report import comparison_as_dict, config_of
from retrieval.model_comparison.sampling import LONGEST, answerable, reading_order, taken
from retrieval.model_comparison.trial import MEASURES
from retrieval.presets import presets
from retrieval.types import Chunk, Document, Heading

SPACE = EmbeddingStats(
    chunks=9, sampled=9, dimension=4, mean_cosine=0.2, uniformity=-3.0, neighbours=0, alignment=None,
    effective_dimensions=3.0, dimensions_for_90=3, chunk_limit=256, max_seq_length=256,
    token_quantiles=(1, 2, 3, 4, 5), fill=0.5, token_histogram=(), truncated=0, exact_duplicates=0.0,
    near_duplicates=0.0, near_duplicates_of=9,
)  # fmt: skip


def trial(values: Sequence[float], *, speed: float = 1000, size: int | None = 90_000_000, knows: str = "en") -> Trial:
    """A model that answers each question so well, in all modes and by all measures."""
    by_query = {f"q{number}": value for number, value in enumerate(values)}
    mean = sum(values) / len(values)
    figures = Figures(dict.fromkeys(MEASURES, mean), dict.fromkeys(MEASURES, by_query))
    facts = ModelFacts("id", 384, 256, (knows,), size, ("query: ", "passage: "))
    return Trial(facts, 9, 256, 0.25, speed, 12.5, None, {"german": 9}, SPACE, dict.fromkeys(MODES, figures))


MANY, FEW = 60, 6
GOOD, FAIR, NEARLY = [0.9, 0.8] * MANY, [0.7, 0.6] * MANY, [0.95, 0.85, 0.84, 0.75] * (MANY // 2)


@pytest.mark.parametrize(
    ("trials", "label", "says"),
    [
        ({"a": trial(GOOD)}, "a", "no other could be compared"),
        ({"a": trial(FAIR, speed=9000), "b": trial(GOOD)}, "b", "above that of the next, a with 0.650, which is more"),
        ({"a": trial(GOOD), "b": trial(NEARLY, speed=3000)}, "b", "from the best, a with 0.850 (p = ."),
        ({"a": trial(GOOD), "b": trial(NEARLY, speed=3000)}, "b", "3.0 times as fast"),
        ({"a": trial(GOOD), "b": trial(NEARLY, size=9_000_000)}, "b", "smaller and about as fast"),
        ({"a": trial(GOOD), "b": trial(NEARLY, speed=500)}, "a", "(b) is not clearly faster"),
        ({"a": trial(GOOD), "b": trial(NEARLY, size=None)}, "a", "(b) is not clearly faster"),
        ({"a": trial([0.9] * FEW), "b": trial([0.9, 0.8, 0.9, 0.9, 0.2, 0.9], speed=9000)}, "a", "which may be luck"),
        ({"a": trial(FAIR), "b": trial(GOOD), "c": trial(GOOD, speed=2000)}, "c", "cannot be told from the best, b"),
    ],
)  # fmt: skip
def test_quality_goes_first_then_speed_then_size(trials: dict[str, Trial], label: str, says: str) -> None:
    recommended = recommend(trials)
    assert recommended.label == label
    assert says in recommended.reason


def test_a_chance_in_words() -> None:
    assert [chance(p_value) for p_value in (0.0001, 0.0312, 1.0)] == ["p < .001", "p = .031", "p = 1.000"]


def compared(trials: dict[str, Trial], *, queries: int = len(GOOD)) -> Comparison:
    asked = {f"q{number}": "what?" for number in range(queries)}
    material = Material("docs", (), (), asked, {}, "known-item" if queries else "none", ("A note.",))
    return compare_trials(material, trials, {"c": "it is not here."})


LONG = "some-organisation/a-model-with-a-very-long-name-v2"
CANDIDATES = {
    "b": Candidate("b", Config(model="packaged", alpha=0.5)),
    LONG: Candidate(LONG, Config(model=LONG)),
}


def test_a_comparison_fits_a_terminal_and_json(tmp_path: Path) -> None:
    comparison = compared({LONG: trial(NEARLY), "b": trial(GOOD, speed=123_456)})
    console = Console(width=80, record=True, soft_wrap=True)
    for table in (tables.models_table, tables.quality_table, tables.space_table):
        console.print(table(comparison))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" in text and "123,456" in text and "0.850 .84–.86" in text
    found = json.loads(json.dumps(comparison_as_dict(comparison, CANDIDATES)))
    assert (found["recommended"], list(found["models"]), list(found["not_compared"])) == ("b", [LONG, "b"], ["c"])
    assert found["recommendation"].startswith("Take b: ") and found["recommendation"].endswith(".")
    quality = found["models"][LONG]["quality"]["dense"]["nDCG@10"]
    assert quality["low"] < quality["mean"] < quality["high"]
    assert set(found["models"][LONG]["p_values"]) == {"hybrid", "dense"}
    assert found["models"]["b"]["p_values"] == {}
    caveats = " ".join(tables.caveats(comparison))
    assert "Those of people use other words" in caveats  # known items
    assert "Hybrid search with b cannot be told from BM25 alone here (p = 1.000)" in caveats
    assert f"Most documents are German, which is not among the languages of {LONG}, b." in caveats
    written = yaml.safe_load(config_of(comparison, CANDIDATES))
    assert Config(**written) == CANDIDATES["b"].config
    plot_comparison(tmp_path / "picture.svg", comparison)
    assert "known-item questions" in (tmp_path / "picture.svg").read_text("utf-8")


def test_without_questions_no_model_is_recommended(tmp_path: Path) -> None:
    without = Trial(**{**{name: getattr(trial(GOOD), name) for name in Trial.__slots__}, "figures": {}})
    comparison = compared({"b": without}, queries=0)
    assert comparison.recommendation is None
    assert "No model is recommended" in tables.recommendation_in_words(comparison)
    with pytest.raises(ConfigError, match="No model is recommended"):
        config_of(comparison, CANDIDATES)
    with pytest.raises(ConfigError, match="without questions"):
        plot_comparison(tmp_path / "picture.png", comparison)


def test_a_written_configuration_has_no_key_and_finds_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    local, endpoint = Config(model="model"), Config(model="openai:x", encoder_url="http://h/v1", encoder_api_key="hush")
    for config, model in ((local, str(tmp_path / "model")), (endpoint, "openai:x")):
        text = config_of(compared({"a": trial(GOOD)}), {"a": Candidate("a", config)})
        assert yaml.safe_load(text)["model"] == model
        assert "hush" not in text and "*" not in text


def test_models_are_named_as_presets_files_and_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRIEVAL_MODEL", "elsewhere")  # of the environment, and not of what is named
    file = tmp_path / "own.yaml"
    file.write_text("model: packaged\nquery_prefix: 'ask '\nchunk_size: 99\n")
    shared = Config(model="openai:x", encoder_url="http://h/v1", encoder_max_tokens=99, alpha=0.3)
    names = ["symmetric", str(file), "packaged", "openai:x", "openai:y", "missing.yaml"]
    found, refused = named_candidates(names, shared)
    configs = {candidate.label: candidate.config for candidate in found}
    assert list(configs) == ["symmetric", "own", "packaged", "openai:x", "openai:y"]
    assert list(refused) == ["missing.yaml"]
    assert configs["symmetric"].model == configs["own"].model == "packaged"
    assert (configs["own"].query_prefix, configs["own"].chunk_size) == ("ask ", 99)
    assert configs["openai:x"] == shared
    assert {config.alpha for config in configs.values()} == {0.3}
    assert configs["openai:y"].encoder_max_tokens is None  # that is openai:x's
    assert [is_on_hub(Config(model=name)) for name in ("packaged", "a/b", str(tmp_path))] == [False, True, False]


def test_all_presets_with_a_model_are_compared_but_no_server_is_asked() -> None:
    found, refused = preset_candidates(Config(alpha=0.1), *own_candidate(Config(model="a/b")))
    labels = [candidate.label for candidate in found]
    assert labels[:1] == ["a/b"] and {"packaged", "symmetric"} <= set(labels) <= {"a/b", "packaged", *presets()}
    assert "endpoint" in refused and "chroma-server" not in labels
    assert own_candidate(Config()) == own_candidate(Config(model=f"{PASSED}mine")) == ()
    assert all(candidate.config.alpha == 0.1 for candidate in found[1:])


def test_a_model_under_two_names_is_compared_once() -> None:
    loaded: dict[str, Candidate] = {}
    refused: dict[str, str] = {}
    facts = ModelFacts("same", 4, 8, None, None, ("", ""))
    for label, answer in {"a": facts, "b": facts, "c/d": Failed("x"), "packaged": Failed("altered.")}.items():
        note_loaded(Candidate(label, Config(model=label)), answer, loaded, refused, offline=True)
    assert [candidate.label for candidate in loaded.values()] == ["a"]
    assert refused["b"] == "it is the same as a."
    assert "not on this machine" in refused["c/d"] and refused["packaged"] == "altered."


def test_a_sample_has_questions_and_what_answers_none() -> None:
    names = [f"d{number}" for number in range(100)]
    qrels = {f"q{number}": {f"d{number}": 1, f"d{number + 1}": 0, "gone": 1} for number in range(0, 90, 2)}
    order = reading_order(names, qrels, seed=1)
    assert sorted(order) == sorted(names)
    assert order == reading_order(names, qrels, seed=1) != reading_order(names, qrels, seed=2)
    read = set(order[:20])
    asked = answerable(qrels, set(names) - read)
    assert 5 <= len(asked) <= 15  # some of the 20 answer, some do not
    assert all(qrels[query].keys() & read for query in asked)


@pytest.mark.parametrize(("sizes", "most", "expected"), [
    ([10] * 9, 3, [10] * 3),
    ([10] * 2, 3, [10] * 2),
    ([900, 900, 2_000_000, 900], 3, [900, 900, LONGEST]),
    ([3000, 10, 10], 3, [3000]),
])  # fmt: skip
def test_a_sample_is_bounded_in_documents_and_characters(sizes: list[int], most: int, expected: list[int]) -> None:
    documents = (
        Document(f"{at}", "x" * size, headings=(Heading(size - 1, 1, "End"),)) for at, size in enumerate(sizes)
    )
    kept = list(taken(documents, most=most))
    assert [len(document.text) for document in kept] == expected
    assert all(heading.char_start < len(document.text) for document in kept for heading in document.headings)


@pytest.mark.parametrize(
    ("card", "languages"),
    [
        ("---\nlanguage: en\n---\n# Model", ("en",)),
        ("---\nlanguage:\n- de\n- no\nlicense: mit\n---\n", ("de", "no")),
        ("---\nlicense: mit\n---\n", None),
        ("---\n: [\n---\n", None),
        ("# No front matter\n---\nlanguage: en\n---\n", None),
    ],
)
def test_languages_are_those_of_the_model_card(tmp_path: Path, card: str, languages: tuple[str, ...] | None) -> None:
    assert languages_of(Config(model="x"), tmp_path) is None  # no card
    (tmp_path / "README.md").write_text(card)
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"x" * 1000)
    assert languages_of(Config(model="x"), tmp_path) == languages
    assert size_of(tmp_path) == len(card)
    assert "de" in (languages_of(Config(model="packaged-multilingual"), tmp_path) or ())


def test_a_document_is_put_together_from_its_chunks() -> None:
    text = "# Rain\n\nIt falls.\n\n## Snow\n\nIt drifts."
    paths = [("Rain",), ("Rain", "Snow")]
    spans = [(0, 17), (19, len(text))]
    chunks = [
        Chunk(f"{at}", "d", "docs/a.md", text[start:end], at, start, end, 1, 1, None, None, 9, paths[at], "Weather")
        for at, (start, end) in enumerate(spans)
    ]
    document = document_of(chunks)
    assert document == Document(
        "docs/a.md", text, title="Weather", headings=(Heading(0, 1, "Rain"), Heading(19, 2, "Snow"))
    )


@pytest.mark.parametrize(
    ("sections", "asked"),
    [
        (("one two three four five six seven eight nine",), ["one two three four five six seven eight"]),
        (("很好" * 5000, "* * * * * * * * * text"), ["很好" * 40]),
        ((), ["What do these documents say?"]),
    ],
)
def test_searches_are_timed_with_short_questions_whatever_the_documents_are(
    sections: tuple[str, ...], asked: list[str]
) -> None:
    assert timed_queries(Material("docs", (), sections, {}, {}, "none")) == asked


def test_a_written_configuration_is_settings_whatever_the_model_s_directory_is_called() -> None:
    label = "models/of\nmodel: mine"
    written = config_of(compared({label: trial(GOOD)}), {label: Candidate(label, Config(model="packaged"))})
    assert yaml.safe_load(written) == {"model": "packaged"}
