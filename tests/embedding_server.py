"""A server that embeds texts over POST /v1/embeddings on loopback, with made-up vectors and with faults.

What it answers to POST /v1/rerank and /v1/chat/completions is up to the test: its `fault`.
"""

import base64
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

DIMENSION = 24

Embed = Callable[[Sequence[str]], np.ndarray]


class Fault(NamedTuple):
    """What is answered instead of vectors. `is_cut`: the connection ends in the middle of the answer."""

    status: int = 200
    body: Any = MappingProxyType({})
    headers: Mapping[str, str] = MappingProxyType({})
    is_cut: bool = False
    seconds: float = 0.0


def of_words(texts: Sequence[str], *, salt: str = "", dimension: int = DIMENSION) -> np.ndarray:
    """float32 [n, dimension]: for each text the sum of its words' vectors: common words make alike."""
    return np.array([sum(_of_word(word, salt, dimension) for word in text.lower().split()) for text in texts])


def _of_word(word: str, salt: str, dimension: int) -> np.ndarray:
    digest = hashlib.shake_128(f"{salt}{word.strip('.,;:!?')}".encode()).digest(dimension)
    return (np.frombuffer(digest, np.uint8).astype(np.float32) - 127.5) / 128


class EmbeddingServer:
    """Stands in for a server of the user.

    embed       texts -> vectors
    faults      what the next requests are answered with, first come first served; then vectors
    fault       what every request is answered with where it returns a Fault, by the request's body
    as_base64   whether it gives base64 to whom asks for it
    zips        whether answers are compressed
    shuffles    whether the vectors come in another order, with their `index`
    requests, keys   what it was sent: bodies, and Authorization headers
    at_once     the most requests that were under way at once
    """

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """As it was started."""
        self.embed: Embed = of_words
        self.faults: list[Fault] = []
        self.fault: Callable[[dict[str, Any]], Fault | None] = lambda body: None
        self.as_base64 = True
        self.shuffles = False
        self.zips = False
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.at_once = 0
        self._now = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def texts(self) -> list[str]:
        """All that it was asked to embed, in the order in which it came."""
        return [text for body in self.requests for text in body["input"]]

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """From now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: dict[str, Any], key: str | None) -> Fault:
        with self._counting:
            self.requests.append(body)
            self.keys.append(key)
            self._now += 1
            self.at_once = max(self.at_once, self._now)
            fault = self.faults.pop(0) if self.faults else self.fault(body)
        try:
            if fault is not None:
                time.sleep(fault.seconds)
            return fault if fault is not None and fault.body is not None else self._vectors(body, fault or Fault())
        finally:
            with self._counting:
                self._now -= 1

    def _vectors(self, body: dict[str, Any], fault: Fault) -> Fault:
        vectors = self.embed(body["input"]).astype(np.float32)
        as_base64 = self.as_base64 and body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        return fault._replace(body={"object": "list", "data": data[::-1] if self.shuffles else data})


def _handler(server: EmbeddingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path not in {"/v1/embeddings", "/v1/rerank", "/v1/chat/completions"}:
                answer = Fault(404, {"error": {"message": "no such path"}})
            else:
                answer = server.answer(body, self.headers["Authorization"])
            plain = dict(answer.body) if isinstance(answer.body, Mapping) else answer.body
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(plain).encode()
            zipped = {"Content-Encoding": "gzip"} if server.zips else {}
            content = gzip.compress(content, 1) if server.zips else content
            try:
                self.send_response(answer.status)
                for name, value in {**zipped, **answer.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if answer.is_cut else content)
                self.close_connection = answer.is_cut
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # nobody waits for it any more

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    return Handler


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    server = EmbeddingServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
