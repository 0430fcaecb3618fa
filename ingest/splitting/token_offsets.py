"""Where the tokens of a long text start, in bounded memory."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from ingest.splitting.separators import whole_cluster
from ingest.splitting.unit_counts import TOO_LONG, UnitCounts, is_seam

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_SEGMENT = 16_384
_SEGMENTS_AT_ONCE = 16  # an Encoding takes some 200 bytes for each character of text
_LAST_SPACE = re.compile(r"\s(?=\S*\Z)")


class WordLimit:
    """WordPiece reads a word over 100 characters as one unknown token, whatever it says: such words are sliced."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        model = tokenizer.model
        self.characters: int | None = getattr(model, "max_input_chars_per_word", None)
        self._unknown = tokenizer.token_to_id(getattr(model, "unk_token", None) or "")
        self._normalize: Callable[[str], str] = tokenizer.normalizer.normalize_str if tokenizer.normalizer else str

    def slices(self, text: str, encoding: "Encoding") -> Iterator[tuple[int, int]]:
        """The spans of `text` that its unknown tokens over the limit have to be cut into, in order."""
        ids = encoding.ids
        if self.characters is None or self._unknown not in ids:
            return
        for token, (start, end) in zip(ids, encoding.offsets, strict=True):
            # The limit counts normalised characters; no canonical decomposition makes more than four of one.
            if token == self._unknown and (end - start) * 4 > self.characters < len(self._normalize(text[start:end])):
                yield from self._cut(text, start, end)

    def _cut(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        assert self.characters is not None
        while start < end:
            stop = min(end, start + self.characters)
            while stop - start > 1 and len(self._normalize(text[start:stop])) > self.characters:
                stop = start + (stop - start) // 2
            stop = end if stop == end else whole_cluster(text, stop, after=start)
            yield start, stop
            start = stop


class TokenOffsets:
    """The tokens of a text from left to right, read ahead as far as asked and forgotten as far as allowed.

    Kept by unit: several tokens where `units` knows their number, one token elsewhere. Tokens are numbered from 0.

    units   for a text whose counts add up; None for any other
    cuts    offsets, ascending, at which a chunk must end: inside words that only their slices have tokens for
    read    the offset up to which the text is tokenised
    """

    def __init__(self, text: str, tokenizer: "Tokenizer", limit: WordLimit, units: UnitCounts | None) -> None:
        self._text, self._tokenizer, self._limit, self._units = text, tokenizer, limit, units
        self._starts: list[int] = []  # of units
        self._before: list[int] = []  # the number of each one's first token
        self._total = 0
        self.cuts: list[int] = []
        self.read = 0

    def read_to(self, offset: int) -> None:
        """Tokenise on until `offset` or the text's end is reached."""
        while self.read < min(offset, len(self._text)):
            if self._units:
                self._read_units(self._units)
            else:
                self._read_window()

    def forget_to(self, offset: int) -> None:
        """Drop what starts before `offset`, but for the unit that may reach over it."""
        place = max(0, bisect_left(self._starts, offset) - 1)
        del self._starts[:place], self._before[:place]
        del self.cuts[: bisect_left(self.cuts, offset)]

    def before(self, offset: int) -> int:
        """How many tokens start before `offset`; inside a unit, before its end."""
        place = bisect_left(self._starts, offset)
        return self._before[place] if place < len(self._before) else self._total

    def start_of(self, token: int) -> int | None:
        """Where a token starts; None if it lies beyond what is read."""
        if token >= self._total:
            return None
        place = bisect_right(self._before, token) - 1
        within = token - self._before[place]
        return self._starts_inside(place)[within] if within else self._starts[place]

    def between(self, start: int, end: int) -> int | None:
        """Tokens of `text[start:end]`, special tokens aside; None where only the tokenizer knows."""
        if self._units and is_seam(self._text, start) and is_seam(self._text, end):
            return self.before(end) - self.before(start)
        return None

    def next_cut(self, offset: int) -> int:
        """The first offset after `offset` at which a chunk must end; the text's length where there is none."""
        place = bisect_left(self.cuts, offset + 1)
        return self.cuts[place] if place < len(self.cuts) else len(self._text)

    def last_cut(self, offset: int) -> int:
        """The last such offset at or before `offset`; 0 where there is none."""
        place = bisect_left(self.cuts, offset + 1)
        return self.cuts[place - 1] if place else 0

    def _starts_inside(self, place: int) -> list[int]:
        start = self._starts[place]
        end = self._starts[place + 1] if place + 1 < len(self._starts) else self.read
        encoding = self._tokenizer.encode(self._text[start:end], add_special_tokens=False)
        return [start + offset for offset in accumulate((first for first, _ in encoding.offsets), max)]

    def _read_units(self, known: UnitCounts) -> None:
        end = self._segment_end(self.read)
        starts, units = known.units(self._text[self.read : end], base=self.read)
        counts = known.counts(units)
        unread = [place for place, count in enumerate(counts) if count == TOO_LONG] if TOO_LONG in counts else []
        encodings = self._tokenizer.encode_batch([units[place] for place in unread], add_special_tokens=False)
        tokens = [
            self._starts_in(starts[place], units[place], encoding)
            for place, encoding in zip(unread, encodings, strict=True)
        ]
        for place, own in zip(reversed(unread), reversed(tokens), strict=True):
            starts[place : place + 1] = own
            counts[place : place + 1] = [1] * len(own)
        self._add(starts, counts)
        self._advance(end)

    def _read_window(self) -> None:
        segments: list[tuple[int, str]] = []
        end = self.read
        while end < len(self._text) and len(segments) < _SEGMENTS_AT_ONCE:
            start, end = end, self._segment_end(end)
            segments.append((start, self._text[start:end]))
        encodings = self._tokenizer.encode_batch([segment for _, segment in segments], add_special_tokens=False)
        for (base, segment), encoding in zip(segments, encodings, strict=True):
            starts = self._starts_in(base, segment, encoding)
            self._add(starts, [1] * len(starts))
            self._advance(base + len(segment))

    def _add(self, starts: list[int], counts: list[int]) -> None:
        self._starts += starts
        self._before += accumulate(counts[:-1], initial=self._total) if counts else ()
        self._total += sum(counts)

    def _advance(self, offset: int) -> None:
        if _splits_word(self._text, offset):
            self.cuts.append(offset)  # what was read as two words must not become one again
        self.read = offset

    def _starts_in(self, base: int, segment: str, encoding: "Encoding") -> list[int]:
        """Offsets in the text; a word over the limit counts with the tokens of its slices."""
        starts = [base + start for start, _ in encoding.offsets]
        slices = list(self._limit.slices(segment, encoding))
        if not slices:
            return list(accumulate(starts, max))  # a normaliser that reorders accents may step back
        ends = {end for _, end in slices}
        self.cuts.extend(base + start for start, _ in slices if start in ends)
        words = {base + start for start, _ in slices if start not in ends}
        starts = [start for start in starts if start not in words]
        pieces = self._tokenizer.encode_batch([segment[start:end] for start, end in slices], add_special_tokens=False)
        for (start, _), piece in zip(slices, pieces, strict=True):
            starts.extend(base + start + offset for offset, _ in piece.offsets)
        return sorted(starts)

    def _segment_end(self, start: int) -> int:
        """At a line's end, else after white space, else anywhere: at most _SEGMENT characters on."""
        text, end = self._text, start + _SEGMENT
        if end >= len(text):
            return len(text)
        newline = text.rfind("\n", start, end)
        if newline > start:
            return newline
        space = _LAST_SPACE.search(text[start:end])
        return start + space.end() if space else whole_cluster(text, end, after=start)


def _splits_word(text: str, offset: int) -> bool:
    return 0 < offset < len(text) and not (text[offset - 1].isspace() or text[offset].isspace())
