"""A generation as if it had never held the documents outside a filter: what a reader with restricted rights may see.

The hidden rows count as deleted, so every search, list, count and statistic leaves them out where it leaves out deleted
rows. What a deletion alone does not change at once (words, stems, languages, fields and sources of a segment) is read
from the visible rows here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from retrieval.chroma.store import State
from retrieval.config import Config
from retrieval.errors import QueryError
from retrieval.segments.column import Kind
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.manifest import Manifest
from retrieval.segments.reader import IndexReader
from retrieval.segments.sorted_keys import Keys
from retrieval.segments.words import Words, stems_of, words_of


class RestrictedSegment(LiveSegment):
    """A segment whose hidden rows tell nothing of themselves. It is never saved."""

    @property
    def is_saved(self) -> bool:
        return False

    @cached_property
    def words(self) -> Words:
        return Words.of(words_of(self.segment.chunk(row) for row in self._visible))

    @cached_property
    def stems(self) -> Words:
        counted = zip(self.postings.vocabulary(), self.postings.document_counts().tolist(), strict=True)
        return Words.of(stems_of(term.decode() for term, count in counted if count))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        numbers = np.unique(self.segment.language_of_row[self._visible]).tolist()
        return tuple(self.segment.languages[number] for number in numbers)

    @cached_property
    def metadata_kinds(self) -> Mapping[str, frozenset[Kind]]:
        assert self.rows is not None
        return self.segment.columns.kinds_among(self.rows)

    def sources(self) -> Iterator[str]:
        for values in self.segment.columns.distinct("source", self.rows, most=self.segment.size):
            yield from values

    @cached_property
    def _visible(self) -> list[int]:
        assert self.rows is not None
        rows: list[int] = np.flatnonzero(self.rows).tolist()
        return rows


def restricted(reader: IndexReader, where: Mapping[str, Any], config: Config) -> IndexReader:
    """A reader of the same generation without the documents that the filter hides: those of which some chunk does not
    pass it, and those without chunks, which have no metadata to decide by. It names no synced folder.

    Row numbers are those of `reader`. The name of the generation stays, which tells that something was committed, and
    not what. Raises QueryError for a filter that is empty or cannot be read.
    """
    if not where:
        raise QueryError("A filter that restricts has at least one condition.")
    visible = _visible(reader, where)
    committed = None
    if reader.committed is not reader:
        hidden = np.setdiff1d(_documents(reader), visible)  # whoever may not see a new version sees no old one
        seen = np.setdiff1d(_visible(reader.committed, where), hidden)
        committed = _restricted(reader.committed, seen, config)
    return _restricted(reader, visible, config, committed=committed)


def _restricted(
    reader: IndexReader, visible: Keys, config: Config, *, committed: IndexReader | None = None
) -> IndexReader:
    state: State = replace(reader.state, folders={})
    return IndexReader(Manifest(state), [_part(part, visible) for part in reader.live], config, committed=committed)


def _visible(reader: IndexReader, where: Mapping[str, Any]) -> Keys:
    """The ids of the documents all of whose chunks pass."""
    passing = reader.select(where, None)
    assert passing is not None
    documents = _documents(reader)
    found: Keys = np.setdiff1d(documents, documents[~passing[reader.living]])
    return found


def _documents(reader: IndexReader) -> Keys:
    """Of each chunk that is there."""
    return reader.documents[reader.living] if reader.slots else np.empty(0, "S32")


def _part(part: LiveSegment, visible: Keys) -> RestrictedSegment:
    rows = np.isin(part.segment.documents, visible)
    records = np.isin(part.segment.record_ids, visible)
    return RestrictedSegment(
        part.segment,
        rows if part.rows is None else rows & part.rows,
        records if part.records is None else records & part.records,
    )
