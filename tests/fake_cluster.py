"""A Ray cluster in this process: workers are objects, nodes come and go as a test says, and nothing waits."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ingest.ray_cluster import Broken, Lost, Node
from ingest.ray_worker import RayWorker, WorkerSettings
from retrieval import __version__


class FakeCluster:
    """As RayCluster.

    make       what a worker is, from the settings
    versions   what nodes answer instead of this package's version, by their id
    started    (node id, cpus, gpus) of each worker
    killed     how many workers were ended
    settings   those of the workers
    """

    def __init__(self, *names: str, make: Callable[[WorkerSettings], Any] = RayWorker) -> None:
        self.make = make
        self.versions: dict[str, tuple[str, str]] = {}
        self.started: list[tuple[str, int, int]] = []
        self.killed = 0
        self.settings: WorkerSettings | None = None
        self.is_closed = False
        self._alive = {name: Node(name, name, 4, 0) for name in names}
        self._waiting: dict[str, list[Future[Any]]] = {}
        self._of: dict[int, str] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(32)

    def join(self, node: Node) -> None:
        with self._lock:
            self._alive[node.id] = node

    def lose(self, name: str) -> None:
        """The node goes, with all that is under way on it."""
        with self._lock:
            del self._alive[name]
            waiting = self._waiting.pop(name, [])
        for answer in waiting:
            answer.set_result(Lost("the machine is gone"))

    def nodes(self) -> list[Node]:
        with self._lock:
            return list(self._alive.values())

    def version_on(self, node: Node) -> "Future[Any]":
        return self._ask(node.id, lambda: self.versions.get(node.id, (__version__, "")))

    def shared(self, settings: WorkerSettings) -> WorkerSettings:
        self.settings = settings
        return settings

    def start_worker(self, node: Node, settings: Any, *, cpus: int, gpus: int, threads: int) -> Any:
        worker = self.make(settings)
        self._of[id(worker)] = node.id
        self.started.append((node.id, cpus, gpus))
        return worker

    def call(self, worker: Any, method: str, *arguments: Any) -> "Future[Any]":
        return self._ask(self._of[id(worker)], lambda: getattr(worker, method)(*arguments))

    def kill(self, worker: Any) -> None:
        self.killed += 1

    def close(self) -> None:
        self.is_closed = True
        self._threads.shutdown()

    def _ask(self, name: str, ask: Callable[[], Any]) -> "Future[Any]":
        answer: Future[Any] = Future()
        with self._lock:
            if name not in self._alive:
                answer.set_result(Lost("the machine is gone"))
                return answer
            self._waiting.setdefault(name, []).append(answer)
        self._threads.submit(self._answer, name, ask, answer)
        return answer

    def _answer(self, name: str, ask: Callable[[], Any], answer: "Future[Any]") -> None:
        try:
            found = ask()
        except Exception as error:
            found = Broken(f"{type(error).__name__}: {error}")
        with self._lock:
            if answer not in self._waiting.get(name, []):  # the node went meanwhile
                return
            self._waiting[name].remove(answer)
        answer.set_result(found)
