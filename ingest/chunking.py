"""Document -> Chunks that never exceed the model's limit, each with its place, its headings and its exact tokens."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.context import context_header
from retrieval.errors import ConfigError, DocumentError
from retrieval.types import Chunk, Document, Heading, chunk_ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ingest.splitting.splitter import Piece

_LEAST_ROOM = 16
"""Tokens left after special tokens and prefix below which chunks would be fragments."""


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
        starts = [heading.char_start for heading in document.headings]
        paths = [self._fitting_path(title, path) for path in _heading_paths(document.headings)]
        headers = [context_header(title, path) if self._with_header else "" for path in paths]
        try:
            pieces = list(
                self._splitter.pieces(
                    document.text,
                    header_at=lambda offset: headers[bisect_right(starts, offset)],
                    breaks=starts,
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
                tokens=piece.tokens,
                headings=paths[bisect_right(starts, piece.char_start)],
                title=title,
                metadata=document.metadata,
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


def _heading_paths(headings: Sequence[Heading]) -> Iterator[tuple[str, ...]]:
    """The headings in force before the first heading (none), and after each one."""
    path: list[Heading] = []
    yield ()
    for heading in headings:
        while path and path[-1].level >= heading.level:
            path.pop()
        path.append(heading)
        yield tuple(entry.text for entry in path)


def _lines(text: str, pieces: Sequence["Piece"]) -> Iterator[int]:
    """The line that each piece starts on, from 1."""
    line, counted_to = 1, 0
    for piece in pieces:
        line += text.count("\n", counted_to, piece.char_start)
        counted_to = piece.char_start
        yield line


def _shorter(text: str) -> str:
    return text[: len(text) * 3 // 4].rstrip()
