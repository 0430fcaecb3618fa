"""How long each stage of a search takes, reported to those who listen.

    search      all of a call of `search` or `search_batch`
    embedding   the model, with the questions of one call together
    lexical     BM25's scores of all chunks for one question
    dense       one pass over all vectors, for one question or for many that are asked together; fusion by `rrf`, or of
                candidates with one cosine, and ranking whole documents take a second one
    rerank      the cross-encoder, with the candidates of one question
    hits        the passages of one question's hits, and the words that match

With feedback, a question is scored twice. A stage that fails is not told.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from retrieval.time_limit import check_time

Stage = Literal["search", "embedding", "lexical", "dense", "rerank", "hits"]
Listener = Callable[[Stage, float], None]
"""Is told a stage and its seconds, perhaps by several threads at once."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def hearing(listener: Listener) -> Iterator[None]:
    """What is searched in this block, in threads that it starts too, is told to the listener."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """A block, or a function, that is this stage. Takes a microsecond where nobody listens. Raises TimeLimitError where
    the time is over before it begins."""
    check_time()
    listener = _LISTENER.get()
    if listener is None:
        yield
        return
    started = time.perf_counter()
    yield
    listener(name, time.perf_counter() - started)
