"""A server that is sent JSON over HTTP, again where it fails for reasons that may pass."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import SecretStr

from retrieval.endpoints.answers import retry_after, words_of
from retrieval.endpoints.failures import Advice, RefusedError, asked_wait, explained, may_pass, words_of_error
from retrieval.errors import ModelError

if TYPE_CHECKING:
    from httpx import Client
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_LONGEST_PAUSE = 20.0
"""Seconds between two tries, unless the server asks for more."""


class _Connections(NamedTuple):
    """Those of one process: after fork() the parent's are of no use."""

    process: int
    client: "Client"
    free: threading.Semaphore


class JsonEndpoint:
    """Takes POST requests at one address. Threads may share it.

    name      of the model, for messages
    key       sent as a bearer token; no message shows it
    mark      what every answer of use holds: some servers answer an unknown path with status 200
    seconds   that an answer may take, all of it
    at_once   the most requests under way, of all threads together
    pause     seconds before the second try, at most; before each further one twice as many
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        key: SecretStr | None,
        mark: bytes,
        advice: Advice,
        seconds: float,
        at_once: int,
        pause: float,
    ) -> None:
        self._url = url
        self._place = f"{name} at {url}"
        self._key = key
        self._mark = mark
        self._advice = advice
        self._seconds = seconds
        self._at_once = at_once
        self._pause = pause
        self._is_down = False
        self._connections: _Connections | None = None

    def ask(self, send: Callable[[], bytes], read: Callable[[bytes], Answer], *, patience: float) -> Answer:
        """What `read` makes of the body that `send` brings by calling `post`.

        read       raises ValueError, in words that follow "the server answers", for a body of no use.
        patience   seconds for which `send` is called again where the server does not answer, has trouble or asks to
                   wait. After a failure it is called once, until that succeeds.

        Raises the advice's `unavailable` where that does not help, BatchRefusedError where the server refuses what the
        request holds, ModelError where it refuses the request or its answer is of no use.
        """
        from httpx import InvalidURL, RequestError
        from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

        random_wait = wait_random_exponential(multiplier=self._pause, max=_LONGEST_PAUSE)
        retrying = Retrying(
            retry=retry_if_exception(may_pass),
            wait=lambda state: max(random_wait(state), asked_wait(state)),
            stop=stop_before_delay(0 if self._is_down else patience),
            before_sleep=lambda state: self._tell(state, patience),
            reraise=True,
        )
        try:
            body = retrying(send)
            answer = read(body)
        except (RequestError, InvalidURL, RefusedError) as error:
            log.debug("a request to %s failed", self._url, exc_info=True)
            self._is_down = may_pass(error)
            raise explained(error, place=self._place, has_key=self._key is not None, advice=self._advice) from None
        except ValueError as error:
            raise ModelError(f"{self._place} answers {error}. {self._advice.request}.") from None
        self._is_down = False
        return answer

    def post(self, asked: Mapping[str, Any]) -> bytes:
        """The body of an answer with the mark, asked for once.

        Raises RefusedError for any other, httpx.RequestError where none comes in time, ModelError where the
        environment's proxy or certificates cannot be used.
        """
        from httpx import ReadTimeout

        client, free = self._connected()
        with free:
            until = time.monotonic() + self._seconds
            with client.stream("POST", self._url, json=asked) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if time.monotonic() > until:  # httpx limits the time for a piece, not for all of them
                        raise ReadTimeout(f"no answer within {self._seconds:g} s", request=response.request)
        if response.status_code != 200 or self._mark not in body:
            content = bytes(body)
            if response.has_redirect_location:  # which is not followed: another host is not to get the key
                content = f"it has moved to {response.headers['location']}".encode()
            words = words_of(content, key=self._key)
            raise RefusedError(response.status_code, words, wait=retry_after(response.headers))
        return bytes(body)

    def _connected(self) -> "tuple[Client, threading.Semaphore]":
        connections = self._connections
        if connections is None or connections.process != os.getpid():
            from httpx import Client

            headers = {} if self._key is None else {"Authorization": f"Bearer {self._key.get_secret_value()}"}
            try:
                client = Client(headers=headers, timeout=self._seconds)
            except (ValueError, ImportError, OSError) as error:
                raise ModelError(
                    f"{self._place} cannot be asked: {words_of_error(error)}. Check the environment's proxy "
                    "(HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) and certificates (SSL_CERT_FILE, SSL_CERT_DIR)."
                ) from None
            connections = _Connections(os.getpid(), client, threading.Semaphore(self._at_once))
            self._connections = connections
        return connections.client, connections.free

    def _tell(self, state: "RetryCallState", patience: float) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            why = words_of_error(state.outcome.exception())
            log.warning("%s does not %s: %s. Trying for %.0f s.", self._place, self._advice.verb, why, patience)
