"""The LangChain vector store: LangChain's own conformance suite, its indexing, and what comes back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager
from langchain_core.indexing import index as langchain_index
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from ingest import add
from retrieval import Document as IndexedDocument
from retrieval import HybridIndex
from retrieval.adapters.langchain import HybridRetriever
from retrieval.adapters.langchain_vectorstore import HybridVectorStore
from retrieval.errors import ConfigError, DocumentError, QueryError
from tests.letters import Letters

TEXTS = ["Rain falls from clouds.", "Snow falls where it is cold.", "Bread rises because of yeast."]
METADATAS: list[dict[str, Any]] = [
    {"source": "sky.pdf", "page": 1, "tags": ["wet"]},
    {"source": "sky.pdf", "page": 2, "title": None},
    {"source": "kitchen.pdf", "page": 1, "metadata.x": 1.5},
]
IDS = ["https://example.org/", "https://example.org/snow", "bread"]


@pytest.fixture(scope="module")
def one_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HybridIndex]:
    with HybridIndex.open(tmp_path_factory.mktemp("store") / "index", encoder=Letters()) as index:
        yield index


@pytest.fixture
def empty(one_index: HybridIndex) -> Iterator[HybridVectorStore]:
    store = HybridVectorStore(one_index)
    yield store
    store.delete([record.source for record in one_index.documents()])


@pytest.fixture
def store(empty: HybridVectorStore) -> HybridVectorStore:
    assert empty.add_texts(TEXTS, METADATAS, ids=IDS) == IDS
    return empty


@pytest.mark.slow
class TestAsLangchainExpects(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, empty: HybridVectorStore) -> HybridVectorStore:
        return empty


def ids_of(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_a_document_comes_back_as_it_was_added(empty: HybridVectorStore) -> None:
    """However long: it is found by the passage that answers."""
    text = "  Rain falls.\n\n\n" + "Nothing is said here of any weather at all.\n\n" * 9 + "Xylophones buzz.\n"
    metadata = {"source": "a.pdf", "page": 3, "ok": True, "score": 2.0, "tags": ["x", "y"], "start_index": 0}
    empty.add_documents([Document(text, metadata=metadata), Document("Bread rises.", id="bread")])
    [found] = empty.similarity_search("xylophones buzz", k=1)
    assert (found.page_content, found.metadata) == (text, metadata)
    assert len(empty.index.searcher().chunks(str(found.id))) > 3
    assert empty.get_by_ids([str(found.id), "unknown"]) == [found]
    assert ids_of(empty.similarity_search("rain weather", k=9)).count(found.id) == 1


def test_filters_ask_by_the_names_that_were_added(store: HybridVectorStore) -> None:
    ways: list[tuple[dict[str, Any], list[str]]] = [
        ({"source": "sky.pdf"}, IDS[:2]),
        ({"$and": [{"source": {"$in": ["sky.pdf"]}}, {"page": {"$gt": 1}}]}, IDS[1:2]),
        ({"$or": [{"metadata.x": 1.5}, {"tags": {"$contains": "wet"}}]}, [IDS[0], IDS[2]]),
        ({"source": {"$ne": "sky.pdf"}}, IDS[2:]),
    ]
    for given, ids in ways:
        assert sorted(ids_of(store.similarity_search("falls", k=9, filter=given))) == sorted(ids)
        assert sorted(ids_of(store.as_retriever(k=9).invoke("falls", filter=given))) == sorted(ids)
    assert store.get_by_ids(IDS[1:2])[0].metadata == {"source": "sky.pdf", "page": 2}


def test_an_id_that_ends_in_a_slash_is_one_document(store: HybridVectorStore) -> None:
    store.delete([IDS[0]])
    assert ids_of(store.get_by_ids(IDS)) == IDS[1:]


def test_texts_that_are_the_same_are_two_documents(empty: HybridVectorStore) -> None:
    first, second = empty.add_texts(["Rain falls.", "Rain falls."])
    assert sorted(ids_of(empty.similarity_search("rain"))) == sorted([first, second])
    assert len(empty.similarity_search("rain", collapse=True)) == 1


async def test_higher_scores_are_better(store: HybridVectorStore) -> None:
    scored = store.similarity_search_with_score("rain falls from clouds", k=3)
    hits = store.index.search("rain falls from clouds", 3, group_by_document=True, highlight=False, collapse=False)
    assert [(document.id, score) for document, score in scored] == [(hit.source, hit.score) for hit in hits]
    assert [score for _, score in scored] == sorted((score for _, score in scored), reverse=True)
    relevant = store.similarity_search_with_relevance_scores("rain falls from clouds", k=3)
    assert [score for _, score in relevant] == [hit.relevance for hit in hits]
    assert await store.asimilarity_search_with_relevance_scores("rain falls from clouds", k=3) == relevant
    assert await store.asimilarity_search_with_score("rain falls from clouds", k=3) == scored
    least = relevant[0][1]
    retriever = store.as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": least})
    assert ids_of(retriever.invoke("rain falls from clouds")) == [d.id for d, score in relevant if score >= least]


async def test_mmr_spreads_out(empty: HybridVectorStore) -> None:
    empty.add_texts(["Rain falls.", "Rain falls!", "Rain falls on bread."], ids=["a", "b", "c"])
    found = empty.max_marginal_relevance_search("rain falls", k=2, lambda_mult=0.0)
    assert "c" in ids_of(found)
    retriever = empty.as_retriever(search_type="mmr", search_kwargs={"k": 2, "lambda_mult": 0.0})
    assert retriever.invoke("rain falls") == await retriever.ainvoke("rain falls") == found


async def test_a_retriever_takes_all_options_of_a_search(store: HybridVectorStore) -> None:
    retriever = store.as_retriever(search_kwargs={"k": 2, "mode": "lexical", "filter": {"page": 1}})
    assert ids_of(retriever.invoke("falls")) == IDS[:1]
    assert ids_of(await retriever.ainvoke("bread falls", k=1, filter=None, within="bread")) == IDS[2:]
    for made in (lambda: store.as_retriever(kk=2), lambda: store.as_retriever(search_kwargs={"score_threshold": 0.5})):
        with pytest.raises(QueryError, match="no option"):
            made()


def test_langchains_indexing_keeps_it_in_step(empty: HybridVectorStore) -> None:
    manager = InMemoryRecordManager("test")
    manager.create_schema()
    documents = [Document(text, metadata={"source": text[:4]}) for text in TEXTS]

    def indexed(given: list[Document]) -> dict[str, int]:
        options: dict[str, Any] = {"cleanup": "full", "source_id_key": "source", "key_encoder": "sha256"}
        return dict(langchain_index(given, manager, empty, batch_size=2, **options))

    assert indexed(documents) == {"num_added": 3, "num_updated": 0, "num_skipped": 0, "num_deleted": 0}
    assert indexed(documents[1:]) == {"num_added": 0, "num_updated": 0, "num_skipped": 2, "num_deleted": 1}
    assert len(empty.index.documents()) == 2


async def test_it_is_made_of_documents(one_index: HybridIndex, empty: HybridVectorStore) -> None:
    made = await HybridVectorStore.afrom_documents(
        [Document("Rain.", id="r"), Document("Snow.")], None, index=one_index
    )
    assert len(made.index.documents()) == 2
    assert ids_of(made.get_by_ids(["r"])) == ["r"]
    with pytest.raises(ConfigError, match="encoder="):
        HybridVectorStore.from_texts(["x"], DeterministicFakeEmbedding(size=6), index=one_index)
    with pytest.raises(ConfigError, match="index="):
        HybridVectorStore.from_texts(["x"])


def test_what_cannot_be_added_is_named(empty: HybridVectorStore) -> None:
    for arguments, says in (
        ({"texts": ["a", "b"], "ids": ["1", "1"]}, "'1' is given twice"),
        ({"texts": ["a", "b"], "ids": ["1"]}, "2 texts and 1 ids"),
        ({"texts": ["a"], "metadatas": [{}, {}]}, "1 texts and 2 metadatas"),
        ({"texts": ["a"], "metadatas": [{"loc": {"line": 1}}]}, "'loc' is a dict"),
        ({"texts": ["a"], "batch_size": 0}, "batch_size"),
    ):
        with pytest.raises(DocumentError, match=says):
            empty.add_texts(**arguments)  # type: ignore[arg-type]
    assert not empty.index.documents()
    with pytest.raises(DocumentError, match="1 of 2 documents cannot be indexed, the others are: blank: "):
        empty.add_texts(["  ", "Rain."], ids=["blank", "rain"])
    assert ids_of(empty.get_by_ids(["blank", "rain"])) == ["rain"]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda store: store.delete(), "takes ids"),
        (lambda store: store.delete("bread"), r"in a list: \['bread'\]"),
        (lambda store: store.get_by_ids("bread"), "in a list"),
        (lambda store: store.delete(["bread"], filter={}), "no argument 'filter'"),
        (lambda store: store.similarity_search("x", filter=lambda document: True), "expected a dict"),
        (lambda store: store.similarity_search("x", filter={}, where={}), "filter and where"),
        (lambda store: store.similarity_search("x", top_k=3), "called k"),
        (lambda store: store.similarity_search("x", expand=1), "HybridRetriever"),
        (lambda store: store.similarity_search("x", filters={}), "no option 'filters'"),
        (lambda store: store.max_marginal_relevance_search("x", candidates=9), "give fetch_k"),
    ],
)
def test_what_makes_no_sense_is_refused(
    store: HybridVectorStore, ask: Callable[[HybridVectorStore], object], says: str
) -> None:
    with pytest.raises(QueryError, match=says):
        ask(store)
    assert ids_of(store.get_by_ids(IDS)) == IDS


def test_a_retriever_finds_the_passages_of_what_was_added(store: HybridVectorStore) -> None:
    [found] = HybridRetriever(index=store.index, k=1).invoke("bread rises because of yeast")
    assert (found.metadata["citation"], found.metadata["metadata.source"]) == ("bread:1", "kitchen.pdf")


def test_documents_that_others_indexed_are_found_too(empty: HybridVectorStore) -> None:
    add([IndexedDocument("hail.txt", "Hail falls.\n", title="Hail", metadata={"year": 2024})], empty.index)
    [found] = empty.similarity_search("hail", filter={"year": 2024})
    assert found == Document(id="hail.txt", page_content="Hail falls.\n", metadata={"year": 2024})
