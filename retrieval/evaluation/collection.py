"""Test collections in BEIR's format: documents, queries and judgements.

    directory/corpus.jsonl        {"_id": ..., "title": ..., "text": ...} a line
    directory/queries.jsonl       {"_id": ..., "text": ...} a line
    directory/qrels/test.tsv      query-id, corpus-id, score between tabs; a header line is optional

Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models".
"""

from collections.abc import Collection as Container
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from retrieval.errors import ConfigError, DocumentError
from retrieval.evaluation.judgements import Qrels, read_judgements
from retrieval.evaluation.lines import read_entries, string_of
from retrieval.types import Document


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, the queries that were judged, and the judgements.

    documents   in the corpus's order; `source` is the corpus's _id. Empty where a folder holds them.
    queries     id -> text.
    qrels       query id -> document's source -> relevance, 0 and below for "not relevant".
    """

    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    qrels: Qrels


class Resolved(NamedTuple):
    """A collection whose judgements name documents as the index does.

    sources   judged document -> what the index calls it
    missing   judged documents that it does not have
    """

    collection: Collection
    sources: Mapping[str, str]
    missing: tuple[str, ...]


def read_collection(directory: Path, *, split: str = "test") -> Collection:
    """Read a collection in BEIR's format; titles and texts stay as they are.

    split   the name of the judgements' file, `qrels/<split>.tsv`.

    Raises ConfigError naming file, line and cause.
    """
    corpus, qrels = directory / "corpus.jsonl", directory / "qrels" / f"{split}.tsv"
    splits = sorted(path.stem for path in qrels.parent.glob("*.tsv"))
    if splits and split not in splits:
        raise ConfigError(f"{qrels}: no such file; this collection has the split {' and '.join(splits)}: name it.")
    for path in (corpus, directory / "queries.jsonl", qrels):
        if not path.is_file():
            raise ConfigError(
                f"{path}: no such file; a collection has corpus.jsonl, queries.jsonl and qrels/<split>.tsv, and a "
                "folder of any documents is given together with its queries and qrels."
            )
    queries, judged = read_judgements(directory / "queries.jsonl", qrels)
    return Collection(documents=tuple(read_corpus(corpus)), queries=queries, qrels=judged)


def resolve(collection: Collection, sources: Container[str], *, folder: str | None = None) -> Resolved:
    """The same judgements by the index's own names.

    sources   what the index holds.
    folder    what sources begin with; a judged document may then also be a path relative to the folder.

    Raises ConfigError where the index has none of the judged documents, or two of their names mean one.
    """
    known = set(sources)
    qrels: dict[str, dict[str, int]] = {}
    named: dict[str, str] = {}
    for query, documents in collection.qrels.items():
        judged = qrels[query] = {}
        for document, relevance in documents.items():
            source = named[document] = _source_of(document, known, folder=folder)
            if judged.setdefault(source, relevance) != relevance:
                raise ConfigError(f"The document {source!r} is judged twice for query {query!r}, by two of its names.")
    missing = tuple(sorted(document for document, source in named.items() if source not in known))
    if len(missing) == len(named):
        example = min(known, default=None)
        raise ConfigError(
            f"None of the {len(missing)} judged documents, such as {missing[0]!r}, is in the index, "
            + (f"whose sources look like {example!r}; name them so in the qrels." if example else "which is empty.")
        )
    return Resolved(replace(collection, qrels=qrels), named, missing)


def _source_of(document: str, known: Container[str], *, folder: str | None) -> str:
    inside = f"{folder}/{document.removeprefix('./')}"
    return inside if folder is not None and document not in known and inside in known else document


def read_corpus(path: Path) -> Iterator[Document]:
    """The documents of a corpus.jsonl. Raises as `read_collection`."""
    for where, key, entry in read_entries(path):
        title = entry.get("title") or None
        if title is not None and not isinstance(title, str):
            raise ConfigError(f"{where}: title is a string, got {title!r}.")
        try:
            yield Document(source=key, text=string_of(entry, "text", where=where), title=title)
        except DocumentError as error:
            raise ConfigError(f"{where}: {error}") from error
