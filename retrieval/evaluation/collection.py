"""Test collections in BEIR's format: documents, queries and judgements.

    directory/corpus.jsonl        {"_id": ..., "title": ..., "text": ...} a line
    directory/queries.jsonl       {"_id": ..., "text": ...} a line
    directory/qrels/test.tsv      query-id, corpus-id, score between tabs; a header line is optional

Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models".
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import ConfigError, DocumentError
from retrieval.types import Document

Qrels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, the queries that were judged, and the judgements.

    documents   in the corpus's order; `source` is the corpus's _id.
    queries     id -> text.
    qrels       query id -> document's _id -> relevance, 0 and below for "not relevant".
    """

    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    qrels: Qrels


def read_collection(directory: Path, *, split: str = "test") -> Collection:
    """Read a collection in BEIR's format; titles and texts stay as they are.

    split   the name of the judgements' file, `qrels/<split>.tsv`.

    Raises ConfigError naming file, line and cause.
    """
    qrels = _read_qrels(directory / "qrels" / f"{split}.tsv")
    texts = {query: text for query, text in _read_queries(directory / "queries.jsonl") if query in qrels}
    if missing := sorted(qrels.keys() - texts.keys()):
        raise ConfigError(
            f"{directory / 'queries.jsonl'}: {len(missing)} judged queries are missing, such as {missing[0]!r}; "
            f"complete it or correct qrels/{split}.tsv."
        )
    return Collection(documents=tuple(_read_corpus(directory / "corpus.jsonl")), queries=texts, qrels=qrels)


def _read_corpus(path: Path) -> Iterator[Document]:
    for where, key, entry in _read_entries(path):
        title = entry.get("title") or None
        if title is not None and not isinstance(title, str):
            raise ConfigError(f"{where}: title is a string, got {title!r}.")
        try:
            yield Document(source=key, text=_string(entry, "text", where=where), title=title)
        except DocumentError as error:
            raise ConfigError(f"{where}: {error}") from error


def _read_queries(path: Path) -> Iterator[tuple[str, str]]:
    for where, key, entry in _read_entries(path):
        yield key, _string(entry, "text", where=where)


def _read_entries(path: Path) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Where it stands, its _id and the whole object, for each line of a JSON Lines file; every _id is unique."""
    seen: set[str] = set()
    for where, line in _read_lines(path):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{where}: not a line of JSON: {error.msg} at column {error.colno}.") from error
        if not isinstance(entry, dict):
            raise ConfigError(f"{where}: expected an object with _id and text, got {line[:80]!r}.")
        key = _string(entry, "_id", where=where)
        if key in seen:
            raise ConfigError(f"{where}: _id {key!r} came before; every _id must be unique.")
        seen.add(key)
        yield where, key, entry


def _read_qrels(path: Path) -> Qrels:
    qrels: dict[str, dict[str, int]] = {}
    for number, (where, line) in enumerate(_read_lines(path)):
        fields = line.split("\t")
        if number == 0 and fields[-1].strip().casefold() == "score":
            continue
        try:
            query, document, score = fields
            relevance = int(score)
        except ValueError as error:
            raise ConfigError(
                f"{where}: expected query-id, corpus-id and a whole number between tabs, got {line[:80]!r}."
            ) from error
        if qrels.setdefault(query, {}).setdefault(document, relevance) != relevance:
            raise ConfigError(f"{where}: query {query!r} and document {document!r} were judged otherwise before.")
    if not qrels:
        raise ConfigError(f"{path}: no judgements in it; at least one is needed.")
    return qrels


def _read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """ "file:line" and the text of each line that is not blank."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; a collection has corpus.jsonl, queries.jsonl and qrels/<split>.tsv."
        ) from error
    with file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ConfigError(f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line).") from error
            if line := line.rstrip("\r\n"):
                yield f"{path}:{number}", line


def _string(entry: Mapping[str, object], key: str, *, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {key} must be a string, got {value!r}.")
    return value
