"""Document -> Chunks that never exceed the model's limit, each with its place, its headings and its exact tokens."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from retrieval.context import context_header
from retrieval.errors import ConfigError, DocumentError
from retrieval.sheet_rows import place_of
from retrieval.types import OWN_PART, PAGE_LABEL, Chunk, Document, Heading, Metadata, chunk_ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ingest.splitting.splitter import Piece

_LEAST_ROOM = 16
"""Tokens left after special tokens and prefix below which chunks would be fragments."""


class ChunkSettings(NamedTuple):
    """What makes a Chunker, in a form that another process can be given: `tokenizer` is its JSON."""

    tokenizer: str
    max_tokens: int
    passage_prefix: str
    overlap: int
    context_header: bool

    def chunker(self) -> "Chunker":
        """Raises ConfigError for sizes that leave too little room for text."""
        from tokenizers import Tokenizer

        return Chunker(
            Tokenizer.from_str(self.tokenizer),
            max_tokens=self.max_tokens,
            passage_prefix=self.passage_prefix,
            overlap=self.overlap,
            context_header=self.context_header,
        )


class Chunker:
    """Cuts documents into chunks whose embedded string has at most `max_tokens` tokens, by the model's own count.

    That string is `passage_prefix + retrieval.context.contextualize(title, headings, text, enabled=context_header)`
    of the stored chunk. A context header takes at most half of the room, a title half of that; where they are longer,
    the chunk's own title and headings are shortened (the outermost headings go first), so that the string can always
    be made again from the chunk alone.

    Raises ConfigError for sizes that leave too little room for text.
    """

    def __init__(
        self,
        tokenizer: "Tokenizer",
        *,
        max_tokens: int,
        passage_prefix: str,
        overlap: int = 0,
        context_header: bool = True,
    ) -> None:
        from ingest.splitting.splitter import TokenBudgetSplitter  # langchain takes half a second

        self._splitter = TokenBudgetSplitter(tokenizer, max_tokens=max_tokens, prefix=passage_prefix, overlap=overlap)
        self._with_header = context_header
        self._fixed_tokens = self._splitter.count_tokens("")
        room = max_tokens - self._fixed_tokens
        if room < _LEAST_ROOM:
            raise ConfigError(
                f"A chunk size of {max_tokens} tokens leaves {room} for text after special tokens and the prefix "
                f"{passage_prefix!r}; make it {self._fixed_tokens + _LEAST_ROOM} or more."
            )
        self._header_tokens = room // 2

    def chunk(self, document: Document) -> list[Chunk]:
        """The chunks in order; none for a document of white space.

        Raises DocumentError where the document's syntax is unknown.
        """
        title = self._fitting_title(document.title)
        starts, found = _contexts(document)
        paths = [self._fitting_path(title, path) for path in found]
        headers = [context_header(title, path) if self._with_header else "" for path in paths]
        try:
            pieces = list(
                self._splitter.pieces(
                    document.text,
                    header_at=lambda offset: headers[bisect_right(starts, offset)],
                    breaks=[heading.char_start for heading in document.headings],
                    walls=[heading.char_start for heading in document.headings if heading.level == OWN_PART],
                    syntax=document.syntax,
                )
            )
        except ConfigError as error:
            raise DocumentError(f"{document.source}: {error}") from error
        texts = [document.text[piece.char_start : piece.char_end] for piece in pieces]
        lines = _lines(document.text, pieces)
        ids = chunk_ids(document.source, texts)
        return [
            Chunk(
                id=ids[ordinal],
                document_id=document.id,
                source=document.source,
                text=texts[ordinal],
                ordinal=ordinal,
                char_start=piece.char_start,
                char_end=piece.char_end,
                line_start=line,
                line_end=line + texts[ordinal].count("\n"),
                page=document.page_at(piece.char_start),
                page_end=document.page_at(piece.char_end - 1),
                tokens=piece.tokens,
                headings=paths[bisect_right(starts, piece.char_start)],
                title=title,
                metadata=_metadata(document, piece, line, line + texts[ordinal].count("\n")),
            )
            for ordinal, (piece, line) in enumerate(zip(pieces, lines, strict=True))
        ]

    def _fitting_title(self, title: str | None) -> str | None:
        if title is None or not self._with_header:
            return title
        while self._tokens_of_header(title, ()) > self._header_tokens // 2:
            title = _shorter(title)
        return title or None

    def _fitting_path(self, title: str | None, path: tuple[str, ...]) -> tuple[str, ...]:
        if not self._with_header:
            return path
        while path and self._tokens_of_header(title, path) > self._header_tokens:
            path = path[1:] if len(path) > 1 else tuple(filter(None, [_shorter(path[0])]))
        return path

    def _tokens_of_header(self, title: str | None, path: Sequence[str]) -> int:
        return self._splitter.count_tokens(context_header(title, path)) - self._fixed_tokens


def _metadata(document: Document, piece: "Piece", line_start: int, line_end: int) -> Metadata:
    """The document's own, the rows of its sheet, and the printed page number where that is another than the page's."""
    rows = place_of(document.rows, line_start, line_end)
    label = document.page_label_of(piece.char_start, piece.char_end)
    printed = {} if label is None else {PAGE_LABEL: label}
    return {**rows, **printed, **document.metadata}


def _contexts(document: Document) -> tuple[list[int], list[tuple[str, ...]]]:
    """Where the path of headings changes, and the paths in force before the first such place and from each one on.

    Behind its first character, a table's header row is the innermost heading: the chunk that begins with the table
    shows it anyway.
    """
    tables = [event for table in document.tables for event in ((table.char_start + 1, table), (table.char_end, None))]
    events = sorted([*((heading.char_start, heading) for heading in document.headings), *tables], key=itemgetter(0))
    path: list[Heading] = []
    table_header: tuple[str, ...] = ()
    paths: list[tuple[str, ...]] = [()]
    for _, event in events:
        if isinstance(event, Heading):
            while path and path[-1].level >= event.level:
                path.pop()
            path.append(event)
        else:
            table_header = () if event is None else (event.header,)
        paths.append((*(heading.text for heading in path), *table_header))
    return [start for start, _ in events], paths


def _lines(text: str, pieces: Sequence["Piece"]) -> Iterator[int]:
    """The line that each piece starts on, from 1."""
    line, counted_to = 1, 0
    for piece in pieces:
        line += text.count("\n", counted_to, piece.char_start)
        counted_to = piece.char_start
        yield line


def _shorter(text: str) -> str:
    return text[: len(text) * 3 // 4].rstrip()
