"""One generation of a shared index: its ledger, its statistics, and which rows belong to it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NoReturn, Self

import numpy as np

from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.filters import compile_where, conditions
from retrieval.fingerprint import Fingerprint
from retrieval.segments.columns import Columns
from retrieval.segments.segment import record_from_json
from retrieval.shared_store.engine import Engine
from retrieval.shared_store.expressions import among, every, matching, none_of
from retrieval.shared_store.notes import Notes
from retrieval.shared_store.rows import FIELDS, chunk_of
from retrieval.shared_store.state import SharedState
from retrieval.shared_store.statistics import CountedTerms, TermCounts, Vocabulary
from retrieval.types import Chunk, DocumentRecord, Vectors, document_id

_ID = re.compile(r"[0-9a-f]{32}")

_SENT = 300
"""Keys of dead rows that are sent with a filter; of more, those found are left out here."""

_IDS = 500
"""Ids that are asked for at once."""

_KEPT_ROWS = 5000
"""Rows that a reader keeps, some 5 kB each: a row never changes."""


class Row(dict[str, Any]):
    """A row of the chunks, as FIELDS names its parts."""


class SharedReader:
    """One generation, which the state names. Threads may share it. Names are IndexReader's where both have them; what
    needs all passages at hand is refused by its name."""

    def __init__(
        self, engine: Engine, state: SharedState, config: Config, *, rows: dict[str, Row] | None = None
    ) -> None:
        """`rows`: kept ones, by key, of another generation."""
        self.engine = engine
        self.notes = Notes(engine)
        self.shared = state
        self.state = state.as_stored()
        self.generation = state.name
        self.size = state.size
        self.tokens = state.tokens
        self.documents_of_folder = state.documents
        self.fingerprint = Fingerprint.from_json(state.fingerprint) if state.fingerprint else None
        self.kept: dict[str, Row] = rows if rows is not None and len(rows) <= _KEPT_ROWS else {}
        self.counts = TermCounts(self.notes, state)
        self.vocabulary = Vocabulary(self.notes, state, self.counts)
        self.dead, self.dead_documents = _dead(self.notes, state)
        self._config = config
        self._records: dict[str, DocumentRecord | None] = {}
        self._same: dict[int, list[str]] = {}

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ConfigError(
            f"This needs all passages at hand ({name.replace('_', ' ')}), and store milvus has only those that are "
            "found; sync a local index (store: chroma) of the same folder for it."
        )

    # What an index knows of itself

    is_cut_off = False
    pending = 0
    pending_parts = ()

    @property
    def committed(self) -> Self:
        """Nothing here awaits vectors."""
        return self

    @contextmanager
    def explaining_damage(self) -> Iterator[None]:
        """There are no files that could be damaged."""
        yield

    @cached_property
    def lexical(self) -> CountedTerms:
        """In how many passages a term is."""
        return CountedTerms(self.counts)

    @property
    def context_header(self) -> bool:
        return self.fingerprint is not None and bool(self.fingerprint.settings["context_header"])

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(self.shared.languages))

    @property
    def languages_by_size(self) -> tuple[str, ...]:
        return tuple(sorted(self.languages, key=lambda name: -self.shared.languages[name]))

    def words_near(self, word: str, *, most: int) -> dict[str, int]:
        """As IndexReader.words_near."""
        return self.vocabulary.words.near(word, most=most)

    def stems_near(self, stem: str, *, most: int) -> dict[str, int]:
        """As IndexReader.stems_near."""
        return self.vocabulary.stems.near(stem, most=most)

    def words_beginning(self, prefix: str) -> set[str]:
        """As IndexReader.words_beginning."""
        return set(self.vocabulary.words.beginning(prefix))

    # Which rows

    @property
    def visible(self) -> str:
        """The expression that lets this generation's rows through, and perhaps dead ones: see `alive`."""
        dead = self.dead if len(self.dead) <= _SENT else ()
        return f"born <= {self.shared.generation}" + (f" and {none_of('key', sorted(dead))}" if dead else "")

    @property
    def exactly_visible(self) -> str:
        """The expression that lets this generation's rows through and no others."""
        hidden = f" and {none_of('key', sorted(self.dead))}" if self.dead else ""
        return f"born <= {self.shared.generation}{hidden}"

    def matching(self, where: Mapping[str, Any] | None) -> str | None:
        """The expression for a filter, as expressions.matching."""
        negates = any(operator in ("$ne", "$nin") for _, operator, _ in conditions(where or {}))
        return matching(where, negates=negates and self.engine.takes_missing_for_unequal())

    def rows_of(self, keys: Sequence[str]) -> list[Row]:
        """The rows of these keys, in their order, those that are there."""
        known = {key: row for key in keys if (row := self.kept.get(key)) is not None}
        missing = [key for key in keys if key not in known]
        if missing:
            known |= {row["key"]: _row(row) for row in self.engine.rows(self.engine.chunks, missing, FIELDS)}
            if len(self.kept) > _KEPT_ROWS:
                self.kept.clear()
            self.kept.update(known)
        return [known[key] for key in keys if key in known]

    def keys_where(self, expression: str, fields: Sequence[str] = ("key",)) -> Iterator[dict[str, Any]]:
        """The given fields of this generation's rows that the expression lets through."""
        for row in self.engine.where(self.engine.chunks, every([self.visible, expression]), ("key", *fields)):
            if row["key"] not in self.dead:
                yield row

    def keys_of_passages(self, numbers: set[int]) -> list[str]:
        """The keys of all rows with these texts; see PassageKeys."""
        if new := sorted(numbers - self._same.keys()):
            if len(self._same) > _KEPT_ROWS:
                self._same = {}
                new = sorted(numbers)
            found: dict[int, list[str]] = {number: [] for number in new}
            for start in range(0, len(new), _IDS):
                for row in self.keys_where(f"passage in {new[start : start + _IDS]}", ("passage",)):
                    found[row["passage"]].append(row["key"])
            self._same = {**self._same, **found}
        return [key for number in sorted(numbers) for key in self._same[number]]

    def with_ids(self, ids: Sequence[str], fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The given fields of the rows of these passages."""
        for start in range(0, len(ids), _IDS):
            yield from self.keys_where(among("id", ids[start : start + _IDS]), ("id", *fields))

    def vectors_of(self, digests: Sequence[str]) -> dict[str, Vectors]:
        """As IndexReader.vectors_of; rows of any generation serve, those included that a killed writer left."""
        found: dict[str, Vectors] = {}
        if not self.engine.has_rows():
            return found
        for start in range(0, len(digests), _IDS):
            expression = among("digest", digests[start : start + _IDS])
            for row in self.engine.where(self.engine.chunks, expression, ("digest", "vector")):
                found[row["digest"]] = np.asarray(row["vector"], np.float32)
        return found

    def chunks_of(self, document: str) -> list[Chunk]:
        """A document's chunks in order, by its id."""
        return [chunk_of(row) for row in self.rows_of_documents([document])]

    def rows_of_documents(self, documents: Sequence[str]) -> list[Row]:
        """The rows of these documents, each document's in order."""
        found = sorted(
            self.keys_where(among("document_id", documents), ("document_id", "ordinal")),
            key=lambda row: (row["document_id"], row["ordinal"]),
        )
        return self.rows_of([row["key"] for row in found])

    def documents_passing(self, where: Mapping[str, Any]) -> set[str]:
        """As IndexReader.documents_passing; reads the metadata of all passages."""
        passes = compile_where(where)
        failing: set[str] = set()
        sources: set[str] = set()
        page: list[dict[str, Any]] = []

        def look() -> None:
            mask = passes(Columns.of([row["metadata"] for row in page]))
            for row, passed in zip(page, mask.tolist(), strict=True):
                (sources if passed else failing).add(row["metadata"]["source"])
            page.clear()

        for row in self.keys_where("", ("metadata",)):
            page.append(row)
            if len(page) == 2000:
                look()
        if page:
            look()
        return sources - failing

    # The ledger

    def record(self, document: str) -> DocumentRecord | None:
        if document not in self._records:
            self.remember([document])
        return self._records[document]

    def record_of(self, source: str) -> DocumentRecord | None:
        return self.record(document_id(source))

    def remember(self, documents: Sequence[str]) -> None:
        """Read these records at once, and keep them."""
        wanted = [document for document in documents if document not in self._records]
        for start in range(0, len(wanted), _IDS):
            part = wanted[start : start + _IDS]
            self._records.update(dict.fromkeys(part))
            known = [document for document in part if _ID.fullmatch(document)]
            if self.generation and known:
                self._records.update(self._read(among("id", known)))

    @cached_property
    def records(self) -> tuple[DocumentRecord, ...]:
        """The ledger, by source."""
        found = self._read("") if self.generation else {}
        self._records.update(found)
        return tuple(sorted(found.values(), key=lambda record: record.source))

    @cached_property
    def searchable(self) -> tuple[DocumentRecord, ...]:
        return tuple(record for record in self.records if record.chunk_ids)

    def document_rows(self, documents: Sequence[str], fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The ledger's rows of these documents in this generation."""
        if not self.generation:
            return
        for start in range(0, len(documents), _IDS):
            yield from self._ledger(among("id", documents[start : start + _IDS]), fields)

    def content(self, document: str) -> str:
        """What a document was made of, if it was added from memory; else ""."""
        found = self.notes.read([f"content:{document}"])[f"content:{document}"]
        known = [born for born in found if born <= self.shared.generation]
        record = self.record(document)
        return found[max(known)] if known and record is not None and not record.folder else ""

    def _ledger(self, expression: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        visible = f"born <= {self.shared.generation}"
        for row in self.engine.where(self.engine.documents, every([visible, expression]), ("key", "id", *fields)):
            if row["key"] not in self.dead_documents:
                yield row

    def _read(self, expression: str) -> dict[str, DocumentRecord]:
        parts: dict[str, dict[int, str]] = {}
        for row in self._ledger(expression, ("part", "record")):
            parts.setdefault(row["id"], {})[row["part"]] = row["record"]
        return {id_: record_from_json("".join(of[at] for at in sorted(of)).encode()) for id_, of in parts.items()}


def _row(values: Mapping[str, Any]) -> Row:
    row = Row(values)
    row["vector"] = np.asarray(values["vector"], np.float32)
    return row


def _dead(notes: Notes, state: SharedState) -> tuple[frozenset[str], frozenset[str]]:
    """The keys of rows of passages, and of the ledger, that have died and may still be there."""
    chunks: set[str] = set()
    documents: set[str] = set()
    for by_born in notes.read([dead_name(generation) for generation in state.dead]).values():
        for text in by_born.values():
            named = json.loads(text)
            chunks.update(named["chunks"])
            documents.update(named["documents"])
    return frozenset(chunks), frozenset(documents)


def dead_name(generation: int) -> str:
    return f"dead:{generation}"
