"""Retrieval quality on collections in BEIR's format, by mode.

    directory/corpus.jsonl        {"_id": ..., "title": ..., "text": ...} a line
    directory/queries.jsonl       {"_id": ..., "text": ...} a line
    directory/qrels/test.tsv      query-id, corpus-id, score between tabs; a header line is optional

Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from retrieval.errors import ConfigError, DocumentError
from retrieval.search import Mode
from retrieval.types import Document, SearchHit

Qrels = Mapping[str, Mapping[str, int]]

_QUERIES_AT_ONCE = 256  # bounds the hits that are in memory together


class Searchable(Protocol):
    """What evaluation needs of an index: the hits of each query, best first, one for each document."""

    def search_batch(
        self, queries: Sequence[str], top_k: int, *, mode: Mode, group_by_document: bool
    ) -> list[list[SearchHit]]: ...


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


def evaluate(
    index: Searchable,
    collection: Collection,
    *,
    modes: Sequence[Mode] = ("lexical", "dense", "hybrid"),
    measures: Sequence[str] = ("nDCG@10", "RR@10", "R@100", "AP"),
    depth: int = 100,
) -> dict[str, dict[str, float]]:
    """mode -> measure -> mean over all judged queries, in [0, 1]; a query without an answer counts as zero.

    A document is ranked by its best chunk: `SearchHit.source` is the document's id, and its first hit counts. Equal
    scores keep the index's order, which is what a user sees.

    measures   as ir_measures writes them (https://ir-measur.es): nDCG@10, RR@10, R@100, P@5, AP (which is MAP).
    depth      documents asked for each query.

    Raises ConfigError for a measure that is unknown or looks deeper than `depth`, and where ir-measures is missing.
    """
    ir_measures = _import_ir_measures()
    parsed = {name: _parse_measure(ir_measures, name, depth=depth) for name in measures}
    try:
        evaluator = ir_measures.evaluator(list(dict.fromkeys(parsed.values())), collection.qrels)
    except (ValueError, AssertionError) as error:  # it asserts that a measure's parameters are given
        cause = " ".join(str(error).split())
        raise ConfigError(f"ir_measures cannot compute {', '.join(measures)}: {cause}.") from error
    figures: dict[str, dict[str, float]] = {}
    for mode in modes:
        means = evaluator.calc_aggregate(_run(index, collection.queries, mode=mode, depth=depth))
        figures[mode] = {name: float(means[measure]) for name, measure in parsed.items()}
    return figures


def _run(index: Searchable, queries: Mapping[str, str], *, mode: Mode, depth: int) -> dict[str, dict[str, float]]:
    """query id -> document id -> a score that falls by 1 with each rank.

    trec_eval, which computes the figures, rounds scores to float32 and breaks ties by document id; ranks survive both.
    """
    run: dict[str, dict[str, float]] = {}
    ids = list(queries)
    for start in range(0, len(ids), _QUERIES_AT_ONCE):
        batch = ids[start : start + _QUERIES_AT_ONCE]
        answers = index.search_batch([queries[query] for query in batch], depth, mode=mode, group_by_document=True)
        for query, hits in zip(batch, answers, strict=True):
            sources = dict.fromkeys(hit.source for hit in hits)
            run[query] = {source: float(-rank) for rank, source in enumerate(sources, start=1)}
    return run


def _import_ir_measures() -> ModuleType:
    try:
        import ir_measures
    except ImportError as error:
        raise ConfigError(
            'Evaluation needs the package ir-measures; run: pip install "hybrid-retrieval[evaluate]"'
        ) from error
    module: ModuleType = ir_measures
    return module


def _parse_measure(ir_measures: ModuleType, name: str, *, depth: int) -> Any:
    try:
        measure = ir_measures.parse_measure(name)
    except (NameError, ValueError, SyntaxError, TypeError) as error:
        raise ConfigError(f"{name!r} is no measure that ir_measures knows; write it like nDCG@10 or AP.") from error
    cutoff = measure.params.get("cutoff", 0)
    if cutoff > depth:
        raise ConfigError(f"{name} looks at {cutoff} documents and depth is {depth}; evaluate with depth={cutoff}.")
    return measure


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
