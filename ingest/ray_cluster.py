"""A Ray cluster as a sync uses it: how it is reached, its nodes, and the workers that are started on them."""

import importlib.util
import logging
import os
import re
import signal
import socket
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple

from ingest.ray_worker import RayWorker, WorkerSettings
from retrieval.errors import ClusterUnavailableError, ConfigError

log = logging.getLogger(__name__)

_OWN_NODE = ("auto", "local")
"""Addresses that Ray resolves itself: the cluster that this machine is in, and one that it starts here."""

_ADDRESS = re.compile(r"(?:ray://)?(?P<host>[^\s/:\[\]]+|\[[^\s/\[\]]+\]):(?P<port>[0-9]{1,5})")

_REACHED_SECONDS = 5.0


class Node(NamedTuple):
    """A machine of the cluster: its id, what messages call it, and the processors and GPUs that Ray may give away."""

    id: str
    name: str
    cpus: int
    gpus: int


class Lost(NamedTuple):
    """Instead of an answer: the process or the machine that was asked is gone, or what it answered is."""

    reason: str


class Broken(NamedTuple):
    """Instead of an answer: what was asked failed there, in a way that no code of ours expects."""

    reason: str


def check_address(address: str) -> None:
    """Raises ConfigError for what is no address, or where Ray is not installed."""
    if address not in _OWN_NODE and not _ADDRESS.fullmatch(address):
        raise ConfigError(
            f"{address!r} is no address of a Ray cluster: write HOST:PORT from a machine of the cluster, "
            "ray://HOST:PORT from another one, auto for the cluster that this machine is in, or local for this machine."
        )
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("Ray is not installed; run: pip install 'hybrid-retrieval[ray]'")


class RayCluster:
    """Connected until `close`. One thread uses it at a time.

    Futures of `version_on` and `call` never raise: their results are answers, Lost or Broken.

    Raises ConfigError where this process is connected to another cluster or runs other versions of Ray and Python, and
    ClusterUnavailableError where the cluster does not answer.
    """

    def __init__(self, address: str) -> None:
        check_address(address)
        self._address = address
        self._disconnect = _connect(address)

    def close(self) -> None:
        self._disconnect()

    def nodes(self) -> list[Node]:
        """Those that are alive and have processors or GPUs to give away. Raises ClusterUnavailableError."""
        import ray

        try:
            found = [node for node in ray.nodes() if node["Alive"]]
        except Exception as error:  # Ray says it in many ways
            raise ClusterUnavailableError(f"The Ray cluster at {self._address} was lost: {first_line(error)}") from None
        hosts = Counter(node["NodeManagerAddress"] for node in found)
        nodes = []
        for node in found:
            host, cpus, gpus = node["NodeManagerAddress"], *(node["Resources"].get(kind, 0) for kind in ("CPU", "GPU"))
            name = host if hosts[host] == 1 else f"{host} ({node['NodeID'][:6]})"
            nodes.append(Node(node["NodeID"], name, int(cpus), int(gpus)))
        return [node for node in nodes if node.cpus or node.gpus]

    def version_on(self, node: Node) -> "Future[tuple[str, str] | Lost | Broken]":
        """The version of this package there; where it cannot be imported, "" and why."""
        import ray

        task = ray.remote(_ask_version()).options(num_cpus=0, max_retries=0, scheduling_strategy=_only_on(node))
        return _answer(task.remote)

    def start_worker(self, node: Node, settings: Any, *, cpus: int, gpus: int, threads: int) -> Any:
        """A RayWorker that has this share of the node to itself; the node starts it when that is free. `settings` as
        `shared` gives them."""
        import ray

        return (
            ray.remote(RayWorker)
            .options(
                num_cpus=cpus,
                num_gpus=gpus,
                max_concurrency=threads,
                max_restarts=0,
                scheduling_strategy=_only_on(node),
            )
            .remote(settings)
        )

    def shared(self, settings: WorkerSettings) -> Any:
        """The settings, to be sent once to each node. Raises ConfigError for an encoder that cannot be sent."""
        import ray

        try:
            return ray.put(settings)
        except TypeError as error:
            name = getattr(settings.encoder, "name", "")
            raise ConfigError(
                f"The encoder {name} cannot be sent to the nodes of a Ray cluster: {first_line(error)}."
            ) from None

    def call(self, worker: Any, method: str, *arguments: Any) -> "Future[Any]":
        return _answer(getattr(worker, method).remote, *arguments)

    def kill(self, worker: Any) -> None:
        import ray

        with suppress(Exception):  # it is gone already, or the cluster is
            ray.kill(worker)


def _answer(begin: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    answer: Future[Any] = Future()
    try:
        reference = begin(*arguments)
        begun = reference.future()
    except Exception as error:  # Ray raises what it finds of a worker that is gone, and of a connection that is
        answer.set_result(Lost(first_line(error)))
        return answer
    begun.add_done_callback(lambda done: _settle(answer, done))
    return answer


def _settle(answer: "Future[Any]", done: "Future[Any]") -> None:
    from ray.exceptions import RayTaskError

    error = done.exception()
    if error is None:
        answer.set_result(done.result())
    elif isinstance(error, RayTaskError):
        cause = error.cause
        answer.set_result(Broken(f"{type(cause).__name__}: {first_line(cause)}"))
    elif getattr(error, "actor_init_failed", False):
        answer.set_result(Broken(_last_line(error)))
    else:
        answer.set_result(Lost(first_line(error)))


def _only_on(node: Node) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)


def _ask_version() -> Callable[[], tuple[str, str]]:
    """A function within a function travels with its code: it runs also where this package is not installed."""

    def version_here() -> tuple[str, str]:
        try:
            import ingest.ray_worker
            import retrieval

            return retrieval.__version__ if ingest.ray_worker else "", ""
        except Exception as error:
            return "", f"{type(error).__name__}: {error}"

    return version_here


def _connect(address: str) -> Callable[[], None]:
    """Returns what disconnects again."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else `local` tells Ray's makers of its use
    import ray

    if ray.is_initialized():
        if address == "auto":
            return lambda: None
        raise ConfigError(
            "This program is connected to a Ray cluster already: give the address auto to use that one, or call "
            "ray.shutdown() first."
        )
    _check_reached(address)
    in_main_thread = threading.current_thread() is threading.main_thread()
    on_termination = signal.getsignal(signal.SIGTERM) if in_main_thread else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray's hints on its own next versions
            ray.init(address, log_to_driver=log.isEnabledFor(logging.DEBUG), logging_level=logging.ERROR)
    except Exception as error:  # Ray raises a dozen kinds
        with suppress(Exception):
            ray.shutdown()
        text = " ".join(str(error).split())
        if "mismatch" in text.lower():
            raise ConfigError(
                f"The Ray cluster at {address} runs other versions of Ray or Python; install the same here: {text}"
            ) from None
        raise ClusterUnavailableError(f"No Ray cluster answers at {address}: {first_line(error)}") from None

    def disconnect() -> None:
        with suppress(Exception):
            ray.shutdown()
        if on_termination is not None:
            signal.signal(signal.SIGTERM, on_termination)  # Ray has put its own in its place

    return disconnect


def _check_reached(address: str) -> None:
    """Ray itself would try for a minute, and then end this process."""
    if (found := _ADDRESS.fullmatch(address)) is None:
        return
    try:
        host = found["host"].strip("[]")
        socket.create_connection((host, int(found["port"])), timeout=_REACHED_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ClusterUnavailableError(f"No Ray cluster answers at {address}: {reason}.") from None


def _last_line(error: BaseException) -> str:
    """Where Ray gives only the traceback of what was raised there."""
    return _lines(error)[-1]


def first_line(error: BaseException) -> str:
    """Ray's messages go on for pages; one whose first line only leads to a traceback says it in its last."""
    lines = _lines(error)
    return lines[-1] if lines[0].endswith(":") else lines[0]


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
