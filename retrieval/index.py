"""HybridIndex: an index directory, open. It finds the current snapshot, searches it, and lets one process write."""

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, Unpack

from retrieval.analysis import Analyzer
from retrieval.config import Config, FusionMethod
from retrieval.embedder import Embedder, stored_tokenizer
from retrieval.errors import ConfigError, IndexMismatchError, IndexNotFoundError, QueryError
from retrieval.fingerprint import Fingerprint
from retrieval.rerank import CrossEncoderReranker
from retrieval.search import Mode, Query, SearchKeywords, SearchOptions, search
from retrieval.stats import Stats, describe, place_of
from retrieval.storage.directory import IndexDirectory, Pointer
from retrieval.storage.keeper import SnapshotKeeper
from retrieval.storage.snapshot import Snapshot
from retrieval.storage.writer import Writer
from retrieval.types import DocumentRecord, Reranker, SearchHit, SyncedFolder, clean_text, digest

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from tokenizers import Tokenizer


class Deleted(NamedTuple):
    """How many there really were."""

    documents: int
    chunks: int


class HybridIndex:
    """A searchable index of documents. A context manager; threads may share it.

    Searches read the last published snapshot and never wait for a writer. The lock is taken at the first change and
    held until `close`.
    """

    def __init__(self, directory: IndexDirectory, config: Config, *, read_only: bool) -> None:
        self.path = directory.path
        self.config = config
        self.read_only = read_only
        self._keeper = SnapshotKeeper(directory, config, lambda: self.embedder)
        self._analyzer = Analyzer(config.language)
        self._embedder: Embedder | None = None
        self._checked_with: Fingerprint | None = None
        self._rerankers: dict[str, Reranker] = {}
        self._loading = threading.Lock()

    @classmethod
    def open(
        cls, path: Path | str, *, config: Config | Path | str | None = None, read_only: bool = False
    ) -> "HybridIndex":
        """The index at `path`; without `read_only`, one that does not exist is created at the first change.

        `config` is a Config or a YAML file. Without it an existing index is opened with the settings that made it.
        A cache that is missing, stale or damaged is built again from Chroma.

        Raises IndexNotFoundError (read_only), IndexMismatchError (another model, other settings), IndexLockedError
        (being built, nothing to read yet), IndexDamagedError, ConfigError, ModelError.
        """
        directory = IndexDirectory(path)
        pointer = directory.read_pointer()
        given = config
        if not isinstance(config, Config):
            config = Config.load(config, base=remembered_settings(pointer))
        if pointer is None and read_only and not config.chroma_host:
            raise IndexNotFoundError(f"There is no index at {path}; `ingest sync FOLDER --index {path}` makes one.")
        if pointer is not None and pointer.chroma != config.server_settings():
            raise IndexMismatchError(
                f"The index {path} keeps its chunks in {place_of(pointer.chroma)}, not in "
                f"{place_of(config.server_settings())}; open it without chroma_* settings, or use another directory."
            )
        index = cls(directory, config, read_only=read_only)
        try:
            index._keeper.current()
        except IndexMismatchError:
            now = directory.read_pointer()
            if now is None or (pointer is not None and now.fingerprint == pointer.fingerprint):
                raise
            return cls.open(path, config=given, read_only=read_only)  # it was rebuilt in this very moment
        return index

    def close(self) -> None:
        """Release the lock and Chroma."""
        self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Searching

    def search(
        self,
        query: str,
        top_k: int = 10,
        *,
        mode: Mode = "hybrid",
        fusion: FusionMethod | None = None,
        alpha: float | None = None,
        rrf_k: int = 60,
        candidates: int = 100,
        where: Mapping[str, Any] | None = None,
        where_document: Mapping[str, Any] | None = None,
        rerank: "str | Reranker | CrossEncoder | None" = None,
        mmr_lambda: float | None = None,
        expand: int = 0,
        group_by_document: bool = False,
        min_score: float | None = None,
    ) -> list[SearchHit]:
        """The `top_k` best chunks for a question, best first.

        mode               both sides, or one: "dense" ranks by cosine, "lexical" by BM25 the chunks that share a term.
        fusion, alpha      how the sides' scores become one, and the weight of the dense side in [0, 1]; None takes
                           the configuration's. alpha 1 is mode "dense", alpha 0 is mode "lexical".
        rrf_k              constant of reciprocal rank fusion.
        candidates         how many chunks each side brings; both scores are then computed for all of them.
        where, where_document   Chroma's filters, for both sides. A filter never changes a chunk's score.
        rerank             a cross-encoder (name, directory, sentence-transformers CrossEncoder, or Reranker) that
                           rescores the fused candidates.
        mmr_lambda         maximal marginal relevance over the result: 1 is relevance alone, 0 diversity alone.
        expand             put so many neighbouring chunks on each side into a hit's text; hits that touch merge.
        group_by_document  only the best chunk of each document.
        min_score          drop hits whose `score` is below.

        Raises QueryError for an empty query or options that make no sense.
        """
        return self.search_batch(
            [query],
            top_k,
            mode=mode,
            fusion=fusion,
            alpha=alpha,
            rrf_k=rrf_k,
            candidates=candidates,
            where=where,
            where_document=where_document,
            rerank=rerank,
            mmr_lambda=mmr_lambda,
            expand=expand,
            group_by_document=group_by_document,
            min_score=min_score,
        )[0]

    def search_batch(
        self, queries: Sequence[str], top_k: int = 10, **options: Unpack[SearchKeywords]
    ) -> list[list[SearchHit]]:
        """As `search`, for many queries at once: they are embedded together and all read the same snapshot."""
        if isinstance(queries, str) or not all(isinstance(query, str) for query in queries):
            raise QueryError("A query is a string, and a batch is a list of them.")
        queries = [clean_text(query) for query in queries]
        if not all(query.strip() for query in queries):
            raise QueryError("The query is empty; ask with at least one word.")
        reranker = self._reranker(options.pop("rerank", None))
        keywords: dict[str, Any] = {"fusion": None, "alpha": None, **options}
        keywords["fusion"] = keywords["fusion"] or self.config.fusion
        keywords["alpha"] = self.config.alpha if keywords["alpha"] is None else keywords["alpha"]
        chosen = SearchOptions(top_k=top_k, **keywords)
        snapshot = self._keeper.current()
        if snapshot is None or not snapshot.size:
            return [[] for _ in queries]
        return [
            search(snapshot, query, chosen, analyzer=self._analyzer, reranker=reranker)
            for query in self._analysed(queries, chosen)
        ]

    async def asearch(self, query: str, top_k: int = 10, **options: Unpack[SearchKeywords]) -> list[SearchHit]:
        """As `search`, in a thread: the event loop goes on."""
        return (await asyncio.to_thread(partial(self.search_batch, [query], top_k, **options)))[0]

    # What is in it

    def documents(self) -> tuple[DocumentRecord, ...]:
        """The ledger's records, by source, as of the last published generation."""
        snapshot = self._keeper.current()
        return snapshot.records if snapshot is not None else ()

    def folders(self) -> Mapping[str, SyncedFolder]:
        """The synced folders, by the name that their sources begin with."""
        snapshot = self._keeper.current()
        return snapshot.state.folders if snapshot is not None else {}

    def stats(self) -> Stats:
        return describe(self._keeper.current(), self.config)

    @property
    def embedder(self) -> Embedder:
        """The model, loaded at first use. Raises ModelError, or IndexMismatchError where it did not make this index."""
        with self._loading:
            if self._embedder is None:
                self._embedder = Embedder.load(self.config)
            made_with = self._keeper.made_with
            if made_with is not None and made_with is not self._checked_with:
                made_with.check_embedder(self._embedder, self.config, index=str(self.path))
                self._checked_with = made_with
            return self._embedder

    def tokenizer(self) -> "tuple[Tokenizer, int]":
        """The model's tokenizer, and how many tokens it reads at most. Known without loading the model wherever its
        files hold the tokenizer that made this index. Raises as `embedder`."""
        made_with = self._keeper.made_with
        if self._embedder is None and made_with is not None:
            stored = stored_tokenizer(self.config)
            if stored is not None and digest(stored.to_str()) == made_with.tokenizer:
                return stored, made_with.max_seq_length
        return self.embedder.tokenizer, self.embedder.max_seq_length

    # Changing it

    def delete(self, sources: Sequence[str] | None = None, *, where: Mapping[str, Any] | None = None) -> Deleted:
        """Delete whole documents: those named ("docs/" names all whose source begins so), or those all of whose
        chunks pass the filter.

        A file that is still in its folder comes back with the next sync. Raises QueryError unless exactly one of
        the two is given, IndexNotFoundError where nothing was indexed yet.
        """
        if (sources is None) == (not where) or isinstance(sources, str):
            raise QueryError(
                "delete() takes either a list of sources or a filter: delete([...]) or delete(where={...})."
            )
        if self._keeper.current() is None:
            raise IndexNotFoundError(f"There is no index at {self.path}, and so nothing to delete.")
        with self.writing() as writer:
            writer.publish()  # what an interrupted writer left is in the snapshot now
            chosen = set(sources or ()) if where is None else _matching_sources(writer.snapshot, where)
            below = tuple(source for source in chosen if source.endswith("/"))
            records = [r for source, r in writer.records.items() if source in chosen or source.startswith(below)]
            written = writer.remove(records)
        return Deleted(documents=len(records), chunks=written.chunks_deleted)

    def borrow_vectors(self, lender: Snapshot) -> None:
        """From now on, embed no string that has a vector in another index's snapshot, if that was made with the same
        model and prefix. Raises as `embedder`."""
        made_with = Fingerprint.of(self.config, self.embedder)
        if lender.fingerprint is not None and lender.fingerprint.embeds_like(made_with):
            self._keeper.lender = lender

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The Writer, under the lock; what it wrote is published when the block ends, also by Ctrl-C.

        Raises ConfigError for a read-only index, IndexLockedError where another process writes.
        """
        if self.read_only:
            raise ConfigError(f"The index {self.path} was opened read-only.")
        with self._keeper.writing() as writer:
            yield writer

    # Parts of a search

    def _analysed(self, queries: Sequence[str], options: SearchOptions) -> list[Query]:
        terms = [self._analyzer.terms(query) for query in queries]
        if options.sides == "lexical":
            return [Query(text, words, None) for text, words in zip(queries, terms, strict=True)]
        vectors = self.embedder.embed_queries(queries)
        return [Query(*parts) for parts in zip(queries, terms, vectors, strict=True)]

    def _reranker(self, rerank: "str | Reranker | CrossEncoder | None") -> Reranker | None:
        if rerank is None or isinstance(rerank, Reranker):
            return rerank
        if not isinstance(rerank, str):
            return CrossEncoderReranker(rerank, name=type(rerank).__name__)
        with self._loading:
            if rerank not in self._rerankers:
                self._rerankers[rerank] = CrossEncoderReranker.load(
                    rerank, trust_remote_code=self.config.trust_remote_code
                )
            return self._rerankers[rerank]


def remembered_settings(pointer: Pointer | None) -> dict[str, Any]:
    """The settings that an existing index was made with, for a caller who names none.

    All but the consent to run code that comes with a model: whoever opens an index, perhaps one that he was given,
    gives it anew.
    """
    if pointer is None:
        return {}
    settings = Fingerprint.from_json(pointer.fingerprint).settings if pointer.fingerprint else {}
    return {**pointer.chroma, **settings, "trust_remote_code": False}


def _matching_sources(snapshot: Snapshot | None, where: Mapping[str, Any] | None) -> set[str]:
    if snapshot is None:
        return set()
    chosen = snapshot.select(where, None)
    return {
        record.source
        for record in snapshot.records
        if (rows := snapshot.rows_of_document.get(record.id)) and chosen is not None and all(chosen[rows])
    }
