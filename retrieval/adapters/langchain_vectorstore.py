"""The index as a LangChain vector store: documents go in, and come back whole."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from ingest import add
from ingest.documents import document_from_json
from retrieval.adapters.extras import missing_extra
from retrieval.adapters.langchain_metadata import from_index, to_index, where_from
from retrieval.adapters.langchain_options import search_options
from retrieval.adapters.search_options import FRAMEWORK_DEFAULTS
from retrieval.errors import ConfigError, DocumentError, QueryError
from retrieval.index import HybridIndex
from retrieval.merge_passages import joined
from retrieval.search import SearchKeywords
from retrieval.search_hits import SearchHit
from retrieval.segments.reader import IndexReader
from retrieval.types import Document as IndexedDocument
from retrieval.types import document_id, document_metadata

try:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.runnables import run_in_executor
    from langchain_core.vectorstores import VectorStore, VectorStoreRetriever
except ImportError as error:
    raise missing_extra("langchain", error) from error

_OWN = {"highlight", "expand", "group_by_document"}
"""Options of passages, which a whole document does not show."""

_ARGUMENTS = {
    "similarity": {"k"},
    "similarity_score_threshold": {"k", "score_threshold"},
    "mmr": {"k", "fetch_k", "lambda_mult"},
}
"""What each kind of search takes beside the options of `HybridIndex.search`, by LangChain's name of the kind."""


class HybridVectorStore(VectorStore):
    """A HybridIndex, which the caller opens and closes, as a place to put documents and find them again.

    A document is one of the index, whose `source` is its id. It is indexed in passages as long as the model reads, and
    found by its best one. It comes back as it was added, once, with its own metadata; `HybridRetriever(index=...)`
    finds passages with citations instead, in the same index. Documents of synced folders are found too, by their
    source; their text is put together of their passages.

    Metadata may have any names, such as `source` and `page`; `filter` asks for them by the same names. A None is left
    out. The index itself keeps its own names (retrieval.types.CHUNK_KEYS) as `metadata.source` and the like.

    All searches take the options of `HybridIndex.search`, with `filter`, LangChain's name, for `where`. Other defaults:
    documents with the same text are all found (`collapse`), and nothing is excluded (`operators`).
    """

    def __init__(self, index: HybridIndex) -> None:
        self.index = index

    # Adding and deleting

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        batch_size: int | None = None,
        **unknown: Any,
    ) -> list[str]:
        """Index texts and return their ids. One whose id is known replaces the document of that id.

        ids          one for each text; a UUID is made where it is None
        batch_size   how many are committed at a time; None for all at once

        Raises DocumentError, before anything is written, for an id that is given twice and for metadata that cannot be
        stored, and, after all others were indexed, for texts that cannot be, such as one without a word; then what
        ingest.add raises.
        """
        _refuse(unknown)
        if batch_size is not None and batch_size < 1:
            raise DocumentError(f"batch_size is {batch_size}; it must be at least 1.")
        given = list(texts)
        chosen = [id_ if id_ is not None else str(uuid.uuid4()) for id_ in _one_each(given, ids, "ids")]
        found = [each or {} for each in _one_each(given, metadatas, "metadatas")]
        [(commonest, count)] = Counter(chosen).most_common(1) or [("", 0)]
        if count > 1:
            raise DocumentError(f"The id {commonest!r} is given twice; give each document its own.")
        documents = [
            IndexedDocument(id_, text, metadata=to_index(metadata))
            for id_, text, metadata in zip(chosen, given, found, strict=True)
        ]
        size = batch_size or len(documents) or 1
        failed = [
            failure
            for start in range(0, len(documents), size)
            for failure in add(documents[start : start + size], self.index).failed
        ]
        if failed:
            reasons = "; ".join(f"{source}: {reason}" for source, reason in failed[:5])
            raise DocumentError(
                f"{len(failed):,} of {len(documents):,} documents cannot be indexed, the others are: {reasons}"
            )
        return chosen

    def delete(self, ids: Sequence[str] | None = None, **unknown: Any) -> bool:
        """Delete the documents with these ids; unknown ones are ignored. Raises QueryError without ids, instead of
        deleting all."""
        _refuse(unknown)
        if ids is None:
            raise QueryError("delete() takes ids; `store.index.delete(where=...)` deletes what passes a filter.")
        wanted = dict.fromkeys(_listed(ids))
        if self.index.searcher().generation:
            with self.index.writing() as writer:
                writer.commit()  # so that the generation has what an interrupted writer left
                writer.remove([record for id_ in wanted if (record := writer.find(id_)) is not None])
        return True

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        index: HybridIndex | None = None,
        **options: Any,
    ) -> Self:
        """The store over `index`, with these texts added as `add_texts` does it, which takes the options.

        Raises ConfigError without an index, and for an embedding: an index embeds with its own model.
        """
        if embedding is not None:
            raise ConfigError(
                "An index embeds with its own model: give embedding=None, and choose the model where the index is "
                "opened, HybridIndex.open(path, config=...) or (path, encoder=...)."
            )
        if index is None:
            raise ConfigError("Give the index to fill: index=HybridIndex.open(path).")
        store = cls(index)
        store.add_texts(texts, metadatas, ids=ids, **options)
        return store

    # Finding

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents with these ids, in their order; unknown ones are left out."""
        reader = self.index.searcher().reader
        found = (_document(reader, document_id(id_)) for id_ in _listed(ids))
        return [document for document in found if document is not None]

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """The `k` best documents, best first. Raises what `HybridIndex.search` raises."""
        return [document for document, _ in self._found(query, k, options)]

    def similarity_search_with_score(self, query: str, k: int = 4, **options: Any) -> list[tuple[Document, float]]:
        """With the fused score of each: higher is better. Scores of two queries do not compare."""
        return [(document, hit.score) for document, hit in self._found(query, k, options)]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **options: Any
    ) -> list[Document]:
        """Documents that are relevant and unlike each other: `fetch_k` and `lambda_mult` are `candidates`, of each
        side, and `mmr_lambda` of `HybridIndex.search`."""
        for name, ours in (("fetch_k", "candidates"), ("lambda_mult", "mmr_lambda")):
            if ours in options:
                raise QueryError(f"{name} and {ours} are the same option; give {name}.")
        return self.similarity_search(query, k, candidates=fetch_k, mmr_lambda=lambda_mult, **options)

    def as_retriever(self, **options: Any) -> VectorStoreRetriever:
        """As in LangChain; `k`, `filter` and other options of a search may also stand beside `search_kwargs`. Raises
        QueryError for one that this kind of search lacks."""
        given = {name: value for name, value in options.items() if name not in VectorStoreRetriever.model_fields}
        kept = {name: value for name, value in options.items() if name not in given}
        search_kwargs = {**kept.get("search_kwargs", {}), **given}
        arguments = _ARGUMENTS.get(kept.get("search_type", "similarity"), set())
        _checked({name: value for name, value in search_kwargs.items() if name not in arguments})
        return super().as_retriever(**{**kept, "search_kwargs": search_kwargs})

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """With each hit's `relevance`, in [0, 1], which compares from query to query. The order is that of the
        score."""
        return [(document, hit.relevance) for document, hit in self._found(query, k, options)]

    async def _asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        return await run_in_executor(None, self._similarity_search_with_relevance_scores, query, k, **options)

    def _found(self, query: str, k: int, options: Mapping[str, Any]) -> list[tuple[Document, SearchHit]]:
        """Documents and the best passage of each, all of one generation."""
        searcher = self.index.searcher()
        hits = searcher.search(query, k, **_checked(options))
        found = ((_document(searcher.reader, hit.document_id), hit) for hit in hits)
        return [(document, hit) for document, hit in found if document is not None]


def _checked(given: Mapping[str, Any]) -> SearchKeywords:
    """The options of a search that finds documents. Raises QueryError for those of passages and as search_options."""
    for name in given:
        if name in _OWN:
            raise QueryError(
                f"{name} is an option of passages, and a vector store gives whole documents back; "
                "HybridRetriever(index=store.index) finds passages."
            )
    top_k, options = search_options(given)
    if top_k is not None:
        raise QueryError("top_k is called k in a vector store.")
    if "where" in options:
        options["where"] = where_from(options["where"])
    return {**FRAMEWORK_DEFAULTS, "collapse": False, **options, "group_by_document": True}


def _document(reader: IndexReader, id_: str) -> Document | None:
    """A document of the index as it was added, by the index's id; None where it is unknown or has no text."""
    record = reader.record(id_)
    if record is None or not record.chunk_ids:
        return None
    with reader.explaining_damage():
        if content := reader.content(id_):
            added = document_from_json(content)
            return Document(id=record.source, page_content=added.text, metadata=from_index(added.metadata))
        chunks = reader.chunks_of(id_)
        metadata = from_index(document_metadata(chunks))
        return Document(id=record.source, page_content=joined(chunks).text, metadata=metadata)


def _one_each(texts: Sequence[str], given: Sequence[Any] | None, name: str) -> Sequence[Any]:
    if given is None:
        return [None] * len(texts)
    if len(_listed(given)) != len(texts):
        raise DocumentError(f"There are {len(texts):,} texts and {len(given):,} {name}; give one for each.")
    return given


def _listed(ids: Sequence[Any]) -> Sequence[Any]:
    if isinstance(ids, str):
        raise QueryError(f"Ids are given in a list: [{ids!r}].")
    return ids


def _refuse(unknown: Mapping[str, Any]) -> None:
    if unknown:
        raise QueryError(f"There is no argument {next(iter(unknown))!r} here.")
