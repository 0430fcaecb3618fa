"""The process: a socket, an application, and an end in good order."""

import asyncio
import logging
import os
import signal
import socket
import sys
from math import ceil
from types import FrameType

import uvicorn
from prometheus_client import disable_created_metrics

from retrieval.adapters.http.app import create_app
from retrieval.adapters.http.connections import PromptConnection
from retrieval.adapters.http.logs import log_as_json
from retrieval.adapters.http.service import Service
from retrieval.adapters.http.settings import ServeSettings
from retrieval.adapters.http.tracing import trace
from retrieval.errors import ConfigError

log = logging.getLogger(__name__)


def run(settings: ServeSettings, *, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish what runs, for `settings.grace` seconds at most.

    Raises ConfigError where the address cannot be had, and as HybridIndex.open.
    """
    with _listening(host, port) as listening:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when each figure began is one more series for each
        service = Service(settings)
        app = create_app(service)
        log_as_json()
        trace(app)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http=PromptConnection,  # by h11, whatever else is installed: it bounds the headers
            ws="none",
            timeout_graceful_shutdown=ceil(settings.grace),
        )
        log.info("listening at %s", url_of(listening))
        _Server(config, service).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells the service at once that it is to end, so that what would last for ever ends too; and exits with 0.

    Where something runs that was given up, it exits with 1 at once: a thread cannot be stopped. What was being written
    is then as after a power cut; the next writer recovers it.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)
        if self._service.is_given_up:
            sys.stderr.flush()
            os._exit(1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._service.stop)  # not here, where any lock may be held
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{host}:{port} cannot be listened at: {reason}. Give another --port or --host.") from None
