"""What an open index asks of where it is kept: a generation for searches, and one writer at a time for the next."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from retrieval.encoders import Embedder
from retrieval.fingerprint import Fingerprint
from retrieval.rerankers import Rerankers
from retrieval.searcher import Searcher
from retrieval.segments.reader import IndexReader
from retrieval.writer.writer import Writer


class Generations(Protocol):
    """The generations of an open index. Threads may share it.

    lender      a generation of another index whose vectors would be the same, if there is one
    made_with   the settings and model that made the index; None before they are known
    """

    lender: IndexReader | None

    @property
    def made_with(self) -> Fingerprint | None: ...

    def open(self) -> None:
        """Read the newest generation. Raises IndexUnusableError where that cannot be done."""
        ...

    def current(self) -> IndexReader:
        """The newest generation; an empty one before the first."""
        ...

    def searcher(self, *, embedder: Callable[[], Embedder], rerankers: Rerankers) -> Searcher:
        """Searches the newest generation."""
        ...

    def writing(self) -> AbstractContextManager[Writer]:
        """The writer, with other writers kept out; what it wrote is committed when the block ends."""
        ...

    def close(self) -> None:
        """Let go of connections and of the lock."""
        ...
