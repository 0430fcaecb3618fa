"""An index as a request may use it: the only way by which routes reach one.

To a grant with a filter, the documents that do not pass it are not there, as if the index had never held them: each
answer comes from a reader in which they are deleted (retrieval.segments.restricted_reader).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ingest import SyncReport
from retrieval.adapters.http.feedback import Feedback
from retrieval.adapters.http.grants import Grant
from retrieval.adapters.http.jobs import Job, Jobs
from retrieval.adapters.http.logs import FIELDS
from retrieval.adapters.http.problems import Refusal
from retrieval.adapters.http.served_file import ServedFile, open_served
from retrieval.adapters.http.served_index import ServedIndex
from retrieval.chroma.rows import chunk_metadata
from retrieval.encoders import Embedder
from retrieval.filters import compile_where
from retrieval.index import HybridIndex
from retrieval.inspection.facets import Facets
from retrieval.searcher import Searcher
from retrieval.segments.columns import Columns
from retrieval.types import Chunk, Document, SyncedFolder, document_id

log = logging.getLogger(__name__)

T = TypeVar("T")

GONE = "There is no document {!r}; GET /documents lists those there are."


class GrantedIndex:
    """A served index, for one request."""

    def __init__(self, served: ServedIndex, grant: Grant) -> None:
        self._served = served
        self._grant = grant
        self.name = served.name

    # Reading

    async def read(self, work: Callable[[Searcher], T]) -> T:
        """As ServedIndex.read, of the documents that there are for the grant."""
        return await self._served.read(work, self._grant.where)

    def searcher(self) -> Searcher:
        """The newest generation, of the documents that there are for the grant. Raises as HybridIndex.searcher."""
        return self._served.granted(self._grant.where)

    def folders(self, searcher: Searcher) -> dict[str, SyncedFolder]:
        """Those that may be synced; none, where there are not all documents."""
        return self._served.folders(searcher) if self._grant.where is None else {}

    async def open_file(self, document_id: str) -> ServedFile:
        """The file that a document was read from. Raises Refusal where there is no such document for the grant, or its
        file may not be opened."""

        def opened(searcher: Searcher) -> ServedFile:
            record = searcher.reader.record(document_id)
            if record is None:
                raise Refusal("not-found", GONE.format(document_id))
            return open_served(record, self._served.folders_with_files())

        return await self.read(opened)

    def facets(self, searcher: Searcher) -> Facets:
        """What searches here can be narrowed by."""
        return self._served.facets(searcher, self._grant.where)

    def folders_with_files(self, searcher: Searcher) -> list[str]:
        """The names of the folders of whose documents here `open_file` opens the files."""
        shown = {record.folder for record in searcher.documents()}
        return sorted(shown & self._served.folders_with_files().keys())

    @property
    def embedder(self) -> Embedder:
        return self._served.current().embedder

    @property
    def feedback(self) -> Feedback | None:
        return self._served.feedback

    # Changing

    async def write(self, change: Callable[[HybridIndex], T], *, action: str, documents: Sequence[str]) -> T:
        """As ServedIndex.write; see `check_writable`. Who did what to which documents, by their ids, is logged once it
        is done. Raises Refusal for one that is there by now, and not for the grant."""

        def checked(opened: HybridIndex) -> T:
            self._check_shown(opened.searcher(), documents)
            return change(opened)

        done = await self._served.write(checked)
        fields = {
            "caller": self._grant.name or None,
            "index": self.name,
            "action": action,
            "documents": list(documents),
        }
        log.info("written", extra={FIELDS: fields})
        return done

    async def check_writable(self, documents: Iterable[Document]) -> None:
        """Raises Refusal for a document that there would not be for the grant, and for a source that another document
        has already which is not there for it."""
        if self._grant.where is None:
            return
        passes = compile_where(self._grant.where)
        given = list(documents)
        rows = [chunk_metadata(_chunk_of(document)) for document in given]
        outside = [
            document.source for document, passed in zip(given, passes(Columns.of(rows)), strict=True) if not passed
        ]
        if outside:
            raise Refusal(
                "forbidden", f"This key may not write {outside[0]!r}: its metadata must pass the key's filter."
            )
        ids = [document_id(document.source) for document in given]
        await self._served.read(lambda searcher: self._check_shown(searcher, ids), None)

    def _check_shown(self, searcher: Searcher, documents: Sequence[str]) -> None:
        """Raises Refusal where one of these is in the index, and not there for the grant."""
        if self._grant.where is None:
            return
        shown = self.searcher()
        if any(searcher.reader.record(id_) and not shown.reader.record(id_) for id_ in documents):
            raise Refusal("forbidden", "This key may not write there: a document that it may not see has that source.")

    def written(self, report: SyncReport) -> None:
        self._served.written(report)

    # Of the whole index; access control lets no grant with a filter come here

    @property
    def jobs(self) -> Jobs:
        self._check_whole()
        return self._served.jobs

    def rebuild(self, *, allow_deletions: bool) -> Job:
        self._check_whole()
        return self._served.rebuild(allow_deletions=allow_deletions)

    def _check_whole(self) -> None:
        if self._grant.where is not None:
            raise Refusal("forbidden", "This key has a filter, and the request is about all documents.")


def _chunk_of(document: Document) -> Chunk:
    """A chunk that the document might have, whose fields a filter sees."""
    id_ = document_id(document.source)
    return Chunk(
        id=id_, document_id=id_, source=document.source, text=document.text, ordinal=0, char_start=0,
        char_end=len(document.text), line_start=1, line_end=1, page=None, page_end=None, tokens=0, headings=(),
        title=document.title, metadata=dict(document.metadata),
    )  # fmt: skip
