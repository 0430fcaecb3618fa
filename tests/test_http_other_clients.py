"""What other tools speak: Dify's External Knowledge API, OpenAI's vector stores and embeddings, a browser's address."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import pytest_asyncio

from ingest import add
from retrieval import Document, serve_names_cli
from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.dify_route import MetadataCondition, filters_of
from retrieval.adapters.http.openai_routes import where_of
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError, QueryError
from tests.ingesting import POOL

TEXTS = {
    "guide/rain.md": ("Rain falls from clouds when vapour condenses.", {"year": 2020, "tags": ["sky", "water"]}),
    "guide/snow.md": ("Snow is frozen water that falls from cold clouds.", {"year": 2021, "tags": ["sky"]}),
    "kitchen.md": ("Yeast eats sugar and makes gas, so that bread rises.", {"year": 2022, "author": "Ann"}),
}  # fmt: skip


@pytest_asyncio.fixture
async def client(tmp_path: Path, share_model: Embedder) -> AsyncIterator[httpx.AsyncClient]:
    """Of a service in this process, over three documents."""
    tokenizers = {"words": lambda text: len(text.split())}
    service = Service(ServeSettings(indexes={"notes": tmp_path / ".notes"}, tokenizers=tokenizers), pool=POOL)
    app = create_app(service)
    documents = [Document(source, text, metadata=metadata) for source, (text, metadata) in TEXTS.items()]
    add(documents, service.indexes.get().current())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as asking:
        yield asking
    await service.end()


def from_openai(client: httpx.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url="http://localhost/v1", api_key="none", http_client=client, max_retries=0)


# Dify


def dify(query: str, *conditions: dict[str, Any], knowledge: str = "notes", **setting: Any) -> dict[str, Any]:
    return {
        "knowledge_id": knowledge,
        "query": query,
        "retrieval_setting": {"top_k": 2, "score_threshold": 0.0, **setting},
        "metadata_condition": {"logical_operator": "and", "conditions": list(conditions)} if conditions else None,
    }


async def test_dify_is_answered_as_its_contract_says(client: httpx.AsyncClient) -> None:
    answer = await client.post("/retrieval", json=dify("what falls from clouds?"))
    assert answer.status_code == 200, answer.text
    records = answer.json()["records"]
    assert len(records) == 2
    for record in records:
        assert set(record) == {"content", "score", "title", "metadata"}
        assert isinstance(record["content"], str)
        assert isinstance(record["title"], str)
        assert 0 <= record["score"] <= 1
        assert None not in record["metadata"].values()
    assert records[0]["score"] >= records[1]["score"]
    assert records[0]["metadata"]["citation"].startswith(records[0]["metadata"]["source"])
    strict = await client.post("/retrieval", json=dify("the offside rule in football", score_threshold=0.5))
    assert strict.json() == {"records": []}


async def test_difys_conditions_filter(client: httpx.AsyncClient) -> None:
    async def found(*conditions: dict[str, Any]) -> set[str]:
        answer = await client.post("/retrieval", json=dify("water", *conditions, top_k=10))
        assert answer.status_code == 200, answer.text
        return {record["metadata"]["source"] for record in answer.json()["records"]}

    rain, snow, kitchen = TEXTS
    assert await found({"name": "year", "comparison_operator": "≥", "value": "2021"}) == {snow, kitchen}
    assert await found({"name": ["author"], "comparison_operator": "is", "value": "Ann"}) == {kitchen}
    assert await found({"name": ["tags", "author"], "comparison_operator": "contains", "value": "water"}) == {rain}
    assert await found({"name": "source", "comparison_operator": "start with", "value": "guide/"}) == {rain, snow}
    assert await found(
        {"name": "source", "comparison_operator": "start with", "value": "guide/"},
        {"name": "year", "comparison_operator": "≠", "value": 2020},
    ) == {snow}
    for refused in (
        {"name": "author", "comparison_operator": "empty"},
        {"name": "author", "comparison_operator": "start with", "value": "A"},
    ):
        answer = await client.post("/retrieval", json=dify("water", refused))
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "query")


async def test_dify_is_told_which_knowledge_there_is(client: httpx.AsyncClient) -> None:
    answer = await client.post("/retrieval", json=dify("water", knowledge="other"))
    assert answer.status_code == 404
    assert answer.json()["error_code"] == 2001
    assert answer.json()["error_msg"].startswith("There is no index 'other'; GET /indexes lists notes")
    assert (await client.post("/retrieval", json=dify("water", knowledge="default"))).status_code == 200


def test_conditions_that_are_joined_by_or() -> None:
    tests = [{"name": "year", "comparison_operator": "=", "value": "2020"}] * 2
    condition = MetadataCondition.model_validate({"logical_operator": "or", "conditions": tests})
    assert filters_of(condition) == ({"$or": [{"year": {"$eq": 2020}}] * 2}, None)
    mixed = [*tests, {"name": "source", "comparison_operator": "start with", "value": "a"}]
    with pytest.raises(QueryError, match="stands beside others in an `and` alone"):
        filters_of(MetadataCondition.model_validate({"logical_operator": "or", "conditions": mixed}))


# OpenAI


async def test_the_official_client_searches_a_vector_store(client: httpx.AsyncClient) -> None:
    stores = from_openai(client).vector_stores
    page = await stores.search("notes", query="what falls from clouds?", max_num_results=2)
    assert len(page.data) == 2
    assert page.data[0].filename in TEXTS
    assert page.data[0].content[0].text in {text for text, _ in TEXTS.values()}
    assert page.data[0].attributes is not None
    assert page.data[0].attributes["citation"]
    assert not page.has_next_page()
    comparison: Any = {"type": "gte", "key": "year", "value": 2021}
    both: Any = {"type": "and", "filters": [comparison, {"type": "eq", "key": "author", "value": "Ann"}]}
    page = await stores.search("notes", query="water", filters=both)
    assert [found.filename for found in page.data] == ["kitchen.md"]
    page = await stores.search("notes", query=["rain", "bread"], ranking_options={"score_threshold": 0.5})
    assert {found.filename for found in page.data} >= {"guide/rain.md", "kitchen.md"}
    assert [found.score for found in page.data] == sorted((found.score for found in page.data), reverse=True)
    with pytest.raises(openai.NotFoundError, match="GET /indexes lists notes"):
        await stores.search("other", query="water")
    with pytest.raises(openai.UnprocessableEntityError, match="leave it out"):
        await stores.search("notes", query="water", rewrite_query=True)


def test_what_is_no_filter_of_openais_is_refused() -> None:
    for filters in ({}, {"type": "like", "key": "a", "value": 1}, {"type": "and", "filters": []}, {"type": "eq"}):
        with pytest.raises(QueryError, match=r"filters: expected \{type, key, value\}"):
            where_of(filters)


async def test_the_official_client_gets_the_indexs_own_vectors(
    client: httpx.AsyncClient, share_model: Embedder
) -> None:
    embeddings = from_openai(client).embeddings
    texts = ["what falls from clouds?", "bread"]
    answer = await embeddings.create(input=texts, model="packaged")  # asks for base64
    got = np.array([each.embedding for each in answer.data])
    assert np.allclose(got, share_model.embed_queries(texts), atol=1e-6)
    assert answer.usage.total_tokens == sum(
        share_model.count_tokens(share_model.prefixes.query + text) for text in texts
    )
    written = await embeddings.create(input=texts, model="default", encoding_format="float")
    assert np.allclose(np.array([each.embedding for each in written.data]), got, atol=1e-6)
    passage = await embeddings.create(input="bread", model="packaged", extra_body={"input_type": "passage"})
    assert np.allclose(passage.data[0].embedding, share_model.embed_passages(["bread"])[0], atol=1e-5)
    for wrong, says in (
        ({"input": "bread", "model": "text-embedding-3-small"}, "ask for 'packaged'"),
        ({"input": [[1, 2, 3]], "model": "packaged"}, "send texts"),
        ({"input": "bread " * 1000, "model": "packaged"}, "the model reads 256; send it in parts"),
        ({"input": "bread", "model": "packaged", "dimensions": 7}, "the vectors have 384"),
        ({"input": ["bread", " "], "model": "packaged"}, "input/1: the text is empty"),
        ({"input": [], "model": "packaged"}, "at least 1 item"),
    ):
        with pytest.raises(openai.APIStatusError, match=says):
            await embeddings.create(**wrong)  # type: ignore[arg-type]


# A browser, and a context


async def test_a_question_may_stand_in_the_address(client: httpx.AsyncClient) -> None:
    asked = {"q": "what falls from clouds?", "top_k": "1", "within": "guide/"}
    by_address = (await client.get("/search", params=asked)).json()
    body = {"query": asked["q"], "top_k": 1, "within": "guide/"}
    by_body = (await client.post("/search", json=body)).json()
    assert by_address["results"] == by_body["results"]
    several = await client.get("/search", params={"q": "water", "within": ["guide/", "kitchen"]})
    assert len(several.json()["results"][0]["hits"]) == 3
    for wrong in ({}, {"q": ""}, {"q": "a", "top_k": "0"}, {"q": "a", "alpha": "1"}, {"q": ["a", "b"]}):
        assert (await client.get("/search", params=wrong)).status_code == 422


async def test_a_context_comes_on_request(client: httpx.AsyncClient, share_model: Embedder) -> None:
    body = {"queries": ["what falls from clouds?", "bread"], "top_k": 3}
    plain = (await client.post("/search", json=body)).json()["results"]
    assert all("context" not in result for result in plain)
    for tokenizer, limit in (("words", 60), ("index", 110)):
        context = {"max_tokens": limit, "tokenizer": tokenizer}
        results = (await client.post("/search", json={**body, "context": context})).json()["results"]
        for result in results:
            made = result["context"]
            assert 0 < made["tokens"] <= limit
            assert made["tokenizer"] == tokenizer
            shown = [id_ for passage in made["passages"] for id_ in passage["hits"]]
            assert sorted(shown + made["omitted"]) == sorted(hit["id"] for hit in result["hits"])
            assert made["omitted"]
            assert made["passages"][0]["citation"] in made["text"]
    unknown = await client.post("/search", json={**body, "context": {"max_tokens": 9, "tokenizer": "gpt"}})
    assert (unknown.status_code, "this service has index, words" in unknown.text) == (422, True)


def test_a_tokenizer_that_cannot_be_loaded_is_said_so(tmp_path: Path, share_model: Embedder) -> None:
    file = tmp_path / "tokenizer.json"
    share_model.tokenizer.save(str(file))
    name, count = serve_names_cli.tokenizer(f"mine={file}")
    assert (name, count("rain falls")) == ("mine", 2)
    with pytest.raises(ConfigError, match=r"--tokenizer mine=.* cannot be loaded: .* Name a file"):
        serve_names_cli.tokenizer(f"mine={tmp_path / 'nowhere.json'}")
