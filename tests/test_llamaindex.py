"""The LlamaIndex retriever, by itself and in LlamaIndex's own query engine.

Each test imports LlamaIndex for itself: it takes seconds to load, and every process that tests imports this module.
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
from retrieval.errors import DocumentError, QueryError
from retrieval.filters import compile_where
from retrieval.segments.columns import Columns


@pytest.fixture
def index(open_index: Callable[..., HybridIndex]) -> HybridIndex:
    index = open_index()
    documents = [
        Document(
            "rain.txt", "Rain falls when water vapour condenses in clouds.", title="Rain", metadata={"year": 2020}
        ),
        Document(
            "bread.txt",
            "Bread rises because yeast eats the sugar in the dough.",
            metadata={"year": 2024, "tags": ["food", "home"]},
        ),
    ]
    add(documents, index)
    return index


async def test_a_node_is_the_hit(index: HybridIndex) -> None:
    from llama_index.core import QueryBundle
    from llama_index.core.schema import NodeRelationship, TextNode

    from retrieval.adapters.llamaindex import HybridRetriever, hits_of

    retriever = HybridRetriever(index, top_k=1)
    [found] = retriever.retrieve("why does it rain?")
    [hit] = index.search("why does it rain?", 1, highlight=False)
    assert (found.node.node_id, found.text, found.score) == (hit.id, hit.text, hit.score)
    assert isinstance(found.node, TextNode)
    assert (found.node.start_char_idx, found.node.end_char_idx) == (hit.char_start, hit.char_end)
    assert (found.metadata["rank"], found.metadata["year"], found.metadata["lexical_rank"]) == (1, 2020, 1)
    source = found.node.relationships[NodeRelationship.SOURCE]
    assert (source.node_id, source.metadata) == (hit.document_id, {"source": "rain.txt", "year": 2020})
    assert hits_of([found]) == [hit]
    assert await retriever.aretrieve(QueryBundle("why does it rain?")) == [found]


def test_a_model_is_shown_text_title_and_citation(index: HybridIndex) -> None:
    from llama_index.core.schema import MetadataMode

    from retrieval.adapters.llamaindex import HybridRetriever

    [found] = HybridRetriever(index, top_k=1).retrieve("why does it rain?")
    lines = found.node.get_content(MetadataMode.LLM).split("\n")
    assert sorted(lines) == sorted(["title: Rain", "citation: rain.txt:1", "", found.text])


def test_it_takes_the_arguments_of_search(index: HybridIndex) -> None:
    from retrieval.adapters.llamaindex import HybridRetriever

    retriever = HybridRetriever(index, mode="lexical", where={"year": {"$gte": 2021}})
    assert [found.metadata["source"] for found in retriever.retrieve("rain sugar")] == ["bread.txt"]
    [found] = HybridRetriever(index, where={"tags": {"$contains": "food"}}).retrieve("rain")
    assert found.metadata["tags"] == ["food", "home"]
    with pytest.raises(QueryError, match="alpha"):
        HybridRetriever(index, alpha=2).retrieve("rain")
    with pytest.raises(QueryError, match="no option 'rerankk'; the nearest is 'rerank'"):
        HybridRetriever(index, rerankk="packaged")  # type: ignore[call-arg]


def test_it_takes_metadata_filters(index: HybridIndex) -> None:
    from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters

    from retrieval.adapters.llamaindex import HybridRetriever

    def found(*filters: MetadataFilter | MetadataFilters, condition: Any = "and") -> list[str]:
        retriever = HybridRetriever(index, filters=MetadataFilters(filters=list(filters), condition=condition))
        return sorted(node.metadata["source"] for node in retriever.retrieve("rain"))

    late = MetadataFilter(key="year", value=2020, operator=FilterOperator.GT)
    food = MetadataFilter(key="tags", value=["food", "x"], operator=FilterOperator.ANY)
    both = MetadataFilter(key="tags", value=["food", "x"], operator=FilterOperator.ALL)
    rain = MetadataFilter(key="year", value=2020)
    assert found() == ["bread.txt", "rain.txt"]
    assert found(late) == found(food) == found(rain, condition="not") == ["bread.txt"]
    assert found(late, MetadataFilters(filters=[rain, food], condition="or")) == ["bread.txt"]  # type: ignore[arg-type]
    assert found(food, condition="not") == ["rain.txt"]
    assert found(both) == found(late, rain) == found(late, rain, both, condition="and") == []


@pytest.mark.parametrize(
    ("operator", "condition", "says"),
    [
        ("text_match", "and", "TEXT_MATCH cannot be told to the index; where_document="),
        ("text_match_insensitive", "or", "TEXT_MATCH_INSENSITIVE"),
        ("is_empty", "and", "IS_EMPTY"),
        (">", "not", "GT within NOT"),
        ("any", "and", "ANY on 'n' takes a list"),
    ],
)
def test_a_filter_that_cannot_be_exact_is_named(index: HybridIndex, operator: str, condition: str, says: str) -> None:
    from llama_index.core.vector_stores import MetadataFilters

    from retrieval.adapters.llamaindex import HybridRetriever

    one = {"key": "n", "value": "x", "operator": operator}
    filters = MetadataFilters.from_dicts([one], condition=condition)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match=says):
        HybridRetriever(index, filters=filters)
    with pytest.raises(QueryError, match="filters and where"):
        HybridRetriever(index, filters=MetadataFilters(filters=[]), where={"n": 1})


SCALARS = st.one_of(st.integers(-2, 2), st.floats(-2, 2), st.sampled_from(["a", "b", "éa"]))
NUMBERS = st.one_of(st.integers(-2, 2), st.floats(-2, 2))
LISTS = st.one_of(
    *(st.lists(of, min_size=1, max_size=3) for of in (st.integers(-2, 2), st.floats(-2, 2), st.sampled_from("ab")))
)
ASKED = {
    "n": {
        **dict.fromkeys(("==", "!="), SCALARS),
        **dict.fromkeys((">", ">=", "<", "<="), NUMBERS),
        **dict.fromkeys(("in", "nin"), LISTS),
    },
    "tags": {
        "contains": st.sampled_from("ab"),
        **dict.fromkeys(("any", "all"), st.lists(st.sampled_from("ab"), min_size=1, max_size=2)),
    },
}
ONE = st.one_of(
    *(
        st.fixed_dictionaries({"key": st.just(key), "operator": st.just(operator), "value": values})
        for key, operators in ASKED.items()
        for operator, values in operators.items()
    )
)


@given(
    filters=st.lists(ONE, min_size=1, max_size=3),
    condition=st.sampled_from(["and", "or", "not"]),
    metadata=st.fixed_dictionaries({}, optional={"n": NUMBERS, "tags": st.lists(st.sampled_from("abc"), min_size=1)}),
)
def test_a_filter_means_what_it_means_in_llamaindex(
    filters: list[dict[str, Any]], condition: str, metadata: dict[str, Any]
) -> None:
    from llama_index.core.vector_stores import MetadataFilters
    from llama_index.core.vector_stores.utils import build_metadata_filter_fn

    from retrieval.adapters.llamaindex_filters import where_from

    given_ = MetadataFilters.from_dicts(filters, condition=condition)  # type: ignore[arg-type]
    if condition == "not" and any(each["operator"] in (">", ">=", "<", "<=") for each in filters):
        with pytest.raises(QueryError, match="within NOT"):
            where_from(given_)
        return
    [holds] = compile_where(where_from(given_))(Columns.of([metadata])).tolist()
    assert holds is build_metadata_filter_fn(lambda _: metadata, given_)("")


def test_a_query_engine_answers_from_it(index: HybridIndex) -> None:
    """The model is one that repeats its prompt."""
    from llama_index.core.llms import MockLLM
    from llama_index.core.query_engine import RetrieverQueryEngine
    from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer

    from retrieval.adapters.llamaindex import HybridRetriever

    synthesizer = get_response_synthesizer(llm=MockLLM(), response_mode=ResponseMode.SIMPLE_SUMMARIZE)
    engine = RetrieverQueryEngine(HybridRetriever(index, top_k=1), response_synthesizer=synthesizer)
    response = engine.query("What makes bread rise?")
    assert "yeast eats the sugar" in str(response)
    assert [node.metadata["citation"] for node in response.source_nodes] == ["bread.txt:1"]


def test_nodes_of_others_are_no_hits() -> None:
    from llama_index.core.schema import NodeWithScore, TextNode

    from retrieval.adapters.llamaindex import hits_of

    with pytest.raises(DocumentError, match="HybridRetriever"):
        hits_of([NodeWithScore(node=TextNode(text="x"))])


def test_without_the_extra_it_says_which() -> None:
    code = "import sys; sys.modules['llama_index'] = None; import retrieval.adapters.llamaindex"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == (
        "retrieval.errors.ConfigError: llama_index is not installed; run: pip install 'hybrid-retrieval[llamaindex]'"
    )
