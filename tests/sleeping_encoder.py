"""Encoders for the workers of a real cluster, which a test passes in place of a model."""

import time
from collections.abc import Sequence
from pathlib import Path

from retrieval.types import Vectors, digest
from tests.embedding_server import DIMENSION, of_words


class SleepingEncoder:
    """Takes a time for each text that no processor shortens, and notes in a file each slice that it begins and ends.

    log   the file's path; None notes nothing
    """

    name, version, dimension, max_seq_length, tokenizer = "sleeping", "1", DIMENSION, 400, None

    def __init__(self, seconds: float, *, log: Path | None = None) -> None:
        self.seconds = seconds
        self.log = log

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return of_words(texts)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self._note("begun", texts)
        time.sleep(self.seconds * len(texts))
        self._note("ended", texts)
        return of_words(texts)

    def _note(self, what: str, texts: Sequence[str]) -> None:
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"{_node()} {what} {digest(texts[0])}\n")


def _node() -> str:
    """The id of the node that this runs on; "-" where that is no cluster's."""
    import ray

    return str(ray.get_runtime_context().get_node_id()) if ray.is_initialized() else "-"
