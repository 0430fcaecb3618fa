"""The ledger as a writer sees it: that of the last generation, and what has changed since."""

from collections.abc import Iterator, Mapping, MutableMapping

from retrieval.segments.reader import IndexReader
from retrieval.types import DocumentRecord


class Ledger(MutableMapping[str, DocumentRecord]):
    """Records by source. One record costs a look-up; `all` reads the whole ledger.

    changed   source -> what its record is now, None where it was deleted; what the last generation does not have
    """

    def __init__(self, reader: IndexReader) -> None:
        self._reader = reader
        self.changed: dict[str, DocumentRecord | None] = {}

    @classmethod
    def recovered(cls, reader: IndexReader, records: Mapping[str, DocumentRecord]) -> "Ledger":
        """All of these, none of which any generation has."""
        ledger = cls(reader)
        ledger.changed.update(records)
        return ledger

    def committed(self, reader: IndexReader) -> None:
        """This generation has all changes."""
        self._reader = reader
        self.changed = {}

    def __getitem__(self, source: str) -> DocumentRecord:
        record = self.changed[source] if source in self.changed else self._reader.record_of(source)
        if record is None:
            raise KeyError(source)
        return record

    def __setitem__(self, source: str, record: DocumentRecord) -> None:
        self.changed[source] = record

    def __delitem__(self, source: str) -> None:
        self[source]  # raises KeyError
        self.changed[source] = None

    def all(self) -> dict[str, DocumentRecord]:
        """The whole ledger, read once: faster than a look-up for each record."""
        unchanged = {record.source: record for record in self._reader.records if record.source not in self.changed}
        return unchanged | {source: record for source, record in self.changed.items() if record is not None}

    def __iter__(self) -> Iterator[str]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self.all())
