"""The options of a search are the same wherever a search can be asked for: names, defaults, refusals and effects."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, ForwardRef, get_args

import numpy as np
import pytest
from mcp import Client
from numpy.typing import NDArray
from pydantic import ValidationError
from starlette.testclient import TestClient
from typer.testing import CliRunner

from ingest import add
from retrieval import Config, Document, HybridIndex, SearchHit
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.requests import MOST, SearchBody
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.mcp.server import server
from retrieval.adapters.search_options import FRAMEWORK_DEFAULTS
from retrieval.cli import app, search
from retrieval.cli_options import flag, search_options
from retrieval.errors import ModelError, QueryError
from retrieval.search import OPTIONS, SearchKeywords, SearchOptions

QUERY = 'Why does "rain falls" from the cluods?'

CHOICES: Mapping[str, Mapping[str, Any]] = {
    "top_k": {"top_k": 2},
    "mode": {"mode": "lexical"},
    "fusion": {"fusion": "convex"},
    "alpha": {"alpha": 0.2},
    "rrf_k": {"rrf_k": 5, "fusion": "rrf"},
    "candidates": {"candidates": 1, "top_k": 3},
    "smoothing": {"smoothing": 0.9},
    "feedback": {"feedback": "both"},
    "where": {"where": {"year": {"$gte": 2021}}},
    "where_document": {"where_document": {"$contains": "clouds"}},
    "within": {"within": ["docs/guide/", "notes"]},
    "operators": {"operators": True},
    "correct_spelling": {"correct_spelling": False},
    "mmr_lambda": {"mmr_lambda": 0.1},
    "collapse": {"collapse": False},
    "expand": {"expand": 1},
    "group_by_document": {"group_by_document": True},
    "document_score": {"document_score": "mean", "group_by_document": True},
    "min_score": {"min_score": 0.5},
    "min_relevance": {"min_relevance": 0.6},
    "highlight": {"highlight": False},
}
"""Each option with a value that changes what is found, and the options that it needs."""

BAD: Mapping[str, Any] = {
    "top_k": 0, "mode": "sparse", "fusion": "borda", "alpha": 1.5, "rrf_k": 0, "candidates": 0, "smoothing": 2.0,
    "feedback": "yes",
    "where": {"a": {"$like": 1}}, "where_document": {"$regex": "("}, "within": "", "operators": "maybe",
    "correct_spelling": "no",
    "mmr_lambda": -1.0, "expand": -1, "collapse": "no", "group_by_document": "yes", "document_score": "median",
    "min_score": "x", "min_relevance": 1.5, "highlight": "no",
}  # fmt: skip
"""A value of each option that makes no sense."""


def adapter(framework: str) -> Any:
    """Imported by the test that uses it: frameworks take seconds to load, and every process imports this module."""
    return import_module(f"retrieval.adapters.{framework}")


FRAMEWORKS: Mapping[str, Callable[..., list[SearchHit]]] = {
    "langchain": lambda index, **options: adapter("langchain").hits_of(
        adapter("langchain").HybridRetriever(index=index, **options).invoke(QUERY)
    ),
    "llamaindex": lambda index, **options: adapter("llamaindex").hits_of(
        adapter("llamaindex").HybridRetriever(index, **options).retrieve(QUERY)
    ),
    "haystack": lambda index, **options: adapter("haystack").hits_of(
        adapter("haystack").HybridRetriever(index, **options).run(QUERY)["documents"]
    ),
}


class ShortestFirst:
    """A reranker."""

    def score(self, query: str, passages: list[str]) -> NDArray[np.float64]:
        return -np.array([len(passage) for passage in passages], np.float64)


@pytest.fixture
def index(open_index: Callable[..., HybridIndex]) -> HybridIndex:
    index = open_index(config=Config(chunk_size=32))
    guide = [
        "# Rain\n\nRain falls from clouds when the drops in them grow heavy and the air can hold them no longer.",
        "# Clouds\n\nClouds are made of small drops of water, which form where warm and moist air rises and cools.",
        "# Why\n\nWhy does it rain? The rain that falls was once vapour above the sea, and will be so again.",
    ]
    documents = [
        Document("docs/guide/rain.md", "\n\n".join(guide), metadata={"year": 2020}),
        Document("docs/bread.md", "# Bread\n\nBread rises from yeast, not from rain.", metadata={"year": 2024}),
        Document(
            "notes", "# Snow\n\nSnow falls from clouds as well, and rain falls after it.", metadata={"year": 2022}
        ),
        Document("songs", "Rain, rain, go away. " * 12, metadata={"year": 2024}),
    ]
    add(documents, index)
    return index


def default(name: str) -> Any:
    return OPTIONS[name].default


# Names and defaults


def test_what_type_checkers_see_of_the_options_is_what_is_declared() -> None:
    declared = SearchKeywords.__annotations__
    assert list(declared) == [name for name in OPTIONS if name != "top_k"]
    for name, annotation in declared.items():
        if isinstance(annotation, ForwardRef):
            assert annotation.__forward_arg__ == SearchOptions.__annotations__[name]
        else:
            members = get_args(annotation) if type(None) in get_args(annotation) else None
            whole = members or (get_args(annotation) if name == "expand" else (annotation,))
            assert set(whole) == set(OPTIONS[name].types), name


def test_python_documents_each_option() -> None:
    for method in (HybridIndex.search, HybridIndex.search_batch, HybridIndex.asearch):
        parameters = inspect.signature(method).parameters
        assert parameters["top_k"].default == default("top_k")
        assert parameters["options"].kind is inspect.Parameter.VAR_KEYWORD
    assert all(name in (HybridIndex.search.__doc__ or "") for name in OPTIONS)


def test_http_takes_each_option_and_has_its_default() -> None:
    assert SearchBody.model_fields.keys() == {"query", "queries", "context", *OPTIONS}
    assert SearchBody(query="rain").options == {name: default(name) for name in OPTIONS}
    assert MOST.keys() == {name for name, option in OPTIONS.items() if int in option.types}


def test_langchain_takes_each_option_and_has_its_default() -> None:
    from langchain_core.retrievers import BaseRetriever

    fields = adapter("langchain").HybridRetriever.model_fields
    assert fields.keys() - BaseRetriever.model_fields.keys() == {"index", *OPTIONS}
    defaults: dict[str, Any] = {name: default(name) for name in OPTIONS} | FRAMEWORK_DEFAULTS
    assert {name: fields[name].default for name in OPTIONS} == defaults


def test_the_command_line_takes_each_option_and_has_its_default() -> None:
    parameters = inspect.signature(search).parameters
    assert search_options({name: parameters[name].default for name in OPTIONS}) == {
        name: default(name) for name in OPTIONS
    }
    for name in ("alpha", "fusion", "feedback"):
        [info] = parameters[name].annotation.__metadata__
        assert info.show_default == f"{Config.model_fields[name].default}, or as configured"


async def test_the_arguments_of_the_tool_are_options(index: HybridIndex) -> None:
    async with Client(server(index)) as client:
        [tool] = [tool for tool in (await client.list_tools()).tools if tool.name == "search"]
    described = tool.input_schema["properties"]
    assert described.keys() - {"query"} <= OPTIONS.keys()
    for name in described.keys() - {"query", "top_k"}:  # a model reads fewer passages
        assert described[name]["default"] == default(name)


# Effects


def test_each_option_changes_what_is_found(index: HybridIndex) -> None:
    assert CHOICES.keys() == OPTIONS.keys() - {"rerank"}
    for name, options in CHOICES.items():
        without = {other: value for other, value in options.items() if other != name}
        assert index.search(QUERY, **options) != index.search(QUERY, **without), name
    assert index.search(QUERY, rerank=ShortestFirst()) != index.search(QUERY)


def test_none_stands_for_the_default(index: HybridIndex) -> None:
    assert index.search(QUERY, **dict.fromkeys(OPTIONS.keys() - {"top_k"})) == index.search(QUERY)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frameworks_find_what_python_finds(index: HybridIndex, framework: str) -> None:
    for name, options in {**CHOICES, "rerank": {"rerank": ShortestFirst()}}.items():
        hits = index.search(QUERY, **{**options, "highlight": False})
        assert FRAMEWORKS[framework](index, **options) == hits, name


def test_http_finds_what_python_finds(index: HybridIndex, tmp_path: Path) -> None:
    with TestClient(
        create_app(Service(ServeSettings(indexes={"index": tmp_path / "index"}))), base_url="http://localhost"
    ) as client:
        for name, options in CHOICES.items():
            answer = client.post("/search", json={"query": QUERY, **options})
            assert answer.status_code == 200, answer.text
            found = [without_citations(hit) for hit in answer.json()["results"][0]["hits"]]
            assert found == as_json(index.search(QUERY, **options)), name


def test_the_command_line_finds_what_python_finds(index: HybridIndex, tmp_path: Path) -> None:
    for name, options in CHOICES.items():
        done = from_shell(tmp_path / "index", options)
        assert done.exception is None, name
        assert json.loads(done.stdout) == as_json(index.search(QUERY, **options)), name
    assert isinstance(from_shell(tmp_path / "index", {"rerank": "nowhere"}).exception, ModelError)


async def test_the_tool_finds_what_python_finds(index: HybridIndex) -> None:
    async with Client(server(index)) as client:
        for name in ("top_k", "mode", "where", "within", "expand", "min_relevance"):
            answer = await client.call_tool("search", {"query": QUERY, **CHOICES[name]})
            assert not answer.is_error
            found = [(hit["source"], hit["text"]) for hit in (answer.structured_content or {})["passages"]]
            hits = index.search(QUERY, **{"top_k": 5, **CHOICES[name]})
            assert found == [(hit.source, hit.text) for hit in hits], name


# Refusals


def test_python_refuses_what_makes_no_sense_and_names_it(index: HybridIndex) -> None:
    assert BAD.keys() == OPTIONS.keys() - {"rerank"}
    for name, value in BAD.items():
        with pytest.raises(QueryError, match=rf"^{name}( is |: )"):
            index.search(QUERY, **{name: value})
    with pytest.raises(TypeError, match="unexpected keyword argument 'topk'"):
        index.search(QUERY, topk=None)  # type: ignore[call-arg]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frameworks_refuse_in_the_same_words(index: HybridIndex, framework: str) -> None:
    for name, value in BAD.items():
        with pytest.raises((QueryError, ValidationError)) as refusal:
            FRAMEWORKS[framework](index, **{name: value})
        assert reason(index, {name: value}) in str(refusal.value)


@pytest.mark.parametrize("value", [{"alpha": 2}, {"operators": "no"}, {"within": []}])
def test_frameworks_refuse_before_the_first_query(index: HybridIndex, value: dict[str, Any]) -> None:
    for made in (
        lambda: adapter("langchain").HybridRetriever(index=index, **value),
        lambda: adapter("llamaindex").HybridRetriever(index, **value),
        lambda: adapter("haystack").HybridRetriever(index, **value),
    ):
        with pytest.raises(ValueError, match=next(iter(value))):
            made()


def test_http_refuses_and_names_it(index: HybridIndex, tmp_path: Path) -> None:
    with TestClient(
        create_app(Service(ServeSettings(indexes={"index": tmp_path / "index"}))), base_url="http://localhost"
    ) as client:
        for name, value in BAD.items():
            answer = client.post("/search", json={"query": QUERY, name: value})
            assert answer.status_code == 422, name
            assert name in answer.json()["detail"]


def test_the_command_line_refuses_in_the_same_words_and_names_the_flag(index: HybridIndex, tmp_path: Path) -> None:
    switches = {"operators", "correct_spelling", "collapse", "group_by_document", "highlight"}
    for name, value in BAD.items():
        if name not in switches | {"min_score"}:  # typer itself refuses what is not a number
            done = from_shell(tmp_path / "index", {name: value})
            assert isinstance(done.exception, QueryError), name
            given = {"expand": str(value), "within": [value]}.get(name, value)
            wanted = reason(index, {name: given})
            assert str(done.exception) == wanted.replace(name, flag(name), 1)
    assert from_shell(tmp_path / "index", {"min_score": "x"}).exit_code != 0
    needs = from_shell(tmp_path / "index", {"document_score": "mean"}).exception
    assert str(needs) == "--document-score says how documents are ranked; it needs --group-by-document."


def reason(index: HybridIndex, options: Mapping[str, Any]) -> str:
    with pytest.raises(QueryError) as refusal:
        index.search(QUERY, **options)
    return str(refusal.value)


def as_json(hits: list[SearchHit]) -> list[dict[str, Any]]:
    return list(json.loads(json.dumps([asdict(hit) for hit in hits])))


def without_citations(hit: dict[str, Any]) -> dict[str, Any]:
    """A hit as HTTP answers it, less what it adds."""
    duplicates = [{k: v for k, v in each.items() if k != "citation"} for each in hit["duplicates"]]
    return {k: v for k, v in hit.items() if k != "citation"} | {"duplicates": duplicates}


def from_shell(path: Path, options: Mapping[str, Any]) -> Any:
    """The command, run in this process."""
    words = ["search", QUERY, "--index", str(path), "--json"]
    for name, value in options.items():
        if isinstance(value, bool):
            words.append(flag(name) if value else flag(f"no_{name}"))
        else:
            values = value if isinstance(value, list) else [value]
            words += [f"{flag(name)}={json.dumps(each) if isinstance(each, dict) else each}" for each in values]
    return CliRunner().invoke(app, words)
