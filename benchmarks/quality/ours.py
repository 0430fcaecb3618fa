"""hybrid-retrieval, as it comes: no setting is another than the default."""

from collections.abc import Sequence
from pathlib import Path

import ingest
from benchmarks.quality.system import Adapter, Document, Ranking
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.types import Document as OwnDocument


class HybridRetrieval:
    settings = ("default",)

    def __init__(self, variant: str, *, model: str, scratch: Path, k: int) -> None:
        self._index = HybridIndex.open(scratch / "index", config=Config(model=model))
        self._loaded = self._index.embedder

    def index(self, documents: Sequence[Document]) -> None:
        ingest.add(
            [OwnDocument(source=document.id, text=document.text, title=document.title) for document in documents],
            self._index,
        )

    def search(self, query: str, k: int, *, setting: str) -> Ranking:
        hits = self._index.search(query, k, group_by_document=True, operators=False, collapse=False, highlight=False)
        return [(hit.source, hit.score) for hit in hits]


ADAPTER = Adapter(HybridRetrieval, ("hybrid-retrieval", "chromadb"))
