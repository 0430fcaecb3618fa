"""A langchain text splitter that never exceeds a model's limit, loses nothing, and says where each chunk stands."""

import copy
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.documents import Document as LangchainDocument
from langchain_text_splitters import TextSplitter

from ingest.splitting.packing import Packer, Proposal
from ingest.splitting.separators import Separator, separators_for
from ingest.splitting.token_budget import Part, TokenBudget
from ingest.splitting.token_offsets import TokenOffsets, WordLimit
from ingest.splitting.unit_counts import UnitCounts
from retrieval.errors import ConfigError
from retrieval.token_counts import without_limits

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CHARS_PER_TOKEN = 8
"""Twice what prose has: only blanks and characters that have no token come to more."""
_COUNTED_AT_ONCE = 64


class Piece(NamedTuple):
    """The chunk `text[char_start:char_end]`, and the tokens of its whole embedded string."""

    char_start: int
    char_end: int
    tokens: int


class TokenBudgetSplitter(TextSplitter):
    """Splits text into chunks whose embedded string, prefix + context header + chunk, keeps within `max_tokens`.

    tokenizer    the model's own; its truncation and padding are ignored, and it must not be given others later
    max_tokens   of the embedded string, special tokens included, counted on that very string
    prefix       what is put before each chunk to embed it
    overlap      tokens that neighbouring chunks may share
    syntax       "text", or the value of a langchain_text_splitters.Language
    max_chars    characters of a chunk at most; 8 * max_tokens if None
    add_start_index   put the chunk's offset into the metadata of created documents, as "start_index"

    Chunks follow one another without a gap, then lose the white space at their ends; what is white space alone
    vanishes. They end at the best separator in the last part of the budget. A word that exceeds it is cut, between
    characters as a reader sees them. Time is linear in the length of the text, memory beyond text and result constant.

    Raises ConfigError for sizes that leave no room for text, and for an unknown syntax.
    """

    def __init__(
        self,
        tokenizer: "Tokenizer",
        *,
        max_tokens: int,
        prefix: str = "",
        overlap: int = 0,
        syntax: str = "text",
        max_chars: int | None = None,
        add_start_index: bool = False,
    ) -> None:
        self._tokenizer = without_limits(tokenizer)
        self._word_limit = WordLimit(self._tokenizer)
        self._units = UnitCounts.if_additive(self._tokenizer)
        self._budget = TokenBudget(self._tokenizer, self._units, prefix=prefix, limit=max_tokens)
        self._overlap, self._syntax = overlap, syntax
        self._max_chars = _CHARS_PER_TOKEN * max_tokens if max_chars is None else max_chars
        room = self._budget.room("")
        if not 0 <= overlap < room:
            raise ConfigError(f"An overlap of {overlap} tokens does not fit: chunks have room for {room}; lower it.")
        if self._max_chars < 1:
            raise ConfigError(f"max_chars is {self._max_chars}; a chunk needs at least one character.")
        separators_for(syntax, headings_known=False)
        super().__init__(max_tokens, overlap, self.count_tokens, add_start_index=add_start_index)

    def count_tokens(self, text: str) -> int:
        """Tokens of prefix + text as the model reads them, special tokens included."""
        return self._budget.count(text)

    def pieces(
        self,
        text: str,
        *,
        header_at: Callable[[int], str] | None = None,
        breaks: Sequence[int] = (),
        walls: Sequence[int] = (),
        syntax: str | None = None,
    ) -> Iterator[Piece]:
        """The chunks of `text` with their token counts, in order, as they are found.

        header_at   the context header of a chunk that starts at an offset; None for no headers
        breaks      offsets of headings, ascending: the best places to break. One with max_chars characters or more
                    to the break on either side is always a boundary, and what lies beyond it changes no chunk.
        walls       those of the breaks that are always boundaries
        syntax      of this text, if not the splitter's own

        Raises ConfigError where a header or a single character leaves no room, and for an unknown syntax.
        """
        separators = separators_for(syntax or self._syntax, headings_known=bool(breaks))
        edges = [0, *(offset for offset in breaks if 0 < offset < len(text)), len(text)]
        for start, end in pairwise(_walls(edges, self._max_chars, frozenset(walls))):
            inner = edges[bisect_left(edges, start + 1) : bisect_left(edges, end)]
            found = self._pack(
                text[start:end],
                header_at=_shifted(header_at, start),
                breaks=[offset - start for offset in inner],
                separators=separators,
            )
            for piece in found:
                yield Piece(start + piece.char_start, start + piece.char_end, piece.tokens)

    def spans(
        self,
        text: str,
        *,
        header_at: Callable[[int], str] | None = None,
        breaks: Sequence[int] = (),
        syntax: str | None = None,
    ) -> list[tuple[int, int]]:
        """(start, end) of each chunk in `text`; arguments and errors are those of `pieces`."""
        found = self.pieces(text, header_at=header_at, breaks=breaks, syntax=syntax)
        return [(piece.char_start, piece.char_end) for piece in found]

    def split_text(self, text: str) -> list[str]:
        """The chunks' texts."""
        return [text[start:end] for start, end in self.spans(text)]

    def create_documents(
        self, texts: list[str], metadatas: list[dict[Any, Any]] | None = None
    ) -> list[LangchainDocument]:
        """As langchain's own, with true start indices: that one searches for the chunk, and may find it elsewhere."""
        documents = []
        for text, metadata in zip(texts, metadatas or [{} for _ in texts], strict=True):
            for start, end in self.spans(text):
                own = copy.deepcopy(metadata)
                if self._add_start_index:
                    own["start_index"] = start
                documents.append(LangchainDocument(page_content=text[start:end], metadata=own))
        return documents

    def _pack(
        self, text: str, *, header_at: Callable[[int], str], breaks: Sequence[int], separators: Sequence[Separator]
    ) -> Iterator[Piece]:
        """Propose, count, and shrink what exceeds; then go on after it."""
        units = self._units if self._units and self._units.adds_up(text) else None
        tokens = TokenOffsets(text, self._tokenizer, self._word_limit, units)
        packer = Packer(
            text,
            tokens,
            separators=separators,
            breaks=breaks,
            room_at=lambda offset: self._budget.room(header_at(offset)),
            max_chars=self._max_chars,
            overlap=self._overlap,
        )

        def count(proposals: Sequence[Proposal]) -> list[int]:
            return self._budget.counts(
                [
                    Part(header_at(start.offset), text[start.offset : end], tokens.between(start.offset, end))
                    for start, end in proposals
                ]
            )

        start, at_once = packer.start_from(0), 1
        while start is not None:
            proposals = packer.propose(start, at_once)
            # Proposals after one that has to shrink are void. Doubling from 1 keeps the counting in vain below the
            # counting done since the last such, so that time stays linear.
            at_once = min(2 * at_once, _COUNTED_AT_ONCE)
            for proposal, counted in zip(proposals, count(proposals), strict=True):
                last = proposal
                if counted > self._budget.limit:
                    last, counted = self._shrink(proposal, counted, packer=packer, count=count)
                    at_once = 1
                yield Piece(last.start.offset, last.end, counted)
                if last is not proposal:
                    break
            start = packer.start_after(last)
            tokens.forget_to(start.offset if start else len(text))

    def _shrink(
        self, proposal: Proposal, counted: int, *, packer: Packer, count: Callable[[Sequence[Proposal]], list[int]]
    ) -> tuple[Proposal, int]:
        """A shorter chunk from the same start that keeps within the limit, and its tokens."""
        slack = 0
        while counted > self._budget.limit:
            slack += counted - self._budget.limit
            shorter = packer.fill(proposal.start, slack=slack) if slack < self._budget.limit else packer.halve(proposal)
            if shorter is None:
                raise ConfigError(
                    f"One character of the text makes {counted} tokens with its prefix "
                    f"and context header, over the limit of {self._budget.limit}: raise the chunk size."
                )
            proposal, (counted,) = shorter, count([shorter])
        return proposal, counted


def _shifted(header_at: Callable[[int], str] | None, by: int) -> Callable[[int], str]:
    return (lambda offset: header_at(by + offset)) if header_at else (lambda offset: "")


def _walls(edges: Sequence[int], section: int, given: Collection[int]) -> list[int]:
    """The first and the last edge, those that are given, and those with `section` characters or more to the next edge
    on either side."""
    inner = [
        here
        for before, here, after in zip(edges, edges[1:], edges[2:], strict=False)
        if here in given or min(here - before, after - here) >= section
    ]
    return [edges[0], *inner, edges[-1]]
