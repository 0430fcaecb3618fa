"""The generations of a shared index: the newest for searches, and one writer at a time, on any machine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError, IndexMismatchError
from retrieval.fingerprint import Fingerprint
from retrieval.rerankers import Rerankers
from retrieval.searcher import Searcher
from retrieval.segments.reader import IndexReader
from retrieval.shared_store.engine import Engine
from retrieval.shared_store.lease import Lease
from retrieval.shared_store.notes import Notes
from retrieval.shared_store.reader import SharedReader
from retrieval.shared_store.rows import bm25_parameters
from retrieval.shared_store.searcher import SharedSearcher
from retrieval.shared_store.state import SharedState, read_state
from retrieval.shared_store.writer import SharedWriter
from retrieval.writer.writer import Writer


class SharedManager:
    """As Generations. `current` asks the server for the newest state, which is one row."""

    def __init__(self, directory: IndexDirectory, config: Config, embedder: Callable[[], Embedder]) -> None:
        """Raises ConfigError for settings that cannot be had exactly, and without the extra."""
        if config.bm25_idf == "okapi":
            raise ConfigError(
                "bm25_idf okapi needs the rarity of all terms at each search, which store milvus does not have; leave "
                "it out (lucene), or keep the index in Chroma."
            )
        self.lender: IndexReader | None = None
        self._directory = directory
        self._config = config
        self._embedder = embedder
        self._engine = Engine(config)
        self._notes = Notes(self._engine)
        self._reader = SharedReader(self._engine, SharedState(), config)
        self._checked = ""
        self._made_with: Fingerprint | None = None
        self._exists = False
        self._refreshing = threading.Lock()
        self._one_writer = threading.Lock()

    @property
    def made_with(self) -> Fingerprint | None:
        return self._made_with

    def open(self) -> None:
        self.current()

    def current(self) -> IndexReader:
        return cast(IndexReader, self.newest())

    def newest(self) -> SharedReader:
        """The newest generation. Raises IndexMismatchError where other settings made it."""
        with self._refreshing:
            state = self.state()
            if state.generation != self._reader.shared.generation:
                self._check(state)
                self._reader = SharedReader(self._engine, state, self._config, rows=self._reader.kept)
            return self._reader

    def state(self) -> SharedState:
        """The newest state, now."""
        self._exists = self._exists or self._engine.exists()
        return read_state(self._notes) if self._exists else SharedState()

    def searcher(self, *, embedder: Callable[[], Embedder], rerankers: Rerankers) -> Searcher:
        return SharedSearcher(self, self.newest(), self._config, embedder=embedder, rerankers=rerankers)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """As SearcherManager.writing."""
        with self._one_writer:
            self._engine.create_notes()
            lease = Lease(self._engine, index=f"{self._config.store_name} at {self._config.store_uri}")
            try:
                self._check(read_state(self._notes))
                writer = SharedWriter(
                    self._directory,
                    self._config,
                    engine=self._engine,
                    lease=lease,
                    embedder=self._embedder,
                    lender=self.lender,
                )
                try:
                    try:
                        yield writer
                    except BaseException:
                        if writer.is_whole:
                            writer.commit()
                        raise
                    writer.commit()
                finally:
                    writer.close()
            finally:
                lease.close()

    def close(self) -> None:
        self._engine.close()

    def _check(self, state: SharedState) -> None:
        """Raises IndexMismatchError where the settings would give other vectors, chunks or terms, and ConfigError where
        they would weigh terms otherwise."""
        if not state.fingerprint or state.fingerprint == self._checked:
            return
        name = f"{self._config.store_name} at {self._config.store_uri}"
        made_with = Fingerprint.from_json(state.fingerprint)
        made_with.check_config(self._config, index=name)
        if made_with.analyzer != made_with.current_analyzer:
            raise IndexMismatchError(
                f"The index {name} was analysed by another version of this program; use that, or sync into another "
                "store_name."
            )
        if state.bm25 != bm25_parameters(self._config):
            weighed = ", ".join(f"{name} {value}" for name, value in state.bm25.items())
            raise ConfigError(
                f"The rows of {name} are weighed with BM25's {weighed}; open the index with these, or sync into "
                "another store_name."
            )
        self._made_with, self._checked = made_with, state.fingerprint
