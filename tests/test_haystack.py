"""The Haystack component, in real pipelines; its filters, held against Haystack's own.

Each test imports Haystack for itself: it takes seconds to load, and every process that tests imports this module.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.adapters.haystack_filters import where_from
from retrieval.errors import ConfigError, DocumentError, IndexNotFoundError, QueryError
from retrieval.filters import compile_where
from retrieval.segments.columns import Columns

YEAR_2024 = {"field": "meta.year", "operator": "==", "value": 2024}


@pytest.fixture
def index(open_index: Callable[..., HybridIndex]) -> HybridIndex:
    index = open_index()
    documents = [
        Document("rain.txt", "Rain falls when water vapour condenses in clouds.", metadata={"year": 2020}),
        Document("bread.txt", "Bread rises because yeast eats the sugar in the dough.", metadata={"year": 2024}),
    ]
    add(documents, index)
    return index


def test_a_document_is_the_hit(index: HybridIndex) -> None:
    from retrieval.adapters.haystack import HybridRetriever, hits_of

    [found] = HybridRetriever(index, top_k=1).run("why does it rain?")["documents"]
    [hit] = index.search("why does it rain?", 1, highlight=False)
    assert (found.id, found.content, found.score) == (hit.id, hit.text, hit.score)
    assert (found.meta["citation"], found.meta["rank"], found.meta["year"]) == ("rain.txt:1", 1, 2020)
    assert hits_of([found]) == [hit]


def test_a_saved_pipeline_opens_the_index_again(index: HybridIndex) -> None:
    from haystack import Pipeline
    from haystack.components.builders import PromptBuilder

    from retrieval.adapters.haystack import HybridRetriever

    pipeline = Pipeline()
    pipeline.add_component("retriever", HybridRetriever(index, top_k=1, mode="lexical"))
    template = "{% for d in documents %}[{{ d.meta.citation }}] {{ d.content }}{% endfor %} {{ question }}"
    pipeline.add_component("prompt", PromptBuilder(template, required_variables="*"))
    pipeline.connect("retriever.documents", "prompt.documents")
    question = {"retriever": {"query": "bread"}, "prompt": {"question": "Why?"}}
    answer = {"prompt": {"prompt": "[bread.txt:1] Bread rises because yeast eats the sugar in the dough. Why?"}}
    assert pipeline.run(question) == answer
    saved = pipeline.dumps()
    loaded = Pipeline.loads(saved, allowed_modules=["retrieval.adapters.haystack"])
    assert loaded.run(question) == answer


async def test_an_asynchronous_pipeline_finds_the_same(index: HybridIndex) -> None:
    from haystack import Pipeline

    from retrieval.adapters.haystack import HybridRetriever

    pipeline = Pipeline()
    pipeline.add_component("retriever", HybridRetriever(index))
    asked = {"query": "rain or bread", "top_k": 2, "filters": YEAR_2024}
    found = (await pipeline.run_async({"retriever": asked}))["retriever"]["documents"]
    assert [document.meta["source"] for document in found] == ["bread.txt"]
    assert found == HybridRetriever(index).run(**asked)["documents"]


def test_a_filter_of_a_run_stands_in_place_of_where(index: HybridIndex) -> None:
    from retrieval.adapters.haystack import HybridRetriever

    retriever = HybridRetriever(index, where={"year": 2020})
    assert [d.meta["year"] for d in retriever.run("bread")["documents"]] == [2020]
    assert [d.meta["year"] for d in retriever.run("bread", filters=YEAR_2024)["documents"]] == [2024]


@pytest.mark.parametrize(
    ("operator", "value", "sources"),
    [
        ("contains", "sky", ["rain.txt"]),
        ("not contains", "sky", ["bread.txt", "snow.txt"]),
        ("in", ["sky"], ["snow.txt"]),
        ("==", "sky", ["snow.txt"]),
        ("!=", "sky", ["bread.txt", "rain.txt"]),
    ],
)
def test_a_filter_asks_for_a_member_of_a_list(
    open_index: Callable[..., HybridIndex], operator: str, value: object, sources: list[str]
) -> None:
    from retrieval.adapters.haystack import HybridRetriever

    tags = {"rain.txt": {"tags": ["sky", "water"]}, "bread.txt": {}, "snow.txt": {"tags": "sky"}}
    index = open_index()
    add([Document(source, f"{source} falls.", metadata=metadata) for source, metadata in tags.items()], index)
    found = HybridRetriever(index).run("falls", filters={"field": "meta.tags", "operator": operator, "value": value})[
        "documents"
    ]
    assert sorted(document.meta["source"] for document in found) == sources


VALUES = st.one_of(st.integers(-2, 2), st.floats(-2, 2), st.sampled_from(["a", "b", "éa"]))
NUMBERS = st.one_of(st.integers(-2, 2), st.floats(-2, 2))
LISTS = st.one_of(*(st.lists(kind, min_size=1, max_size=3) for kind in (st.integers(-2, 2), st.floats(-2, 2))))


def condition(operator: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    field = st.sampled_from(["meta.n", "n", "meta.other"])
    return st.fixed_dictionaries({"field": field, "operator": st.just(operator), "value": value})


CONDITIONS = st.one_of(
    *(condition(operator, VALUES) for operator in ("==", "!=")),
    *(condition(operator, NUMBERS) for operator in (">", ">=", "<", "<=")),
    *(condition(operator, LISTS) for operator in ("in", "not in")),
)


def both(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR"]), "conditions": st.lists(parts, min_size=1, max_size=3)}
    )


@given(
    filters=st.recursive(CONDITIONS, both, max_leaves=4),
    metadata=st.dictionaries(st.sampled_from(["n", "other"]), NUMBERS, max_size=2),
)
def test_a_filter_means_what_it_means_in_haystack(filters: dict[str, Any], metadata: dict[str, Any]) -> None:
    from haystack import Document as HaystackDocument
    from haystack.utils.filters import document_matches_filter

    document = HaystackDocument(content="x", meta=metadata)
    [holds] = compile_where(where_from(filters))(Columns.of([metadata])).tolist()
    assert holds is document_matches_filter(filters, document)


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"operator": "NOT", "conditions": [YEAR_2024]}, "write the opposite"),
        ({"year": 2024}, "neither"),
        ({"operator": "OR", "conditions": []}, "neither"),
        ({"field": "meta.year", "operator": "like", "value": 1}, "neither"),
        ({"field": "meta.year", "operator": ">", "value": "soon"}, "year"),
    ],
)
def test_a_filter_that_cannot_be_told_is_refused(filters: dict[str, Any], says: str) -> None:
    with pytest.raises(QueryError, match=says):
        compile_where(where_from(filters))


def test_what_cannot_be_saved_or_opened_says_why(index: HybridIndex, tmp_path: Path) -> None:
    from haystack import Document as HaystackDocument

    from retrieval.adapters.haystack import HybridRetriever, hits_of

    class Reranker:
        def score(self, query: str, passages: list[str]) -> None:
            raise AssertionError

    with pytest.raises(ConfigError, match="name or directory"):
        HybridRetriever(index, rerank=Reranker()).to_dict()  # type: ignore[arg-type]
    with pytest.raises(IndexNotFoundError):
        HybridRetriever(tmp_path / "none").warm_up()
    with pytest.raises(QueryError, match="no option 'rerankk'; the nearest is 'rerank'"):
        HybridRetriever(index, rerankk="packaged")  # type: ignore[call-arg]
    with pytest.raises(QueryError, match="top_k"):
        HybridRetriever(index).run("rain", top_k=0)
    with pytest.raises(DocumentError, match="HybridRetriever"):
        hits_of([HaystackDocument(content="x")])


def test_without_the_extra_it_says_which() -> None:
    code = "import sys; sys.modules['haystack'] = None; import retrieval.adapters.haystack"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == (
        "retrieval.errors.ConfigError: haystack is not installed; run: pip install 'hybrid-retrieval[haystack]'"
    )
