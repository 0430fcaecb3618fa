"""The prefixes are what a model was trained with, unless the settings say otherwise."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from retrieval import Config
from retrieval.encoders.prompts import USUAL, Prompts, prompts_of, resolved

NOMIC = Prompts("search_query: ", "search_document: ")


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ({"query": "query: ", "passage": "passage: ", "document": ""}, USUAL),
        ({"query": "search_query: ", "document": "search_document: "}, NOMIC),
        ({"search_query": "search_query: ", "search_document": "search_document: "}, NOMIC),
        ({"query": "Represent this sentence: "}, Prompts("Represent this sentence: ", "")),
        ({"query": "", "document": ""}, None),
        ({"clustering": "cluster: "}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_models_own_prompts_are_found_by_their_names(tmp_path: Path, prompts: Any, expected: Prompts | None) -> None:
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}), "utf-8")
    assert prompts_of(tmp_path) == expected


@pytest.mark.parametrize(
    "content",
    [None, "", "[]", "{", '{"prompts": null}', '{"prompts": ["query: "]}', '{"prompts": {"query": 1}}'],
)
def test_a_model_without_prompts_says_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config_sentence_transformers.json").write_text(content, "utf-8")
    assert prompts_of(tmp_path) is None


@pytest.mark.parametrize(
    ("settings", "own", "expected"),
    [
        ({}, None, USUAL),
        ({}, NOMIC, NOMIC),
        ({"query_prefix": "q: "}, NOMIC, Prompts("q: ", NOMIC.passage)),
        ({"query_prefix": "", "passage_prefix": ""}, None, Prompts("", "")),
        ({}, Prompts("Represent: ", ""), Prompts("Represent: ", "")),
    ],
)
def test_settings_come_first_then_the_model_then_the_usual(
    settings: dict[str, str], own: Prompts | None, expected: Prompts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert resolved(Config(**settings), own) == expected
    assert not caplog.records


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"query_prefix": ""}, ["query_prefix is ''", "'search_query: '"]),
        ({"passage_prefix": ""}, ["passage_prefix is ''", "'search_document: '"]),
        (
            {"query_prefix": "search_document: ", "passage_prefix": "search_query: "},
            ["query_prefix is 'search_document: '", "passage_prefix is 'search_query: '"],
        ),
    ],
)
def test_prefixes_that_are_empty_or_swapped_are_warned_of(
    settings: dict[str, str], named: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        resolved(Config(**settings), NOMIC)
    assert all(part in caplog.text for part in named)
