"""A server that embeds texts: requests to it, made again where it fails for reasons that may pass."""

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from retrieval.config import Config
from retrieval.embedding.endpoint_answers import retry_after, rows_of, words_of
from retrieval.embedding.endpoint_failures import RefusedError, asked_wait, explained, may_pass, words_of_error
from retrieval.endpoint_settings import ENDPOINT, checked_key
from retrieval.errors import ConfigError, ModelError
from retrieval.types import Vectors

if TYPE_CHECKING:
    from httpx import Client
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 20.0
"""Seconds between two tries, unless the server asks for more."""

_NO_BASE64 = {400, 415, 422, 501}
"""How a server may refuse a format that it does not know."""


class _Connections(NamedTuple):
    """Those of one process: after fork() the parent's are of no use."""

    process: int
    client: "Client"
    free: threading.Semaphore


class Endpoint:
    """Embeds texts by POST /embeddings. Threads may share it; all of them together make `encoder_requests` at once.

    pause   seconds before the second try, at most; before each further one twice as many
    """

    def __init__(self, config: Config, *, pause: float) -> None:
        self.name = config.model
        self._url = f"{config.encoder_url}/embeddings"
        self._model = config.model.removeprefix(ENDPOINT)
        self._key = _key_of(config)
        self._seconds = config.encoder_seconds
        self._at_once = config.encoder_requests
        self._pause = pause
        self._takes_base64: bool | None = None
        self._is_down = False
        self._connections: _Connections | None = None

    def embed(self, texts: Sequence[str], *, patience: float) -> Vectors:
        """float32 [n, dimension], in the order of n >= 1 texts.

        patience   seconds for which a request is made again where the server does not answer, has trouble or asks to
                   wait. After a failure each request is made once, until one succeeds.

        Raises EncoderUnavailableError where that does not help, BatchRefusedError where the server refuses the texts,
        ModelError where it refuses the request or its answer is of no use.
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
            body = retrying(self._post, texts)
            vectors = rows_of(body, count=len(texts))
        except (RequestError, InvalidURL, RefusedError) as error:
            log.debug("a request to %s failed", self._url, exc_info=True)
            self._is_down = may_pass(error)
            raise explained(error, place=self._place, has_key=self._key is not None) from None
        except ValueError as error:
            raise ModelError(f"{self._place} answers {error}. Check `model` and encoder_url.") from None
        self._is_down = False
        return vectors

    @property
    def _place(self) -> str:
        return f"{self.name} at {self._url}"

    def _post(self, texts: Sequence[str]) -> bytes:
        """Asks for base64, which takes a quarter of the room, unless the server has refused that."""
        if self._takes_base64 is None:
            try:
                body = self._request(texts, base64=True)
            except RefusedError as refusal:
                if refusal.status not in _NO_BASE64 or refusal.is_too_long:
                    raise
                body = self._request_plainly(texts, refusal)
                self._takes_base64 = False
                return body
            self._takes_base64 = True
            return body
        return self._request(texts, base64=self._takes_base64)

    def _request_plainly(self, texts: Sequence[str], refusal: RefusedError) -> bytes:
        """Raises the refusal that came first where this is refused too: it was not for the format."""
        try:
            return self._request(texts, base64=False)
        except RefusedError as error:
            raise (error if error.may_pass else refusal) from None

    def _request(self, texts: Sequence[str], *, base64: bool) -> bytes:
        """The body of an answer with data. Raises RefusedError for any other, httpx.RequestError where none comes in
        time."""
        from httpx import ReadTimeout

        asked = {"model": self._model, "input": list(texts), "encoding_format": "base64" if base64 else "float"}
        client, free = self._connected()
        with free:
            until = time.monotonic() + self._seconds
            with client.stream("POST", self._url, json=asked) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if time.monotonic() > until:  # httpx limits the time for a piece, not for all of them
                        raise ReadTimeout(f"no answer within {self._seconds:g} s", request=response.request)
        if response.status_code != 200 or b'"data"' not in body:  # some answer an unknown path so
            words = words_of(self._redacted(bytes(body)))
            raise RefusedError(response.status_code, words, wait=retry_after(response.headers))
        return bytes(body)

    def _connected(self) -> "tuple[Client, threading.Semaphore]":
        connections = self._connections
        if connections is None or connections.process != os.getpid():
            from httpx import Client

            headers = {} if self._key is None else {"Authorization": f"Bearer {self._key.get_secret_value()}"}
            client = Client(headers=headers, timeout=self._seconds)
            connections = _Connections(os.getpid(), client, threading.Semaphore(self._at_once))
            self._connections = connections
        return connections.client, connections.free

    def _tell(self, state: "RetryCallState", patience: float) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            why = words_of_error(state.outcome.exception())
            log.warning("%s does not embed: %s. Trying for %.0f s.", self._place, why, patience)

    def _redacted(self, body: bytes) -> bytes:
        """Without the key, which a server may repeat."""
        return body if self._key is None else body.replace(self._key.get_secret_value().encode("ascii"), b"[key]")


def _key_of(config: Config) -> SecretStr | None:
    """Raises ConfigError where the file with the key cannot be read or holds none."""
    file = config.encoder_api_key_file
    if file is None:
        return config.encoder_api_key
    try:
        key = checked_key(file.expanduser().read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read encoder_api_key_file {file}: {error.strerror}.") from None
    except ValueError:
        key = None
    if key is None:
        raise ConfigError(f"encoder_api_key_file {file} holds no key: one word of ASCII characters.")
    return key
