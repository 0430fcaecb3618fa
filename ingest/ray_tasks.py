"""The tasks that the workers of a Ray cluster share: which worker gets which next, and which answer is used."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from ingest.ray_cluster import Node
from retrieval.errors import RetrievalError

Method = Literal["parse", "embed"]
METHODS: tuple[Method, ...] = ("parse", "embed")


def _none_of_each() -> dict[Method, int]:
    return dict.fromkeys(METHODS, 0)


@dataclass(eq=False)
class Task:
    """A call of RayWorker's method. size counts towards the progress of its node; attempts are those that were lost."""

    method: Method
    arguments: tuple[Any, ...]
    size: int
    outcome: "Future[Any]"
    attempts: int = 0

    def settle(self, answer: Any) -> None:
        """Give the outcome its result, or raise it there."""
        with suppress(InvalidStateError):  # it was cancelled
            if isinstance(answer, BaseException):
                self.outcome.set_exception(answer)
            else:
                self.outcome.set_result(answer)


@dataclass(eq=False)
class Member:
    """A node of the cluster, and what it has done.

    was_there    from the beginning
    is_asked     for its version, just now
    losses       workers lost since one of its tasks was last answered
    is_refused   it gets no work
    """

    node: Node
    was_there: bool
    is_asked: bool = False
    losses: int = 0
    is_refused: bool = False
    done: dict[Method, int] = field(default_factory=_none_of_each)


@dataclass(eq=False)
class Worker:
    """A process on a node: what it can do by now, and how many tasks it has in hand."""

    handle: Any
    member: Member
    can: set[Method] = field(default_factory=set)
    in_hand: dict[Method, int] = field(default_factory=_none_of_each)


class TaskQueue:
    """Tasks that wait, and those that a worker has. One thread uses it.

    limits   how many tasks of a kind a worker has at once
    """

    def __init__(self, limits: Mapping[Method, int]) -> None:
        self._limits = limits
        self._waiting: dict[Method, deque[Task]] = {method: deque() for method in METHODS}
        self._sent: set[Task] = set()
        self._error: RetrievalError | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether any task has no worker."""
        return any(self._waiting.values())

    def put(self, task: Task) -> None:
        """At the end; once all has failed, the task fails too."""
        if self._error is not None:
            task.settle(self._error)
        else:
            self._waiting[task.method].append(task)

    def put_back(self, task: Task) -> None:
        """At the front: somebody has waited for it longest."""
        self._waiting[task.method].appendleft(task)

    def assign(self, workers: Collection[Worker]) -> Iterator[tuple[Worker, Task]]:
        """Tasks to be sent, each to a worker that has room for it."""
        for method, waiting in self._waiting.items():
            while waiting and (worker := self._freest(workers, method)) is not None:
                task = waiting.popleft()
                if not task.outcome.cancelled():
                    worker.in_hand[method] += 1
                    self._sent.add(task)
                    yield worker, task

    def take_back(self, worker: Worker, task: Task) -> bool:
        """The worker has answered, or is lost. Returns whether anybody still waits for the task."""
        worker.in_hand[task.method] -= 1
        is_wanted = task in self._sent
        self._sent.discard(task)
        return is_wanted

    def fail(self, error: RetrievalError) -> None:
        """Have all tasks raise this, those to come too."""
        self._error = self._error or error
        failed = [*self._sent, *(task for waiting in self._waiting.values() for task in waiting)]
        self._sent.clear()
        for waiting in self._waiting.values():
            waiting.clear()
        for task in failed:
            task.settle(self._error)

    def _freest(self, workers: Collection[Worker], method: Method) -> Worker | None:
        """The worker with the fewest tasks of the kind, and of these the one whose node has done the fewest."""
        limit = self._limits[method]
        free = [worker for worker in workers if method in worker.can and worker.in_hand[method] < limit]
        return min(free, key=lambda each: (each.in_hand[method], each.member.done[method]), default=None)
