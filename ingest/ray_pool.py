"""A sync's files and passages on the machines of a Ray cluster, in place of this one's processes and model."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ingest.parser_pool import Outcomes
from ingest.parser_worker import ParserSettings
from ingest.parsing import Parsed, Unparsed, read
from ingest.pipeline import chunk_settings, parser_settings
from ingest.ray_cluster import RayCluster, check_address
from ingest.ray_nodes import Cluster, RayNodes
from ingest.ray_worker import ModelFacts, WorkerSettings
from ingest.report import NodeProgress, OnProgress, Progress
from ingest.scan import ScannedFile
from retrieval.config import Config
from retrieval.encoders import PACKAGED, PASSED
from retrieval.index import HybridIndex
from retrieval.types import Vectors

_AHEAD = 4
"""Files in hand for each parser, as in a ParserPool."""

_AHEAD_BYTES = 1 << 28
"""Of files in hand, at most: they are kept until they are parsed, in case a machine is lost. One may have more."""

_READERS = 4
"""Threads that read files here; a network's folder takes its time for each."""

_STOP_SECONDS = 0.2
"""How often to look whether to stop."""


class _Given(NamedTuple):
    file: ScannedFile
    outcome: "Future[Parsed | Unparsed]"


class RayPool:
    """A context manager: the Parsers of one index, and within the block its passages are embedded on the nodes too.

    This machine reads the files and sends them, so that the nodes need no access to the folder; it decides what needs
    embedding, and writes. Each node loads the index's model by its name. What a server embeds is sent there from here,
    as without Ray.

    Several syncs may use it, `with RayPool(address, index) as pool: sync(folder, index, pool=pool)`; its workers hold
    their nodes all the while. The cluster is left alone until `start`, or until there is something to parse. `connect`
    gives the cluster at an address.

    Raises ConfigError for what is no address, and where Ray is not installed.
    """

    def __init__(self, address: str, index: HybridIndex, *, connect: Callable[[str], Cluster] = RayCluster) -> None:
        if connect is RayCluster:
            check_address(address)
        self._address = address
        self._index = index
        self._connect = connect
        self._nodes: RayNodes | None = None
        self._settings: WorkerSettings | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> "tuple[RayNodes, WorkerSettings]":
        """Connect to the cluster, and start workers. Once is enough.

        Raises ConfigError where the model and the settings do not fit, ClusterUnavailableError where the cluster does
        not answer or has no node.
        """
        if self._nodes is None or self._settings is None:
            index = self._index
            settings = WorkerSettings(
                config=_for_nodes(index.config),
                encoder=index.embedder.encoder if index.config.model.startswith(PASSED) else None,
                parser=parser_settings(index.config, chunk_settings(index)),
                parsers=index.config.parse_workers,
            )
            facts = None if index.config.is_endpoint else ModelFacts.of(index.embedder)
            cluster = self._connect(self._address)
            self._stack.callback(cluster.close)
            nodes = RayNodes(cluster, settings, facts=facts, takes_gpus=_takes_gpus(index.config))
            self._stack.callback(nodes.close)
            if facts is not None:
                self._stack.enter_context(index.embedder.passages_elsewhere(self))
            self._readers = self._stack.enter_context(ThreadPoolExecutor(_READERS, "reading"))
            self._nodes, self._settings = nodes, settings
        return self._nodes, self._settings

    @property
    def machines(self) -> int:
        """How many embed at the same time: the workers of the nodes that were there at the start."""
        return self._nodes.machines if self._nodes is not None else 1

    def nodes(self) -> tuple[NodeProgress, ...]:
        """What each node has done."""
        return self._nodes.progress() if self._nodes is not None else ()

    def telling(self, on_progress: OnProgress | None) -> OnProgress | None:
        """Passes progress on, with that of the nodes."""
        if on_progress is None:
            return None

        def tell(progress: Progress) -> None:
            on_progress(progress._replace(nodes=self.nodes()))

        return tell

    def begin(self, texts: Sequence[str]) -> "Future[Vectors]":
        """As in RemotePassages."""
        nodes, _ = self.start()
        outcome: Future[Vectors] = Future()
        nodes.submit("embed", list(texts), size=len(texts), outcome=outcome)
        return outcome

    @contextmanager
    def parse(
        self,
        files: Iterable[ScannedFile],
        settings: ParserSettings,
        *,
        keeps_content: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[Outcomes]:
        """As in Parsers. Raises as `start`, and ValueError for the settings of another index."""
        _, own = self.start()
        if settings != own.parser:
            raise ValueError("A RayPool parses for the index that it was made for; make another.")
        others = (_Given(file, self._begin_parsing(file, keeps_content)) for file in files)
        waiting: deque[_Given] = deque()
        self._refill(waiting, others)
        try:
            yield self._outcomes(waiting, others, stop)
        finally:
            for given in waiting:
                given.outcome.cancel()

    def _outcomes(self, waiting: deque[_Given], others: Iterator[_Given], stop: threading.Event | None) -> Outcomes:
        while waiting and _is_done(waiting[0].outcome, stop):
            given = waiting.popleft()
            self._refill(waiting, others)
            yield given.file, given.outcome.result()

    def _refill(self, waiting: deque[_Given], others: Iterator[_Given]) -> None:
        most = _AHEAD * self._index.config.parse_workers * self.machines
        size = sum(given.file.size for given in waiting)
        while len(waiting) < most and size < _AHEAD_BYTES:
            if (given := next(others, None)) is None:
                return
            waiting.append(given)
            size += given.file.size

    def _begin_parsing(self, file: ScannedFile, keeps_content: bool) -> "Future[Parsed | Unparsed]":
        nodes, settings = self.start()
        outcome: Future[Parsed | Unparsed] = Future()

        def read_and_send() -> None:
            with suppress(InvalidStateError):  # nobody waits for it any more
                try:
                    held = read(file, max_bytes=settings.parser.max_bytes)
                except BaseException as error:  # it is the caller's, who waits for the outcome
                    outcome.set_exception(error)
                    return
                if isinstance(held, Unparsed):
                    outcome.set_result(held)
                else:
                    nodes.submit("parse", file, held, keeps_content, size=1, outcome=outcome)

        self._readers.submit(read_and_send)
        return outcome


def _is_done(outcome: "Future[Parsed | Unparsed]", stop: threading.Event | None) -> bool:
    """Waits for the outcome, or for `stop`."""
    while stop is None or not stop.is_set():
        if wait([outcome], timeout=_STOP_SECONDS).done:
            return True
    return False


def _for_nodes(config: Config) -> Config:
    """The configuration as the nodes need it: without secrets, and with the model's directory as they find it."""
    directory = Path(config.model).expanduser()
    is_directory = config.model not in PACKAGED and directory.is_dir()
    return config.model_copy(
        update={
            "model": str(directory.resolve()) if is_directory else config.model,
            "encoder_api_key": None,
            "encoder_api_key_file": None,
            "chroma_headers": {},
        }
    )


def _takes_gpus(config: Config) -> bool:
    """Whether the model would run on a GPU where there is one."""
    is_cuda = config.device is None or config.device.startswith("cuda")
    return is_cuda and config.backend in ("auto", "torch") and not config.is_endpoint
