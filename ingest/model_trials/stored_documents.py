"""The documents of an index, put together again from its chunks: the files may be gone, and another model may have made
it."""

from collections.abc import Generator, Iterable, Sequence

from retrieval.searcher import Searcher
from retrieval.types import Chunk, Document, Heading


def stored_documents(searcher: Searcher, sources: Iterable[str]) -> Generator[Document]:
    """Those of the index that have these sources, in their order. Raises as a search, where the index is damaged."""
    for source in sources:
        if chunks := searcher.chunks(source):
            yield document_of(chunks)


def document_of(chunks: Sequence[Chunk]) -> Document:
    """Its text, in which white space between chunks is line feeds, and the headings that its chunks begin under. Of a
    document all of whose chunks are given, in order."""
    text = ""
    path: tuple[str, ...] = ()
    headings: list[Heading] = []
    for chunk in chunks:
        text = text.ljust(chunk.char_start, "\n")
        text += chunk.text[len(text) - chunk.char_start :]
        shared = 0
        while shared < min(len(path), len(chunk.headings)) and path[shared] == chunk.headings[shared]:
            shared += 1
        new = enumerate(chunk.headings[shared:], start=shared + 1)
        headings += [Heading(chunk.char_start, level, heading) for level, heading in new]
        path = chunk.headings
    return Document(chunks[0].source, text, title=chunks[0].title, headings=tuple(headings))
