"""The LangChain retriever: LangChain's own conformance suite, and what a chain is given."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document as LangchainDocument
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

from ingest import add
from retrieval import Document, HybridIndex, as_context
from retrieval.adapters.langchain import HybridRetriever, hits_of
from retrieval.errors import DocumentError, QueryError
from tests.letters import Letters

TEXTS = {
    "rain.txt": "Rain falls when water vapour condenses in clouds.",
    "snow.txt": "Snow falls where the cloud is colder than freezing.",
    "bread.txt": "Bread rises because yeast eats the sugar in the dough.",
    "boiler.txt": "The boiler was serviced in May.",
}


@pytest.fixture
def index(open_index: Callable[..., HybridIndex]) -> HybridIndex:
    index = open_index()
    add(
        [
            Document(source, text, title=source[:-4], metadata={"n": n, "parity": [n % 2 == 0]})
            for n, (source, text) in enumerate(TEXTS.items())
        ],
        index,
    )
    return index


@pytest.fixture
def retriever(index: HybridIndex) -> HybridRetriever:
    return HybridRetriever(index=index, top_k=2)


class TestAsLangchainExpects(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _index(self, index: HybridIndex) -> None:
        self.index = index

    @property
    def retriever_constructor(self) -> type[HybridRetriever]:
        return HybridRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"index": self.index}

    @property
    def retriever_query_example(self) -> str:
        return "what falls from the clouds?"

    @property
    def num_results_arg_name(self) -> str:
        return "top_k"


def test_a_document_is_the_hit(retriever: HybridRetriever, index: HybridIndex) -> None:
    documents = retriever.invoke("why does bread rise?")
    hits = index.search("why does bread rise?", 2, highlight=False)
    assert [(d.id, d.page_content) for d in documents] == [(hit.id, hit.text) for hit in hits]
    best = documents[0].metadata
    assert (best["rank"], best["citation"], best["title"], best["n"]) == (1, "bread.txt:1", "bread", 2)
    assert (best["score"], best["dense_score"], best["lexical_rank"]) == (hits[0].score, hits[0].dense_score, 1)
    assert json.loads(json.dumps(best)) == best
    assert hits_of(documents) == hits


async def test_all_ways_to_ask_find_the_same(retriever: HybridRetriever) -> None:
    queries = ["rain", "bread", "rain", "boiler in May"]
    singly = [retriever.invoke(query) for query in queries]
    assert retriever.batch(queries) == singly
    assert await retriever.abatch(queries) == singly
    assert [await retriever.ainvoke(query) for query in queries] == singly


async def test_a_batch_is_embedded_at_once(open_index: Callable[..., HybridIndex]) -> None:
    encoder = Letters()
    index = open_index(encoder=encoder)
    add([Document("rain", "Rain falls."), Document("bread", "Bread rises.")], index)
    retriever = HybridRetriever(index=index)
    retriever.batch(["rain", "bread", "snow"], top_k=1)
    await retriever.abatch(["rain", "bread"], mode="dense")
    asked = [f"query: {text}" for text in ("rain", "bread", "snow", "rain", "bread")]
    assert encoder.queries[-len(asked) :] == asked  # before, the first write measures what its cosines mean
    assert encoder.batches[1:] == [3, 2]


def test_every_argument_of_search_is_a_field(index: HybridIndex) -> None:
    chosen = HybridRetriever(index=index, mode="lexical", where={"n": {"$gte": 1}}, min_score=0.01)
    found = chosen.invoke("falls")
    assert [document.metadata["source"] for document in found] == ["snow.txt"]
    assert found[0].metadata["dense_score"] is None
    assert [d.metadata["source"] for d in chosen.invoke("falls", where={"n": 0})] == ["rain.txt"]
    [odd] = chosen.invoke("falls", where={"parity": {"$contains": False}})
    assert (odd.metadata["source"], odd.metadata["parity"]) == ("snow.txt", [False])


async def test_k_and_filter_are_top_k_and_where(index: HybridIndex) -> None:
    made = HybridRetriever(index=index, k=1, filter={"n": {"$gte": 1}}, mode="lexical")
    assert (made.top_k, made.where) == (1, {"n": {"$gte": 1}})
    assert [d.metadata["source"] for d in made.invoke("falls")] == ["snow.txt"]
    given: dict[str, Any] = {"k": 2, "filter": {"n": {"$lte": 1}}}
    found = made.invoke("falls", **given)
    assert sorted(d.metadata["source"] for d in found) == ["rain.txt", "snow.txt"]
    assert await made.ainvoke("falls", **given) == found
    assert made.batch(["falls"], **given) == await made.abatch(["falls"], **given) == [found]
    assert made.bind(**given).invoke("falls") == found


async def test_what_a_call_cannot_be_given_is_named(retriever: HybridRetriever) -> None:
    for given, says in (
        ({"k": 1, "top_k": 1}, "k and top_k"),
        ({"filter": None, "where": None}, "filter and where"),
        ({"filters": {"n": 1}}, "no option 'filters'"),
        ({"k": 0}, "top_k"),
        ({"search_kwargs": {"k": 1}}, "no option 'search_kwargs'"),
    ):
        with pytest.raises(QueryError, match=says):
            retriever.invoke("rain", **given)
        with pytest.raises(QueryError, match=says):
            await retriever.ainvoke("rain", **given)
        with pytest.raises(QueryError, match=says):
            retriever.batch(["rain"], **given)


def test_one_bad_query_of_a_batch_spoils_no_other(retriever: HybridRetriever) -> None:
    found = retriever.batch(["rain", "??", "bread"], return_exceptions=True)
    assert isinstance(found[1], QueryError)
    assert [found[at][0].metadata["source"] for at in (0, 2)] == ["rain.txt", "bread.txt"]
    with pytest.raises(QueryError):
        retriever.batch(["rain", "??"])


def test_what_fails_outside_a_search_fails_each_query_of_a_batch(retriever: HybridRetriever) -> None:
    found: list[object] = [*retriever.batch(["rain", "bread"], return_exceptions=True, top_kk=3)]
    assert [type(each) for each in found] == [QueryError, QueryError]
    with pytest.raises(QueryError, match="no option 'found'"):
        retriever.invoke("rain", found={"rain": []})


def test_what_is_no_option_is_refused(index: HybridIndex, retriever: HybridRetriever) -> None:
    with pytest.raises(ValidationError, match="top_kk"):
        HybridRetriever(index=index, top_kk=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="k and top_k"):
        HybridRetriever(index=index, top_k=3, k=3)
    with pytest.raises(QueryError, match="top_k"):
        retriever.invoke("rain", top_k=0)
    with pytest.raises(QueryError, match="top_k"):
        retriever.batch(["rain"], top_k=0)


def test_callbacks_hear_of_every_query(retriever: HybridRetriever) -> None:
    heard: list[str] = []

    class Handler(BaseCallbackHandler):
        def on_retriever_start(self, serialized: object, query: str, *, run_id: UUID, **_: Any) -> None:
            heard.append(query)

    retriever.batch(["rain", "bread"], {"callbacks": [Handler()]})
    assert sorted(heard) == ["bread", "rain"]


def test_documents_of_others_are_no_hits() -> None:
    with pytest.raises(DocumentError, match="HybridRetriever"):
        hits_of([LangchainDocument("x", id="1")])


def test_a_chain_answers_from_what_was_found(index: HybridIndex) -> None:
    from functools import partial

    from langchain_core.language_models import FakeListChatModel
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnablePassthrough

    tokenizer = len
    seen: list[str] = []

    class Model(FakeListChatModel):
        def _call(self, messages: list[Any], *args: Any, **kwargs: Any) -> str:
            seen.append(messages[0].content)
            return super()._call(messages, *args, **kwargs)

    model = Model(responses=["Yeast [1]."])
    retriever = HybridRetriever(index=index, top_k=3)
    passages = retriever | hits_of | partial(as_context, max_tokens=2000, tokenizer=tokenizer)
    prompt = ChatPromptTemplate.from_template("Answer from the passages.\n\n{passages}\n\nQuestion: {question}")
    chain = {"passages": passages, "question": RunnablePassthrough()} | prompt | model | StrOutputParser()
    assert chain.invoke("What makes bread rise?") == "Yeast [1]."
    assert TEXTS["bread.txt"] in seen[0]
    assert " 1] bread.txt:1 | bread\n" in seen[0]


def test_without_the_extra_it_says_which() -> None:
    code = "import sys; sys.modules['langchain_core'] = None; import retrieval.adapters.langchain"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == (
        "retrieval.errors.ConfigError: langchain_core is not installed; run: pip install 'hybrid-retrieval[langchain]'"
    )
