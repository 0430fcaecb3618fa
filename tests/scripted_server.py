"""A server that brings the page to a browser and then answers it as a test says: late, wrongly or not at all."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

from retrieval.adapters.http.page import PAGE_POLICY, page_files, page_html

Headers = Mapping[str, str]


class Answer(NamedTuple):
    """body   JSON, or what is sent as it is: text, or pieces of it, each as soon as the iterator has it."""

    body: Any
    status: int = 200
    headers: Headers = MappingProxyType({})


Script = Callable[[str, Any, Headers], Answer]
"""What is answered to a path, with a body and headers; the page, its files and /facets are answered for it."""

STATS = {
    "generation": "1", "documents": 3, "recorded_failures": 0, "chunks": 3, "tokens": 300,
    "languages": {"english": 3}, "model": "packaged", "pooling": "mean", "dimension": 384, "max_seq_length": 256,
    "limit_is_estimated": False, "query_prefix": "query: ", "passage_prefix": "passage: ", "chunk_size": "auto",
    "bm25_variant": "bm25", "bm25_k1": 1.5, "bm25_b": 0.75,
    "folders": [{"name": "docs", "synced": True}], "reranker": None,
}  # fmt: skip

FACETS: dict[str, Any] = {
    "generation": "1", "documents": 3, "folders": [], "suffixes": [], "languages": [], "dates": [], "examples": [],
    "folders_with_files": [],
}  # fmt: skip


def problem(status: int, detail: str, **headers: str) -> Answer:
    return Answer({"type": "about:blank", "title": "Failed", "status": status, "detail": detail}, status, headers)


def found(*texts: str, has_relevant: bool = True) -> Answer:
    """The answer to a search that finds these."""
    hits = [
        {
            "id": f"{n}", "document_id": f"d{n}", "text": text, "score": 1 / n, "rank": n, "relevance": 1.0,
            "source": f"{n}.md",
            "citation": f"{n}.md:1", "title": None, "headings": [], "page": None, "page_end": None, "line_start": 1,
            "line_end": 1, "char_start": 0, "char_end": len(text), "metadata": {}, "dense_score": 0.5, "dense_rank": n,
            "lexical_score": 1.0, "lexical_rank": n, "rerank_score": None, "highlights": [],
            "duplicates": [], "duplicates_total": 0,
        }
        for n, text in enumerate(texts, 1)
    ]  # fmt: skip
    reading: dict[str, Any] = {"query": "", "corrections": [], "required": [], "excluded": []}
    reading["has_relevant"] = has_relevant
    return Answer({"generation": "1", "seconds": 0.01, "results": [reading | {"hits": hits}]})


class ScriptedServer:
    """On a port of loopback that stays the same when it is stopped and started."""

    def __init__(self) -> None:
        self.facets: dict[str, Any] = {}  # beside those of FACETS; to be set before it starts
        self.answer: Script = lambda path, body, headers: Answer(STATS)
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        headers = {"Content-Type": "text/html", "Content-Security-Policy": PAGE_POLICY}
        own = {"/": Answer(page_html(), headers=headers), "/facets": Answer(FACETS | self.facets)}
        for name, content in page_files().items():
            kind = "text/css" if name.endswith(".css") else "text/javascript"
            own[f"/page/{name}"] = Answer(content, headers={"Content-Type": kind})
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = own.get(self.path.partition("?")[0])
                self._send(found or script.answer(self.path, None, self.headers))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(script.answer(self.path, body, self.headers))

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

            def _send(self, answer: Answer) -> None:
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name.replace("_", "-"), value)
                    self.end_headers()
                    for piece in _pieces(answer.body):
                        self.wfile.write(piece.encode())
                        self.wfile.flush()
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the page no longer waits

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _pieces(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, Iterator):
        yield from body
    else:
        yield json.dumps(body)


@contextmanager
def scripted(**facets: Any) -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    server.facets = facets
    server.start()
    try:
        yield server
    finally:
        server.stop()
