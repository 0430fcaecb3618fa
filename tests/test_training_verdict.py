"""The verdict on a training: by unseen questions, and for the base model in case of doubt."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from retrieval.config import Config
from retrieval.context import embedded_text
from retrieval.encoders import Embedder
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.measures import Figures
from retrieval.model_comparison.comparison import MODES
from retrieval.model_comparison.passages import letters
from retrieval.model_comparison.trial import MEASURES
from retrieval.training.card import verdict_in_markdown, verdict_table
from retrieval.training.made_pairs import Text
from retrieval.training.unseen import Measured, Unseen, judged_unseen, made_unseen, measure
from retrieval.training.verdict import (
    BeforeAfter,
    before_after_as_dict,
    compare_models,
    decide,
    how_measured,
    space_in_words,
)
from tests.test_model_comparison import SPACE
from tests.test_training_pairs import TEXTS


def measured(values: Sequence[float]) -> Measured:
    by_query = {f"q{number}": value for number, value in enumerate(values)}
    figures = Figures(dict.fromkeys(MEASURES, sum(values) / len(values)), dict.fromkeys(MEASURES, by_query))
    return Measured(dict.fromkeys(MODES, figures), SPACE, alignment=0.5)


def sides(before: Sequence[float], after: Sequence[float]) -> BeforeAfter:
    asked = Unseen(tuple(TEXTS), {f"q{number}": "?" for number in range(len(before))}, {}, "known-item")
    return compare_models(asked, measured(before), measured(after))


BEFORE_AND_AFTER = {
    "better": ([0.5, 0.6] * 30, [0.7, 0.7] * 30),
    "worse": ([0.7, 0.7] * 30, [0.5, 0.6] * 30),
    "same": ([0.5, 0.6] * 30, [0.6, 0.5] * 30),
    "few": ([0.5] * 3, [0.9] * 3),
}


@cache
def outcome(name: str) -> BeforeAfter:
    return sides(*BEFORE_AND_AFTER[name])


@pytest.mark.parametrize(
    ("own", "elsewhere", "take", "says"),
    [
        ("better", None, True, "0.550 before and 0.700 after, p < .001: it is significantly better"),
        ("better", "same", True, "take the trained model"),
        ("better", "worse", False, "worse on other documents"),
        ("same", "better", False, "is not significant: keep the base model"),
        ("worse", None, False, "hybrid search is worse with the trained model: keep"),
        ("few", None, False, "is not significant with 3 questions: keep"),
    ],
)
def test_the_base_model_is_kept_unless_the_gain_is_significant(
    own: str, elsewhere: str | None, take: bool, says: str
) -> None:
    verdict = decide(outcome(own), elsewhere and outcome(elsewhere))
    assert verdict.take == take and says in verdict.reason


def test_all_of_it_is_told() -> None:
    verdict = decide(outcome("better"), outcome("same"))
    card = verdict_in_markdown(verdict)
    assert "## Unseen questions\n\n60 questions made from" in card and "## Questions to other documents" in card
    assert "| hybrid, nDCG@10 | 0.550 | 0.700 | +0.1" in card and "| dense, R@100 |" in card
    assert "| alignment | 0.50 |" in card and "| uniformity |" in card and "| anisotropy (mean cosine) |" in card
    assert {line.count("|") for line in card.splitlines() if line.startswith("|")} == {9}
    assert how_measured(outcome("better")).endswith("each to be found among 3 passages.")
    assert "alignment 0.50 to 0.50, uniformity" in space_in_words(outcome("better"))
    table = verdict_table(verdict)
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert [row[:2] for row in rows] == [("unseen", "hybrid"), ("", "dense"), ("elsewhere", "hybrid"), ("", "dense")]
    assert rows[0][2:4] == ("0.550", "0.700") and rows[0][5:] == ("<.001", "60/0/0")
    for told in map(before_after_as_dict, verdict.by_documents.values()):
        assert json.loads(json.dumps(told)) == told and told["questions"] == {"kind": "known-item", "count": 60}
        assert set(told["modes"]["dense"]) == set(MEASURES) and told["embeddings"]["after"]["alignment"] == 0.5
        assert told["modes"]["hybrid"]["R@100"]["interval"].keys() == {"low", "high"}


def test_wins_and_losses_are_counted() -> None:
    found = sides([0.5, 0.5, 0.5, 0.5], [0.6, 0.7, 0.5, 0.1]).differences["dense"]["RR@10"]
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert found.interval.low < found.after - found.before < found.interval.high


def test_documents_that_have_nothing_people_ask_are_asked_for_keywords() -> None:
    lines = [
        Text(
            replace(text.chunk, title=None, headings=(), text=" ".join(text.chunk.text.replace(".", "").split())),
            "none",
        )
        for text in TEXTS
    ]
    unseen = made_unseen(lines, {text.chunk.source for text in TEXTS}, seed=1)
    assert unseen.queries and unseen.kind == "known-item"


def test_what_is_asked_of_a_document_stands_above_none_of_its_passages() -> None:
    unseen = made_unseen(TEXTS, {"weather.md"}, seed=1)
    assert len(unseen.texts) == len(TEXTS) and 1 <= len(unseen.queries) <= 2
    assert unseen == made_unseen(TEXTS, {"weather.md"}, seed=1)
    by_source = {text.chunk.source: text.chunk for text in unseen.texts}
    assert len(by_source) == len(TEXTS), "each passage is a document of its own"
    for query, question in unseen.queries.items():
        (answer,) = unseen.qrels[query]
        assert letters(question) not in letters(by_source[answer].text)
        for text, as_it_was in zip(unseen.texts, TEXTS, strict=True):
            if as_it_was.chunk.source == "weather.md":
                above = [text.chunk.title or "", *text.chunk.headings]
                assert not any(each and letters(each) in letters(question) for each in above)
    untouched = [text.chunk for text, was in zip(unseen.texts, TEXTS, strict=True) if was.chunk.source != "weather.md"]
    assert [(chunk.title, chunk.text) for chunk in untouched] == [
        (text.chunk.title, text.chunk.text) for text in TEXTS if text.chunk.source != "weather.md"
    ]


def test_judged_questions_that_were_held_out_are_asked(
    loaded_embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judgements = Judgements({"a": "snow", "b": "Why does rain fall?"}, {"a": {"yeast.md": 1}, "b": {"weather.md": 1}})
    unseen = judged_unseen(TEXTS, judgements, {"b"})
    assert unseen.queries == {"b": "Why does rain fall?"} and unseen.kind == "judged"
    monkeypatch.setenv("RETRIEVAL_CHROMA_HOST", "localhost")
    monkeypatch.setenv("RETRIEVAL_CHROMA_PORT", "1")  # refuses
    monkeypatch.setenv("RETRIEVAL_TRUNCATE_DIM", "7")
    found = measure(unseen, Config(truncate_dim=None), scratch=tmp_path)
    assert set(found.figures) == set(MODES) and found.figures["hybrid"].means["nDCG@10"] == pytest.approx(1)
    assert found.space.chunks == len(TEXTS) and found.space.dimension > 7 and not list(tmp_path.iterdir())
    (question,) = loaded_embedder.embed_queries(["Why does rain fall?"])
    texts = [embedded_text(text.chunk, context_header=True) for text in TEXTS if text.chunk.source == "weather.md"]
    nearest = max(loaded_embedder.embed_passages(texts) @ question)
    assert found.alignment == pytest.approx(2 - 2 * nearest, abs=0.01)
