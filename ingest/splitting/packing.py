"""Where chunks start and end: as full as the budget allows, broken where the text itself pauses."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from ingest.splitting.separators import Separator, whole_cluster
from ingest.splitting.token_offsets import TokenOffsets

_NOT_SPACE = re.compile(r"\S")
_HEADING_REACH = 0.5
_LOOKAHEAD = 64
_CONTEXT = 16
_ANCHOR_EVERY = 8


class Start(NamedTuple):
    """Where a chunk starts, and the first character that it has to add to what the chunks before it hold."""

    offset: int
    fresh: int


class Proposal(NamedTuple):
    """A chunk, white space trimmed at both ends, whose tokens are estimated from those of the running text."""

    start: Start
    end: int


class Packer:
    """Proposes the chunks of one text from left to right; offsets are in that text.

    separators   where to break, best kind first
    breaks       offsets of headings, ascending: better than any separator
    room_at      tokens left for the text of a chunk that starts at an offset
    max_chars    characters of a chunk at most
    overlap      tokens that neighbours may share
    """

    def __init__(
        self,
        text: str,
        tokens: TokenOffsets,
        *,
        separators: Sequence[Separator],
        breaks: Sequence[int],
        room_at: Callable[[int], int],
        max_chars: int,
        overlap: int,
    ) -> None:
        self._text, self._tokens = text, tokens
        self._separators, self._breaks = separators, breaks
        self._room_at, self._max_chars, self._overlap = room_at, max_chars, overlap

    def start_from(self, offset: int) -> Start | None:
        """A chunk from the first character at or after `offset` that is not white space; None if there is none."""
        match = _NOT_SPACE.search(self._text, offset)
        return Start(match.start(), match.start()) if match else None

    def start_after(self, proposal: Proposal) -> Start | None:
        """Where the next chunk starts; with overlap, at a good place within the last `overlap` tokens."""
        start = self.start_from(proposal.end)
        if start is None or not self._overlap:
            return start
        share = min(self._overlap, self._room_at(start.offset) // 2)
        beyond = self._tokens.before(proposal.end)
        first = self._tokens.start_of(max(beyond - share, self._tokens.before(proposal.start.offset + 1)))
        earliest = max(
            proposal.end if first is None else min(first, proposal.end),
            (proposal.start.offset + proposal.end) // 2,  # where there are few tokens, it would not get on
            self._last_break(start.offset),  # a chunk stands under one heading, and starts where its words start
            self._tokens.last_cut(start.offset),
        )
        return Start(self._overlap_from(earliest, proposal.end), start.fresh) if earliest < proposal.end else start

    def propose(self, start: Start | None, count: int) -> list[Proposal]:
        """The next chunks from `start` on, `count` at most."""
        proposals: list[Proposal] = []
        while start is not None and len(proposals) < count:
            proposals.append(self.fill(start))
            start = self.start_after(proposals[-1])
        return proposals

    def fill(self, start: Start, *, slack: int = 0) -> Proposal:
        """The best chunk from `start` on that leaves `slack` tokens of its room free; overlap yields to new text."""
        end = self._end(start, slack)
        if end <= start.fresh:
            start = Start(start.fresh, start.fresh)
            end = max(self._end(start, slack), start.fresh + 1)  # one character may have more tokens than there is room
        return self._trimmed(start, end)

    def halve(self, proposal: Proposal) -> Proposal | None:
        """The first half of a chunk's new characters, for one whose estimate is no guide; None if there is but one."""
        start = proposal.start.fresh
        if proposal.end - start < 2:
            return None
        middle = whole_cluster(self._text, start + (proposal.end - start) // 2, after=start)
        return self._trimmed(Start(start, start), middle)

    def _trimmed(self, start: Start, end: int) -> Proposal:
        return Proposal(start, start.offset + len(self._text[start.offset : end].rstrip()))

    def _last_break(self, offset: int) -> int:
        place = bisect_right(self._breaks, offset)
        return self._breaks[place - 1] if place else 0

    def _overlap_from(self, earliest: int, end: int) -> int:
        """The first place of the best kind in the first half of what may be shared."""
        latest = (earliest + end) // 2
        for separator in self._separators:
            for match in separator.pattern.finditer(self._text, max(0, earliest - 1), end):
                word = _NOT_SPACE.search(self._text, match.start(), end)
                if word and earliest <= word.start() <= latest:
                    return word.start()
        word = _NOT_SPACE.search(self._text, whole_cluster(self._text, earliest, after=earliest - 1), end)
        return word.start() if word else end

    def _end(self, start: Start, slack: int) -> int:
        furthest = self._furthest(start.offset, slack)
        stop = min(self._tokens.next_cut(start.offset), len(self._text))
        if furthest >= stop:
            return stop
        for places in self._places(start, furthest):
            if places:
                return max(places, key=self._standing)
        return whole_cluster(self._text, furthest, after=start.fresh)

    def _furthest(self, start: int, slack: int) -> int:
        """The last offset that the room for tokens and characters lets a chunk from `start` end at."""
        limit = min(start + self._max_chars, len(self._text))
        self._tokens.read_to(limit + 1)
        beyond = self._tokens.start_of(self._tokens.before(start) + max(1, self._room_at(start) - slack))
        return limit if beyond is None else min(limit, beyond)

    def _places(self, start: Start, furthest: int) -> Iterator[list[int]]:
        """Places to break at, best kind first, as far back from `furthest` as each kind is worth."""
        length = furthest - start.offset
        lowest = max(start.fresh + 1, furthest - int(_HEADING_REACH * length))
        yield list(self._breaks[bisect_left(self._breaks, lowest) : bisect_right(self._breaks, furthest)])
        for separator in self._separators:
            lowest = max(start.fresh + 1, furthest - int(separator.reach * length))
            matches = separator.pattern.finditer(self._text, lowest, furthest + _LOOKAHEAD)
            yield [match.start() for match in matches if match.start() <= furthest]

    def _standing(self, offset: int) -> tuple[bool, int]:
        """What the best of equal places is chosen by: the last one, or rather the last that is an anchor.

        One place in _ANCHOR_EVERY is an anchor, by the characters around it and nothing else. Two packings that come
        out of step, because a paragraph before was edited, so meet at a place sooner, and from there on go alike.
        """
        around = self._text[max(0, offset - _CONTEXT) : offset + _CONTEXT]
        return crc32(around.encode("utf-8", "surrogatepass")) % _ANCHOR_EVERY == 0, offset
