"""How well the defaults answer, on a public collection where there is one. Slow: it embeds 1,400 documents."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import add
from retrieval import HybridIndex
from retrieval.evaluation import evaluate, read_collection

pytestmark = pytest.mark.slow


@pytest.mark.timeout(900)
def test_cranfield(open_index: Callable[..., HybridIndex], collections: Path) -> None:
    collection = read_collection(collections / "cranfield")
    with open_index() as index:
        assert add(collection.documents, index).truncated == 0
        figures = {mode: values["nDCG@10"] for mode, values in evaluate(index, collection).items()}
    assert figures["lexical"] >= 0.38
    assert figures["dense"] >= 0.39
    assert figures["hybrid"] >= 0.43
    assert figures["hybrid"] > max(figures["lexical"], figures["dense"])
