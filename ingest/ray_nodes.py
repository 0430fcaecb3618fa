"""The workers on a cluster's nodes, and the tasks that they share: each is done once, whatever becomes of a node."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from ingest.ray_cluster import Broken, Lost, Node
from ingest.ray_tasks import Member, Method, Task, TaskQueue, Worker
from ingest.ray_worker import ModelFacts, WorkerSettings
from ingest.report import NodeProgress
from retrieval import __version__
from retrieval.errors import ClusterUnavailableError, ConfigError, ModelError, RetrievalError

log = logging.getLogger(__name__)

_EMBEDDING = 2
"""Slices of passages on a worker at once: no core waits for the last texts of one, and none for the network."""

_PARSING = 2
"""Files on a worker for each of its parsers: the next one is there when one is done."""

_ATTEMPTS = 4
"""After so many workers died of a task, it is given up: it may be what kills them."""

_LOSSES = 3
"""A node that has lost so many workers gets no other."""

_TICK_SECONDS = 5.0
"""How often to look for nodes that have come or gone."""

_START_SECONDS = 120.0
"""How long work waits for any worker to start: nodes take half a minute to join, and a busy one longer to get free."""


class Cluster(Protocol):
    """As RayCluster."""

    def nodes(self) -> list[Node]: ...

    def version_on(self, node: Node) -> "Future[tuple[str, str] | Lost | Broken]": ...

    def start_worker(self, node: Node, settings: Any, *, cpus: int, gpus: int, threads: int) -> Any: ...

    def shared(self, settings: WorkerSettings) -> Any: ...

    def call(self, worker: Any, method: str, *arguments: Any) -> "Future[Any]": ...

    def kill(self, worker: Any) -> None: ...

    def close(self) -> None: ...


class RayNodes:
    """A worker for each GPU of a node, or one for a node without. Any thread may submit tasks; one thread of its own
    asks the cluster.

    A task whose worker is lost goes to another one, and only the answer that comes is used. A node that joins later
    gets workers too. Where a node that was there from the beginning has another version of this package, or another
    model, all tasks raise ConfigError, or what loading the model raised; one that comes later is left out.

    facts       those of the model, which each node must have; None where nodes only parse
    takes_gpus  whether the model runs on them

    Raises ClusterUnavailableError where the cluster has no nodes to work on.
    """

    def __init__(
        self,
        cluster: Cluster,
        settings: WorkerSettings,
        *,
        facts: ModelFacts | None,
        takes_gpus: bool = True,
        start_seconds: float = _START_SECONDS,
        tick_seconds: float = _TICK_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._facts = facts
        self._takes_gpus = takes_gpus
        self._start_seconds = start_seconds
        self._tick_seconds = tick_seconds
        self._threads = _PARSING * settings.parsers + _EMBEDDING + 2
        self._tasks = TaskQueue({"parse": _PARSING * settings.parsers, "embed": _EMBEDDING})
        self._events: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._members: dict[str, Member] = {}
        self._workers: list[Worker] = []
        self._has_failed = False
        self._idle_since = time.monotonic()
        nodes = cluster.nodes()
        if not nodes:
            raise ClusterUnavailableError("The Ray cluster has no node with processors to work on; see `ray status`.")
        self._shared = cluster.shared(settings)
        self.machines = sum(map(self._share, nodes))
        self._thread = threading.Thread(target=self._run, name="ray nodes", daemon=True)
        self._events.put(partial(self._take_up, nodes, was_there=True))
        self._thread.start()

    def submit(self, method: Method, *arguments: Any, size: int, outcome: "Future[Any]") -> None:
        """Have a worker call its method; the outcome gets what it returns. A cancelled one is not begun."""
        task = Task(method, arguments, size, outcome)
        self._events.put(partial(self._add, task))

    def progress(self) -> tuple[NodeProgress, ...]:
        """What each node has done so far, in the order in which they came."""
        members = list(self._members.values())
        return tuple(NodeProgress(each.node.name, each.done["parse"], each.done["embed"]) for each in members)

    def close(self) -> None:
        """End the workers, whatever they do; what was not answered yet raises ClusterUnavailableError."""
        self._events.put(None)
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic() + self._tick_seconds
        while (event := self._next_event(due)) is not None:
            if time.monotonic() >= due:
                due = time.monotonic() + self._tick_seconds
                self._do(self._tick)
            self._do(event)
        self._fail(ClusterUnavailableError("The Ray cluster was left."))
        for worker in self._workers:
            self._cluster.kill(worker.handle)

    def _next_event(self, due: float) -> Callable[[], None] | None:
        try:
            return self._events.get(timeout=max(due - time.monotonic(), 0))
        except Empty:
            return lambda: None

    def _do(self, event: Callable[[], None]) -> None:
        try:
            event()
        except RetrievalError as error:
            self._fail(error)
        except Exception as error:  # nobody else would hear of it
            log.debug("asking the Ray cluster failed", exc_info=True)
            self._fail(ClusterUnavailableError(f"The Ray cluster failed: {type(error).__name__}: {error}"))

    def _fail(self, error: RetrievalError) -> None:
        self._has_failed = True
        self._tasks.fail(error)

    def _when(self, answer: "Future[Any]", then: Callable[[Any], None]) -> None:
        answer.add_done_callback(lambda done: self._events.put(partial(then, done.result())))

    # Nodes and their workers

    def _tick(self) -> None:
        if not self._has_failed:
            self._take_up(self._cluster.nodes(), was_there=False)
            self._check_idle()

    def _take_up(self, nodes: list[Node], *, was_there: bool) -> None:
        """Give nodes the workers that they lack, once they have told their version."""
        for node in nodes:
            if (member := self._members.get(node.id)) is None:
                member = self._members[node.id] = Member(node, was_there)
            if self._lacks(member) and not (member.is_asked or member.is_refused):
                member.is_asked = True
                self._when(self._cluster.version_on(node), partial(self._versioned, member))

    def _lacks(self, member: Member) -> int:
        return self._share(member.node) - sum(worker.member is member for worker in self._workers)

    def _versioned(self, member: Member, answer: tuple[str, str] | Lost | Broken) -> None:
        member.is_asked = False
        if isinstance(answer, Lost | Broken):
            self._lose(member)
            return
        version, problem = answer
        if version != __version__:
            found = f"hybrid-retrieval {version}" if version else f"no hybrid-retrieval ({problem})"
            self._refuse(
                member,
                ConfigError(f"The Ray node {member.node.name} has {found}; install {__version__} there, as here."),
            )
            return
        for _ in range(self._lacks(member)):
            handle = self._cluster.start_worker(
                member.node,
                self._shared,
                cpus=member.node.cpus // self._share(member.node),
                gpus=1 if self._has_gpu(member.node) else 0,
                threads=self._threads,
            )
            worker = Worker(handle, member)
            self._workers.append(worker)
            self._when(self._cluster.call(handle, "start"), partial(self._started, worker))

    def _started(self, worker: Worker, answer: Lost | Broken | None) -> None:
        name = worker.member.node.name
        if isinstance(answer, Lost):
            self._lose_worker(worker, answer.reason)
            return
        if isinstance(answer, Broken):
            self._refuse(worker.member, ConfigError(f"The Ray node {name} cannot start a worker: {answer.reason}"))
            return
        log.debug("a worker has started on the Ray node %s", name)
        worker.can.add("parse")
        if self._facts is not None:
            self._when(self._cluster.call(worker.handle, "load"), partial(self._loaded, worker))
        self._dispatch()

    def _loaded(self, worker: Worker, answer: ModelFacts | RetrievalError | Lost | Broken) -> None:
        name = worker.member.node.name
        if isinstance(answer, Lost):
            self._lose_worker(worker, answer.reason)
        elif isinstance(answer, Broken):
            self._refuse(worker.member, ModelError(f"The Ray node {name} cannot load the model: {answer.reason}"))
        elif isinstance(answer, RetrievalError):
            self._refuse(worker.member, type(answer)(f"The Ray node {name} cannot load the model: {answer}"))
        elif self._facts is not None and answer != self._facts:
            differing = ", ".join(
                f"{part.replace('_', ' ')} {_short(theirs)} there and {_short(ours)} here"
                for part, theirs, ours in zip(ModelFacts._fields, answer, self._facts, strict=True)
                if theirs != ours
            )
            self._refuse(
                worker.member,
                ConfigError(
                    f"The Ray node {name} has another model than this machine ({differing}); give both the same."
                ),
            )
        else:
            worker.can.add("embed")
            self._dispatch()

    def _refuse(self, member: Member, error: RetrievalError) -> None:
        member.is_refused = True
        for worker in [worker for worker in self._workers if worker.member is member]:
            self._forget(worker)
        if member.was_there:
            raise error
        log.warning("%s It is left out until then.", error)

    def _lose_worker(self, worker: Worker, reason: str) -> None:
        if worker in self._workers:
            self._forget(worker)
            self._lose(worker.member)
            then = "The node gets no other." if worker.member.is_refused else "What it had in hand is done again."
            log.warning("A worker on the Ray node %s was lost: %s %s", worker.member.node.name, reason, then)

    def _lose(self, member: Member) -> None:
        member.losses += 1
        member.is_refused = member.losses >= _LOSSES

    def _forget(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._cluster.kill(worker.handle)

    def _has_gpu(self, node: Node) -> bool:
        return bool(node.gpus) and self._takes_gpus

    def _share(self, node: Node) -> int:
        """The workers of a node."""
        return node.gpus if self._has_gpu(node) else 1

    # Tasks

    def _add(self, task: Task) -> None:
        self._tasks.put(task)
        self._dispatch()

    def _dispatch(self) -> None:
        for worker, task in self._tasks.assign(self._workers):
            answer = self._cluster.call(worker.handle, task.method, *task.arguments)
            self._when(answer, partial(self._answered, worker, task))

    def _answered(self, worker: Worker, task: Task, answer: Any) -> None:
        name = worker.member.node.name
        is_wanted = self._tasks.take_back(worker, task)
        if isinstance(answer, Lost):
            self._lose_worker(worker, answer.reason)
            task.attempts += 1
            if is_wanted and task.attempts < _ATTEMPTS:
                self._tasks.put_back(task)
            else:
                lost = f"{task.attempts} workers of the Ray cluster were lost at the same task, the last on {name}"
                task.settle(ClusterUnavailableError(f"{lost}: {answer.reason}"))
        elif isinstance(answer, Broken):
            task.settle(ModelError(f"The Ray node {name} failed: {answer.reason}"))
        else:
            worker.member.losses = 0
            worker.member.done[task.method] += 0 if isinstance(answer, RetrievalError) else task.size
            task.settle(answer)
        self._dispatch()

    def _check_idle(self) -> None:
        """Raises ClusterUnavailableError where work has waited too long for a worker."""
        now = time.monotonic()
        if any(worker.can for worker in self._workers) or not self._tasks.is_waiting:
            self._idle_since = now
        elif now - self._idle_since > self._start_seconds:
            asked = sum(not member.is_refused for member in self._members.values())
            why = "their processors are taken, or they do not answer" if asked else "all were lost"
            raise ClusterUnavailableError(
                f"No node of the Ray cluster takes up work for {self._start_seconds:.0f} s: {why}; see `ray status`."
            )


def _short(value: object) -> str:
    """A hash by its first digits."""
    return str(value)[:12]
