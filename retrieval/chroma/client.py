"""An open Chroma, embedded or a server: with limits of time, patience, and failures that are ours.

Chroma's clients have none of these. The one for a server waits for an answer forever. An embedded Chroma that could
not finish a write, for want of space, may never answer the next call. One that could not be opened cannot be opened
again in the same process, because what is left of it is shared by all that come after: so each has a system of its own
here. And everything comes through as it is, from ValueError to the errors of the HTTP library and of the Rust core.
"""

import ctypes
import logging
import os
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from retrieval.config import Config
from retrieval.directory.disk import is_nearly_full, no_space
from retrieval.directory.files import make_private_directory, make_tree_private
from retrieval.errors import IndexDamagedError, IndexUnusableError

if TYPE_CHECKING:
    from chromadb.config import Settings
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

CHUNKS = "chunks"

_HNSW = {"max_neighbors": 32, "ef_construction": 200, "ef_search": 800}
"""The graph of the chunks, which Chroma's own queries walk. Searches here scan the segments and never do; it is for
those who query the collection with other tools. Chroma's defaults (16, 100, 100) miss many of the 100 nearest in a
large collection, and nobody sees it. These find all but one in a hundred for a question that has an answer, in a few
milliseconds, and cost a sync little next to embedding (benchmarks/README.md). ef_search can be changed at any time
with `collection.modify`. The ledger keeps the defaults."""

_LONGEST = 300
"""Characters of what Chroma says: a panic of its core quotes the data that it could not read."""

_READ_ONLY = "readonly database"
"""In what SQLite says of a database that may not be written."""

_SHORT_TIMEOUT = 5.0
_TIMEOUT = 60.0
_PATIENCE = 60.0
"""Seconds that a server has to answer a reader, and a writer, and for which a writer repeats a call that failed."""


_ran_in: set[int] = set()
"""The ids of processes in which an embedded Chroma has run: this one, or those that it was forked from."""


class _Calls(Protocol):
    """Makes calls to Chroma; raises IndexUnusableError for one that fails, and for all once it is broken."""

    @property
    def is_broken(self) -> bool: ...

    def __call__(self, what: str, call: Callable[[], Any]) -> Any: ...


class Chroma:
    """The collections of one database; a context manager's worth of resources until `close`."""

    def __init__(self, settings: "Settings", calls: _Calls, *, tenant: str, database: str, seconds: float) -> None:
        from chromadb.api import ServerAPI
        from chromadb.config import System

        self._calls = calls
        self._directory: Path | None = None
        self._place = {"tenant": tenant, "database": database}
        self._system = System(settings)
        self._api: Any = self._system.instance(cast(Any, ServerAPI))
        self._session = getattr(self._api, "_session", None)  # there is no setting for what follows
        if self._session is not None:
            self._session.timeout = seconds
        self._system.start()
        self._pid = os.getpid()
        if hasattr(os, "register_at_fork"):
            api = weakref.ref(self._api)
            os.register_at_fork(after_in_child=lambda: _keep_forever(api()))

    @classmethod
    def embedded(cls, directory: Path) -> Self:
        """The database in `directory`, made where absent. Raises as `cannot_open` says, and IndexUnusableError in a
        child of fork() whose parent has had one: it would wait forever for threads that only the parent has."""
        from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings

        _ran_in.add(os.getpid())
        if _ran_in != {os.getpid()}:
            raise IndexUnusableError(
                f"Chroma cannot open {directory} in a process that was forked from one in which it ran; write from "
                "that one, or from a new process (spawn)."
            )

        settings = Settings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(directory))
        calls = _EmbeddedCalls(directory)
        try:
            make_private_directory(directory)
            chroma = cls(settings, calls, tenant=DEFAULT_TENANT, database=DEFAULT_DATABASE, seconds=_TIMEOUT)
            chroma._directory = directory
            make_tree_private(directory)
            return chroma
        except BaseException as error:  # the Rust core's own kinds
            if not _is_failure(error):
                raise
            log.debug("opening %s failed", directory, exc_info=True)
            raise cannot_open(directory, error) from error

    @classmethod
    def server(cls, config: Config, *, patient: bool) -> Self:
        """The server that the config names; no call is made yet.

        patient   go on for a minute where it does not answer, as after a restart; else say so at once.
        """
        from chromadb.config import Settings

        host = f"{config.chroma_host}:{config.chroma_port}"
        settings = Settings(
            anonymized_telemetry=False,
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host=config.chroma_host,
            chroma_server_http_port=config.chroma_port,
            chroma_server_ssl_enabled=config.chroma_ssl,
            chroma_server_headers={key: value.get_secret_value() for key, value in config.chroma_headers.items()},
        )
        return cls(
            settings,
            _ServerCalls(host, patience=_PATIENCE if patient else 0.0),
            tenant=config.chroma_tenant,
            database=config.chroma_database,
            seconds=_TIMEOUT if patient else _SHORT_TIMEOUT,
        )

    def collection(self, name: str) -> Any:
        """A chromadb Collection that compares vectors by cosine, made where absent; its calls are made as ours are.

        One that was made with other HNSW settings keeps them."""
        from chromadb.api.models.Collection import Collection

        configuration = {"hnsw": {"space": "cosine", **(_HNSW if name == CHUNKS else {})}}
        model = self._call("get_or_create_collection", name, configuration=configuration, **self._place)
        return _Guarded(Collection(self._api, model, embedding_function=None), self._calls)

    def metadata(self, name: str) -> Mapping[str, Any]:
        """What is stored about a collection as a whole, now."""
        return dict(self._call("get_collection", name, **self._place).metadata or {})

    def max_batch_size(self) -> int:
        return int(self._call("get_max_batch_size"))

    def close(self) -> None:
        """Release it. One that a parent process opened is left to that."""
        if self.is_inherited:
            return
        if self._session is not None:
            self._session.close()
        self._system.stop()
        if self._directory is not None:
            make_tree_private(self._directory)

    @property
    def is_broken(self) -> bool:
        """Whether no call can succeed any more until it is opened again."""
        return self._calls.is_broken or self.is_inherited

    @property
    def is_inherited(self) -> bool:
        """Whether a parent process opened it, before fork(): its threads are not in this process."""
        return self._pid != os.getpid()

    def _call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        return getattr(_Guarded(self._api, self._calls), name)(*arguments, **keywords)


class _Guarded:
    """A client or a collection of Chroma, called through `calls`."""

    def __init__(self, target: object, calls: _Calls) -> None:
        self._target = target
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        return lambda *arguments, **keywords: self._calls(name, lambda: method(*arguments, **keywords))


class _EmbeddedCalls:
    """After one has failed, all others fail for the same reason: Chroma might never come back from them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._failure: IndexUnusableError | None = None

    @property
    def is_broken(self) -> bool:
        return self._failure is not None

    def __call__(self, what: str, call: Callable[[], Any]) -> Any:
        if self._failure is not None:
            raise IndexUnusableError(str(self._failure)) from self._failure
        try:
            return call()
        except BaseException as error:
            if not _is_failure(error):
                raise
            log.debug("Chroma's %s failed", what, exc_info=True)
            full = is_nearly_full(self._directory)
            self._failure = no_space(self._directory, cause=f"Chroma: {error}") if full else _broken(what, error)
            raise self._failure from error


class _ServerCalls:
    """Those that fail for reasons that may pass are made again, for so many seconds. All may be: each leads to the
    same result however often it is done, and one that failed may have been done."""

    is_broken = False

    def __init__(self, host: str, *, patience: float) -> None:
        self._host = host
        self._patience = patience

    def __call__(self, what: str, call: Callable[[], Any]) -> Any:
        from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

        try:
            return Retrying(
                retry=retry_if_exception(_may_pass),
                wait=wait_random_exponential(multiplier=0.25, max=10),
                stop=stop_before_delay(self._patience),
                before_sleep=self._tell,
                reraise=True,
            )(call)
        except Exception as error:
            log.debug("Chroma's %s failed", what, exc_info=True)
            if not _may_pass(error):
                raise _failed(what, error) from error
            raise IndexUnusableError(
                f"Chroma at {self._host} does not answer as it should: {_words_of(error)}. Is `chroma run` up?"
            ) from error

    def _tell(self, state: "RetryCallState") -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            why = _words_of(state.outcome.exception())
            log.warning("Chroma at %s does not answer: %s. Trying for %.0f s.", self._host, why, self._patience)


def _keep_forever(api: object) -> None:
    """In a child of fork(): releasing Chroma's core waits for its threads, which are in the parent alone."""
    if api is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(api))


def _is_failure(error: BaseException) -> bool:
    """Whether Chroma failed. A panic of its core is no Exception, so that nobody goes on after it by accident."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def cannot_open(directory: Path, error: BaseException) -> IndexUnusableError:
    """What to raise for an embedded Chroma that fails from the start: its disk is full, or not to be written, or it is
    damaged."""
    if is_nearly_full(directory):
        return no_space(directory, cause=error)
    if _READ_ONLY in str(error):
        return IndexUnusableError(f"{directory} cannot be written, and Chroma writes even to read; make it writable.")
    return IndexDamagedError(
        f"Chroma cannot open {directory}: {_words_of(error)}; `ingest doctor --repair` makes it again from the search "
        "files."
    )


def _may_pass(error: BaseException) -> bool:
    """Whether it is the connection that failed, or the server reports trouble of its own (5xx)."""
    from chromadb.errors import ChromaError
    from httpx import HTTPStatusError, TransportError

    if isinstance(error, ChromaError):
        return error.code() >= 500
    status = error.__context__  # Chroma raises a bare Exception with the text of the answer while it handles this
    return isinstance(error, TransportError) or (
        isinstance(status, HTTPStatusError) and status.response.is_server_error
    )


def _failed(what: str, error: BaseException) -> IndexUnusableError:
    return IndexUnusableError(f"Chroma failed to {what.replace('_', ' ')}: {_words_of(error)}")


def _broken(what: str, error: BaseException) -> IndexUnusableError:
    return IndexUnusableError(f"{_failed(what, error)}; `ingest doctor --repair` finds out why, and mends it.")


def _words_of(error: BaseException | None) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said[:_LONGEST].rstrip(".")
