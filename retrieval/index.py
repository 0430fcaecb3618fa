"""HybridIndex: an index directory, open. It searches the newest generation, and lets one process write the next."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from retrieval.config import Config, base_for
from retrieval.deletion import Deleted, delete_matching, delete_sources
from retrieval.directory.index_directory import IndexDirectory
from retrieval.encoders import Embedder, model_settings, shared_encoder
from retrieval.errors import ConfigError, IndexMismatchError, IndexNotFoundError, QueryError
from retrieval.fingerprint import Fingerprint, remembered_settings
from retrieval.generations import Generations
from retrieval.inspection.embedding_stats import EmbeddingStats
from retrieval.inspection.similar import SimilarDocument, SimilarPair
from retrieval.inspection.stats import Stats, place_of
from retrieval.rerankers import Rerankers
from retrieval.search import SearchKeywords
from retrieval.search_hits import SearchHits
from retrieval.searcher import Searcher
from retrieval.searcher_manager import SearcherManager
from retrieval.segments.reader import IndexReader
from retrieval.types import DocumentRecord, Encoder, SyncedFolder
from retrieval.writer.writer import Writer

if TYPE_CHECKING:
    from tokenizers import Tokenizer


_PROBED_FOR = 300.0
"""Seconds for which a server is taken to run the model that it ran when it was last asked."""


class HybridIndex:
    """A searchable index of documents. A context manager; threads may share it.

    Searches read the newest generation and never wait for a writer. The first change takes the writer's lock, which is
    held until `close`.
    """

    def __init__(self, directory: IndexDirectory, config: Config, *, encoder: Encoder | None, read_only: bool) -> None:
        self.path = directory.path
        self.config = config
        self.read_only = read_only
        self._manager = _generations(directory, config, self._embedder_of_passages)
        self._embedder = Embedder(encoder, config) if encoder is not None else None
        self._checked_with: Fingerprint | None = None
        self._checked_probe: str | None = None
        self._is_probe_due = False
        self._rerankers = Rerankers(trust_remote_code=config.trust_remote_code)
        self._loading = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        config: Config | Path | str | None = None,
        encoder: Encoder | None = None,
        read_only: bool = False,
    ) -> "HybridIndex":
        """The index at `path`; without `read_only`, one that does not exist is created at the first change.

        `config` is a Config or a YAML file. Without it, an existing index is opened with the settings that made it.
        `encoder` takes the place of the model that the settings name; several indexes may share one.
        Where no generation can be read, the search files are made again from Chroma.

        Raises IndexNotFoundError (read_only), IndexMismatchError (another model, other settings), IndexLockedError
        (being built, nothing to read yet), IndexDamagedError, ConfigError, ModelError.
        """
        directory = IndexDirectory(path)
        pointer = directory.read_pointer()
        given = config
        config = settings_for(config, remembered_settings(pointer), encoder)
        if pointer is None and read_only and not config.server_settings():
            raise IndexNotFoundError(f"There is no index at {path}; `ingest sync FOLDER --index {path}` makes one.")
        if pointer is not None and pointer.chroma != config.server_settings():
            raise IndexMismatchError(
                f"The index {path} keeps its chunks in {place_of(pointer.chroma)}, not in "
                f"{place_of(config.server_settings())}; open it without chroma_* and store settings, or use another "
                "directory."
            )
        index = cls(directory, config, encoder=encoder, read_only=read_only)
        try:
            index._manager.open()
        except IndexMismatchError:
            now = directory.read_pointer()
            if now is None or (pointer is not None and now.fingerprint == pointer.fingerprint):
                raise
            return cls.open(
                path, config=given, encoder=encoder, read_only=read_only
            )  # another process has just rebuilt it
        return index

    def close(self) -> None:
        """Release the lock and Chroma."""
        self._manager.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Searching

    def searcher(self) -> Searcher:
        """The newest generation, for several searches of the same one. Raises as `open`."""
        return self._manager.searcher(embedder=lambda: self.embedder, rerankers=self._rerankers)

    def search(self, query: str, top_k: int = 10, **options: Unpack[SearchKeywords]) -> SearchHits:
        """The `top_k` best chunks for a question, best first, and how the question was read. An option that is None has
        its default. The list's `corrections`, `required` and `excluded` tell what was searched for in another spelling,
        and what every hit, or none, has; its `warnings`, what is wrong with the filters, and which -word excluded
        nothing.

        mode               "hybrid" (the default), or one side: "dense" ranks by cosine, "lexical" ranks by BM25 the
                           chunks that share a term.
        fusion, alpha      how the sides' scores become one ("dbsf", "rrf", "convex"), and the weight of the dense side
                           in [0, 1]. The configuration has their defaults and those of smoothing and feedback. alpha
                           1 is mode "dense", alpha 0 is mode "lexical". "learned" puts the best 30 of "dbsf" in the
                           order of the configuration's fusion_weights, on the same scale; others keep their scores.
        rrf_k              constant of reciprocal rank fusion (60).
        candidates         how many chunks each side brings (100); both scores are then computed for all of them.
        smoothing          with both sides, how far the scores of the best 30 move towards the mean of the five passages
                           among them that are most like each, in [0, 1]; 0 leaves them as fused.
        feedback           ask again with what the first answers have in common: on the "dense" side their mean vector
                           (Rocchio), on the "lexical" side their terms (RM3), or "both". Scores are then those of the
                           query as it was asked again. The first answers pass filters and operators.
        where, where_document   Chroma's filters, for both sides. Without feedback, a filter never changes a score. A
                           condition that no chunk passes, or that another would find more with, is in the hits'
                           `warnings`, with the nearest names and values or that other one, and is logged.
        within             a source prefix such as "docs/guide/", or a list of them: a filter that lets through the
                           documents whose source begins so.
        operators          whether `"exact phrase"`, `+required`, `-"excluded phrase"` and `-excluded` filter the hits:
                           True, all of them; None, all but what may be an option of a command (-Wall, +x), and none
                           in what reads like a sentence; "required", as None without exclusions; False, none of them.
        correct_spelling   search for the nearest spelling of a word that no passage has (the default); the hits'
                           `corrections` tell. What the model knows as one token is left to it, unless the mode is
                           "lexical".
        rerank             a cross-encoder (name, directory, sentence-transformers CrossEncoder, or Reranker) that
                           rescores the fused candidates, or the address of a server that does: URL or URL#MODEL. It is
                           sent the query and the candidates' texts.
        mmr_lambda         maximal marginal relevance over the result: 1 is relevance alone, 0 diversity alone.
        expand             add so many neighbouring chunks on each side to a hit's text, or its "section": those that
                           begin under the same headings. Hits that touch are merged.
        collapse           one hit for passages with the same text (the default): the best of them, whose `duplicates`
                           are the others; False shows each.
        group_by_document  one hit for each document.
        document_score     what ranks a document: "max" (the default), its best chunk; "mean", the cosine of its mean
                           vector and its best BM25 score. `score` is then the document's; the other fields are those
                           of the chunk that is shown.
        min_score          drop hits whose `score` is lower.
        min_relevance      drop hits that less likely have to do with what is asked: their `relevance`, in [0, 1], is
                           lower. None drops none; the hits' `has_relevant` tells whether any is likely.
        highlight          mark the words that match (the default); without, a long list comes faster.

        Raises QueryError for a query without a word in it (empty, `??`) or with excluded ones alone, and for options
        that make no sense.
        """
        return self.searcher().search(query, top_k, **options)

    def search_batch(
        self, queries: Sequence[str], top_k: int = 10, **options: Unpack[SearchKeywords]
    ) -> list[SearchHits]:
        """As `search`, for many queries at once: they are embedded together and all read the same generation."""
        return self.searcher().search_batch(queries, top_k, **options)

    async def asearch(self, query: str, top_k: int = 10, **options: Unpack[SearchKeywords]) -> SearchHits:
        """As `search`, in a thread: the event loop goes on."""
        import asyncio  # callers have loaded it already; commands need not

        return (await asyncio.to_thread(partial(self.search_batch, [query], top_k, **options)))[0]

    # What is in it

    def documents(self) -> tuple[DocumentRecord, ...]:
        """The ledger's records, by source, as of the newest generation."""
        return self.searcher().documents()

    def folders(self) -> Mapping[str, SyncedFolder]:
        """The synced folders, by the name that their sources begin with."""
        return self.searcher().folders()

    def stats(self) -> Stats:
        return self.searcher().stats()

    def embedding_stats(self, *, sample: int = 4096, seed: int = 0) -> EmbeddingStats:
        """Figures on how well the vectors of this index are spread, and on its chunks. Loads no model.

        retrieval.inspection.embedding_report explains how to read them.

        sample   how many chunks, drawn at random with `seed`, the figures on vectors are taken from; the lengths of
                 chunks and literal repetitions are counted over all. Memory is bounded by the sample.

        Raises QueryError where there are no chunks.
        """
        return self.searcher().embedding_stats(sample=sample, seed=seed)

    def similar(
        self,
        source: str,
        top_k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        min_score: float | None = None,
    ) -> list[SimilarDocument]:
        """The documents most similar to one document of the index, best first, ties by source; without itself.

        It is compared with all others, exactly, by the cosine of their mean vectors. Loads no model.

        where       Chroma's filter: only documents with a chunk that passes it.
        min_score   the least cosine.

        Raises QueryError for a source that is not in the index (and names those like it) or has no text, and for
        options that make no sense.
        """
        return self.searcher().similar(source, top_k, where=where, min_score=min_score)

    def similar_pairs(
        self,
        *,
        top_k: int = 100,
        max_pairs: int = 10_000,
        where: Mapping[str, Any] | None = None,
        min_score: float | None = 0.9,
        query_chunk_size: int = 1000,
        corpus_chunk_size: int = 100_000,
    ) -> list[SimilarPair]:
        """All pairs of similar documents, such as duplicates: each pair once, best first, ties by sources.

        sentence_transformers.util.paraphrase_mining_embeddings finds them by the cosine of their mean vectors. Loads
        torch and no model.

        top_k               how many neighbours of each document are looked at; some pairs of a text with more copies
                            are left out.
        max_pairs           how many pairs are returned at most; of those that tie for the last place, any.
        where, min_score    as in `similar`; both documents must pass.
        query_chunk_size, corpus_chunk_size   how many documents are compared with how many at once. This takes 4 bytes
                            times both of memory, 400 MB by default. The result does not depend on them.

        Raises QueryError for options that make no sense.
        """
        return self.searcher().similar_pairs(
            top_k=top_k,
            max_pairs=max_pairs,
            where=where,
            min_score=min_score,
            query_chunk_size=query_chunk_size,
            corpus_chunk_size=corpus_chunk_size,
        )

    @property
    def embedder(self) -> Embedder:
        """The model, loaded at first use; indexes that are open at the same time share it. Raises ModelError, or
        IndexMismatchError where it did not make this index."""
        with self._loading:
            return self._checked_embedder(after=_PROBED_FOR)

    def tokenizer(self) -> "tuple[Tokenizer, int]":
        """The model's tokenizer, and how many tokens it reads at most; for an endpoint without `encoder_tokenizer`, one
        that estimates. Raises as `embedder`."""
        return self.embedder.tokenizer, self.embedder.max_seq_length

    # Changing it

    def delete(self, sources: Sequence[str] | None = None, *, where: Mapping[str, Any] | None = None) -> Deleted:
        """Delete whole documents.

        sources   the documents' sources; one that ends in a slash, "docs/", stands for all that begin with it.
        where     Chroma's filter: the documents all of whose chunks pass it.

        A file that is still in its folder comes back with the next sync. Raises QueryError unless exactly one of
        the two is given, IndexNotFoundError where nothing was indexed yet.
        """
        if (sources is None) == (not where) or isinstance(sources, str):
            raise QueryError(
                "delete() takes either a list of sources or a filter: delete([...]) or delete(where={...})."
            )
        if not self._manager.current().generation:
            raise IndexNotFoundError(f"There is no index at {self.path}, and so nothing to delete.")
        with self.writing() as writer:
            writer.commit()  # so that the generation has what an interrupted writer left
            return delete_matching(writer, where) if where is not None else delete_sources(writer, sources or ())

    def borrow_vectors(self, lender: IndexReader) -> None:
        """From now on, take vectors from another index's generation instead of embedding the same strings again, if it
        was made with the same model and prefix. Raises as `embedder`."""
        made_with = Fingerprint.of(self.config, self.embedder)
        if lender.fingerprint is not None and lender.fingerprint.embeds_like(made_with):
            self._manager.lender = lender

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The Writer, with the lock held. What it wrote is committed when the block ends, also after Ctrl-C.

        Raises ConfigError for a read-only index, IndexLockedError where another process writes.
        """
        if self.read_only:
            raise ConfigError(f"The index {self.path} was opened read-only.")
        self._is_probe_due = True
        with self._manager.writing() as writer:
            yield writer

    def _checked_embedder(self, *, after: float) -> Embedder:
        """`embedder`, with `_loading` held. What a server said more than `after` seconds ago is asked again."""
        if self._embedder is None:
            self._embedder = Embedder(shared_encoder(self.config), self.config)
        self._embedder.renew(after=after)
        made_with = self._manager.made_with
        if made_with is not None and (
            made_with is not self._checked_with or self._embedder.probe != self._checked_probe
        ):
            try:
                made_with.check_embedder(self._embedder, self.config, index=str(self.path))
            except IndexMismatchError:
                self._embedder.renew(after=0)  # the server may be set right meanwhile
                raise
            self._checked_with, self._checked_probe = made_with, self._embedder.probe
        return self._embedder

    def _embedder_of_passages(self) -> Embedder:
        """The model, for passages; a server is asked at the first use in a write whether it is still the same. Raises
        IndexMismatchError also where its vectors do not mix with the index's."""
        with self._loading:
            embedder = self._checked_embedder(after=0 if self._is_probe_due else _PROBED_FOR)
            self._is_probe_due = False
        if self._manager.made_with is not None:
            self._manager.made_with.check_numerics(embedder, index=str(self.path))
        return embedder


def _generations(directory: IndexDirectory, config: Config, embedder: Callable[[], Embedder]) -> Generations:
    """Those of the store that the settings name."""
    if config.store == "milvus":
        from retrieval.shared_store.manager import SharedManager  # it needs an extra

        return SharedManager(directory, config, embedder)
    return SearcherManager(directory, config, embedder)


def settings_for(given: Config | Path | str | None, remembered: Mapping[str, Any], encoder: Encoder | None) -> Config:
    """The settings that a caller gives, over those that the index has; the model is the encoder, where one is passed.

    Raises ConfigError where they name another model, or what is passed is no encoder.
    """
    passed = model_settings(encoder) if encoder is not None else {}
    base = {**base_for(passed.get("model"), remembered), **passed}
    config = given if isinstance(given, Config) else Config.load(given, base=base)
    if encoder is None:
        return config
    if config.model != passed["model"] and "model" in config.model_fields_set:
        raise ConfigError(f"`model: {config.model}` is set, and an encoder is passed ({encoder.name}); give one.")
    for name in ("revision", "pooling", "output_layer", "truncate_dim", "encoder_max_tokens", "encoder_tokenizer"):
        if getattr(config, name) != passed[name] and name in config.model_fields_set:
            raise ConfigError(f"`{name}` is set, and an encoder is passed ({encoder.name}), which has its own.")
    return config.model_copy(update=passed)
