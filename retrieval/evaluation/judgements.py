"""Queries and what was judged relevant to them. Each is read in the two formats that it is found in:

    queries   {"_id": ..., "text": ...} a line, as in BEIR; or an id, a tab and the text
    qrels     query-id, corpus-id and score between tabs, as in BEIR; or query, iteration, document and relevance, as in
              TREC, between tabs, or between spaces with names as in a URL, %20 for a space

The content tells which it is, not the file's name.
"""

import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from retrieval.errors import ConfigError
from retrieval.evaluation.lines import read_entries, read_lines, string_of

log = logging.getLogger(__name__)

Qrels = Mapping[str, Mapping[str, int]]
"""Query id -> document -> relevance, 0 and below for "not relevant"."""


class Judgements(NamedTuple):
    """The queries that were judged (id -> text), in their file's order, and the judgements."""

    queries: Mapping[str, str]
    qrels: Qrels


def read_judgements(queries: Path, qrels: Path) -> Judgements:
    """Raises ConfigError naming file, line and cause."""
    judged = _read_qrels(qrels)
    texts: dict[str, str] = {}
    left_out = 0
    for where, query, text in _read_queries(queries):
        if query not in judged:
            left_out += 1
        else:
            if not text.strip():
                raise ConfigError(f"{where}: query {query!r} has no text; give it one, or take it out of {qrels.name}.")
            texts[query] = text
    if not any(relevance > 0 for documents in judged.values() for relevance in documents.values()):
        raise ConfigError(f"{qrels}: no document is relevant to any query; a relevance of 1 or more says that one is.")
    if missing := sorted(judged.keys() - texts.keys()):
        raise ConfigError(
            f"{queries}: {len(missing)} of {len(judged)} judged queries are not in it, such as {missing[0]!r}; "
            f"complete it or correct {qrels.name}."
        )
    if left_out:
        asked = left_out + len(texts)
        log.warning("%s: %d of %d queries have no judgements and are left out.", queries, left_out, asked)
    return Judgements(texts, judged)


def _read_queries(path: Path) -> Iterator[tuple[str, str, str]]:
    """Where it stands, id and text."""
    if all(line.lstrip().startswith("{") for _, line in islice(read_lines(path), 1)):
        for where, key, entry in read_entries(path):
            yield where, key, string_of(entry, "text", where=where)
        return
    seen: set[str] = set()
    for where, line in read_lines(path):
        key, tab, text = line.partition("\t")
        if not (key and tab):
            raise ConfigError(f"{where}: expected a query's id, a tab and its text, got {line[:80]!r}.")
        if key in seen:
            raise ConfigError(f"{where}: query {key!r} came before; every id must be unique.")
        seen.add(key)
        yield where, key, text


def _read_qrels(path: Path) -> Qrels:
    qrels: dict[str, dict[str, int]] = {}
    for number, (where, line) in enumerate(read_lines(path)):
        fields = line.split("\t") if "\t" in line else line.split()
        if number == 0 and fields[-1].strip().casefold() == "score":
            continue
        try:
            query, document, relevance = _judgement(fields, between_tabs="\t" in line)
        except ValueError as error:
            raise ConfigError(
                f"{where}: expected query-id, corpus-id and a whole number between tabs, or the four columns of TREC, "
                f"got {line[:80]!r}."
            ) from error
        if qrels.setdefault(query, {}).setdefault(document, relevance) != relevance:
            raise ConfigError(f"{where}: query {query!r} and document {document!r} were judged otherwise before.")
    if not qrels:
        raise ConfigError(f"{path}: no judgements in it; at least one is needed.")
    return qrels


def _judgement(fields: list[str], *, between_tabs: bool) -> tuple[str, str, int]:
    if len(fields) == 3 and between_tabs:
        query, document, relevance = fields
    else:
        query, _, document, relevance = fields
        if not between_tabs:  # as our own runs are written: %20 for a space
            query, document = unquote(query), unquote(document)
    if not (query and document):
        raise ValueError
    return query, document, int(relevance)
