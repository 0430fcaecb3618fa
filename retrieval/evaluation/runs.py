"""Runs: for each query its documents, best first. Made from an index, and exchanged in TREC's format.

    query-id Q0 document-id rank score tag

trec_eval sorts by score, in single precision, and breaks ties by document id; so here scores always fall strictly, as
float32, and the order that it evaluates is the order that a user sees. White space separates the columns: in ids it is
written as in a URL, %20 for a space and %25 for % itself.
"""

import re
from collections.abc import Collection as Container
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

import numpy as np

from retrieval.config import Mode
from retrieval.errors import ConfigError
from retrieval.evaluation.judgements import Qrels
from retrieval.evaluation.lines import read_lines
from retrieval.search_hits import SearchHit

Run = Mapping[str, Mapping[str, float]]
"""Query id -> document's source -> score, strictly falling as float32."""

_QUERIES_AT_ONCE = 256  # bounds the hits that are in memory together


class Searchable(Protocol):
    """What evaluation needs of an index: the hits of each query, best first, one for each document."""

    def search_batch(
        self,
        queries: Sequence[str],
        top_k: int,
        *,
        mode: Mode,
        group_by_document: bool,
        operators: bool,
        collapse: bool,
        highlight: bool,
    ) -> Sequence[Sequence[SearchHit]]: ...


def answer(index: Searchable, queries: Mapping[str, str], *, mode: Mode, depth: int) -> dict[str, dict[str, float]]:
    """A run of at most `depth` documents a query; each stands where its best chunk does.

    The queries are natural language: what looks like an operator in them is none. Documents were judged one by one:
    those that say the same are not collapsed.
    """
    run: dict[str, dict[str, float]] = {}
    ids = list(queries)
    for start in range(0, len(ids), _QUERIES_AT_ONCE):
        batch = ids[start : start + _QUERIES_AT_ONCE]
        texts = [queries[query] for query in batch]
        answers = index.search_batch(
            texts, depth, mode=mode, group_by_document=True, operators=False, collapse=False, highlight=False
        )
        for query, hits in zip(batch, answers, strict=True):
            best: dict[str, float] = {}
            for hit in hits:
                best.setdefault(hit.source, hit.score)
            run[query] = dict(zip(best, strictly_falling(best.values()), strict=True))
    return run


def first(run: Run, depth: int) -> dict[str, dict[str, float]]:
    """The best `depth` documents of each query."""
    return {query: dict(islice(documents.items(), depth)) for query, documents in run.items()}


def reach(run: Run) -> int:
    """How many documents the query with most of them has."""
    return max(map(len, run.values()), default=0)


def strictly_falling(scores: Iterable[float]) -> list[float]:
    """The scores as float32; one that does not fall below the one before it becomes the next number below that."""
    falling: list[float] = []
    above = np.float32(np.inf)
    for score in scores:
        above = min(np.float32(score), np.nextafter(above, np.float32(-np.inf)))
        falling.append(float(above))
    return falling


def write_run(path: Path, run: Run, *, tag: str) -> None:
    """A file in TREC's format."""
    lines = (
        f"{escaped(query)} Q0 {escaped(document)} {rank} {score:.9g} {tag}\n"
        for query, documents in run.items()
        for rank, (document, score) in enumerate(documents.items(), start=1)
    )
    path.write_text("".join(lines), encoding="utf-8")


def write_qrels(path: Path, qrels: Qrels) -> None:
    """TREC's four columns, with the ids that `write_run` writes."""
    lines = (
        f"{escaped(query)} 0 {escaped(document)} {relevance}\n"
        for query, documents in qrels.items()
        for document, relevance in documents.items()
    )
    path.write_text("".join(lines), encoding="utf-8")


def read_run(path: Path, qrels: Qrels, *, sources: Mapping[str, str] | None = None) -> dict[str, dict[str, float]]:
    """A run file, ours or another system's: its judged queries, in the order of its scores; equal ones by rank.

    Ids that the judgements have stand for themselves, others are taken for escaped ones.

    sources   what the judgements call a document that the run may call otherwise; see `resolve`

    Raises ConfigError naming file, line and cause, and where no judged query is in it.
    """
    ranked: dict[str, dict[str, tuple[float, int]]] = {}
    for where, line in read_lines(path):
        try:
            query, _, document, rank, score, _ = line.split()
            place = (-float(score), int(rank))
        except ValueError as error:
            raise ConfigError(f"{where}: expected the six columns of a TREC run, got {line[:80]!r}.") from error
        if (query := _known(query, qrels)) in qrels:
            documents = ranked.setdefault(query, {})
            document = _known(document, qrels[query])
            document = (sources or {}).get(document, document)
            if document in documents:
                raise ConfigError(f"{where}: document {document!r} came before for query {query!r}.")
            documents[document] = place
    if not ranked:
        raise ConfigError(f"{path}: no judged query is in it; is it a run on the same collection?")
    run = {}
    for query, places in ranked.items():
        best = sorted(places, key=places.__getitem__)
        run[query] = dict(zip(best, strictly_falling(-places[document][0] for document in best), strict=True))
    return run


def escaped(name: str) -> str:
    return re.sub(r"[\s%]", lambda match: quote(match[0], safe=""), name)


def _known(name: str, names: Container[str]) -> str:
    return name if name in names else unquote(name)
