"""Where the tokens of a long text start, in bounded memory."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from ingest.splitting.separators import whole_cluster

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

    starts  offsets at which tokens start, ascending: those that are read and not yet forgotten
    cuts    likewise, the offsets at which a chunk must end: inside words that only their slices have tokens for
    read    the offset up to which the text is tokenised
    """

    def __init__(self, text: str, tokenizer: "Tokenizer", limit: WordLimit) -> None:
        self._text, self._tokenizer, self._limit = text, tokenizer, limit
        self.starts: list[int] = []
        self.cuts: list[int] = []
        self.read = 0

    def read_to(self, offset: int) -> None:
        """Tokenise on until `offset` or the text's end is reached."""
        while self.read < min(offset, len(self._text)):
            self._read_window()

    def forget_to(self, offset: int) -> None:
        """Drop what starts before `offset`."""
        for offsets in (self.starts, self.cuts):
            del offsets[: bisect_left(offsets, offset)]

    def next_cut(self, offset: int) -> int:
        """The first offset after `offset` at which a chunk must end; the text's length where there is none."""
        place = bisect_left(self.cuts, offset + 1)
        return self.cuts[place] if place < len(self.cuts) else len(self._text)

    def last_cut(self, offset: int) -> int:
        """The last such offset at or before `offset`; 0 where there is none."""
        place = bisect_left(self.cuts, offset + 1)
        return self.cuts[place - 1] if place else 0

    def _read_window(self) -> None:
        segments: list[tuple[int, str]] = []
        end = self.read
        while end < len(self._text) and len(segments) < _SEGMENTS_AT_ONCE:
            start, end = end, self._segment_end(end)
            segments.append((start, self._text[start:end]))
        encodings = self._tokenizer.encode_batch([segment for _, segment in segments], add_special_tokens=False)
        starts: list[int] = []
        for (base, segment), encoding in zip(segments, encodings, strict=True):
            starts += self._starts_in(base, segment, encoding)
            if _splits_word(self._text, base + len(segment)):
                self.cuts.append(base + len(segment))  # what was read as two words must not become one again
        self.starts.extend(accumulate(starts, max))  # a normaliser that reorders accents may step back
        self.read = end

    def _starts_in(self, base: int, segment: str, encoding: "Encoding") -> list[int]:
        """Offsets in the text; a word over the limit counts with the tokens of its slices."""
        starts = [base + start for start, _ in encoding.offsets]
        slices = list(self._limit.slices(segment, encoding))
        if not slices:
            return starts
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
