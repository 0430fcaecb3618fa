"""Documents as JSON lines: many at once, with one result a line."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from pydantic import ValidationError
from starlette.requests import Request

from ingest import add
from ingest.root import check_free
from retrieval.adapters.http.document_requests import MAX_DOCUMENTS, DocumentBody
from retrieval.adapters.http.granted_index import GrantedIndex
from retrieval.adapters.http.problems import Refusal, problem_of
from retrieval.adapters.redaction import redact_paths
from retrieval.adapters.sources import check_source
from retrieval.errors import RetrievalError
from retrieval.types import Document, document_id

MEDIA_TYPES = ("application/x-ndjson", "application/jsonl", "application/jsonlines")

_LETTERS = 4_000_000
"""Bytes of lines that are in memory at once; one may have more."""

Line = tuple[int, bytes]


@asynccontextmanager
async def spooled(request: Request) -> AsyncIterator[IO[bytes]]:
    """The body in a file, read whole before it is answered: clients send all before they read."""
    with TemporaryFile() as file:
        async for part in request.stream():
            await asyncio.to_thread(file.write, part)
        file.seek(0)
        yield file


async def results(index: GrantedIndex, file: IO[bytes]) -> AsyncIterator[bytes]:
    """A line of JSON for each line that is not empty: {line, source, id, status: indexed or failed, detail}."""
    lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
    while batch := await asyncio.to_thread(_batch, lines):
        for result in await _indexed(index, batch):
            yield json.dumps(result).encode() + b"\n"


def _batch(lines: Iterator[Line]) -> list[Line]:
    batch: list[Line] = []
    size = 0
    for line in islice(lines, MAX_DOCUMENTS):
        batch.append(line)
        size += len(line[1])
        if size >= _LETTERS:
            break
    return batch


async def _indexed(index: GrantedIndex, batch: Sequence[Line]) -> list[dict[str, Any]]:
    """What became of each line."""
    read = await asyncio.to_thread(lambda: [_read(line) for _, line in batch])
    found: dict[int, dict[str, Any]] = {}
    last: dict[str, tuple[int, Document]] = {}
    try:
        folders = await index.read(index.folders)
    except Exception as error:  # each line is told
        return [_failed(number, None, error) for number, _ in batch]
    for (number, _), document in zip(batch, read, strict=True):
        if isinstance(document, Exception):
            found[number] = _failed(number, None, document)
            continue
        try:
            check_source(document.source)
            check_free([document.source], folders)
            await index.check_writable([document])
        except (RetrievalError, Refusal) as error:
            found[number] = _failed(number, document.source, error)
            continue
        if document.source in last:  # the later one replaces it
            earlier, _ = last[document.source]
            found[earlier] = _done(earlier, document.source)
        last[document.source] = number, document
    documents = [document for _, document in last.values()]
    try:
        ids = [document_id(document.source) for document in documents]
        report = await index.write(lambda opened: add(documents, opened), action="add", documents=ids) if ids else None
    except Exception as error:
        found.update((number, _failed(number, source, error)) for source, (number, _) in last.items())
        return [found[number] for number, _ in batch]
    if report is not None:
        index.written(report)
        without = [*map(tuple, report.failed), *map(tuple, report.skipped)]
        reasons = {source: redact_paths(reason) for source, reason in without}
        for source, (number, _) in last.items():
            detail = reasons.get(source)
            found[number] = _done(number, source) if detail is None else _result(number, source, "failed", detail)
    return [found[number] for number, _ in batch]


def _read(line: bytes) -> Document | Exception:
    try:
        return Document(**DocumentBody.model_validate(json.loads(line)).model_dump())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "/".join(["#", *map(str, first["loc"])])
        return ValueError(f"{place}: {first['msg']}")
    except (ValueError, RecursionError):
        return ValueError("The line is not JSON.")


def _failed(number: int, source: str | None, error: Exception) -> dict[str, Any]:
    detail = str(error) if type(error) is ValueError else problem_of(error)["detail"]
    return _result(number, source, "failed", detail)


def _done(number: int, source: str) -> dict[str, Any]:
    return _result(number, source, "indexed", "")


def _result(number: int, source: str | None, status: str, detail: str) -> dict[str, Any]:
    id_ = document_id(source) if source is not None and status == "indexed" else None
    return {"line": number, "source": source, "id": id_, "status": status, "detail": detail}
