"""Which passages may answer a question although no pair says so: these are no hard negatives.

A false negative is a passage that answers, but is not known to. So a passage is left out where

    - its document was judged relevant to the question, or is held out;
    - the question is its title or the path of its headings: a title asks for a whole document, a path for a section;
    - it mostly repeats an answer's wording;
    - its cosine to the question is not below the answer's by a margin (Moreira et al. 2024, "NV-Retriever: Improving
      text embedding models with effective hard-negative mining", "TopK-PercPos").
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.inspection.resemblance import shingles
from retrieval.model_comparison.passages import letters, without_number
from retrieval.segments.reader import IndexReader
from retrieval.training.pairs import WHOLE_DOCUMENT, Pair
from retrieval.types import Chunk

_REPEATED = 0.5
"""The share of the shorter text's shingles from which on the longer one repeats it."""


class AnswerFilter:
    """Tells which rows of an index may answer a question.

    margin     the share of the answer's cosine by which that of a negative is lower at least
    relevant   question -> sources of the documents that were judged relevant to it
    held_out   sources of the documents that training does not see
    """

    def __init__(
        self,
        reader: IndexReader,
        *,
        margin: float,
        relevant: Mapping[str, Collection[str]],
        held_out: Collection[str],
    ) -> None:
        self._reader = reader
        self._margin = margin
        self._relevant = relevant
        self._held_out = held_out
        self._shingles: dict[int, NDArray[np.uint64]] = {}

    def row_of(self, pair: Pair) -> int | None:
        """The row of the chunk that the pair is from; None where the index lacks it."""
        row = int(self._reader.rows_of_ids([pair.chunk])[0]) if pair.chunk else -1
        return None if row < 0 else row

    def negative_for(
        self, answers: Sequence[Pair], *, cosine: float, cosine_of: Callable[[int], float]
    ) -> Callable[[int], bool]:
        """Tells whether a row does not answer a question, and may be a negative.

        answers     all pairs of the question, one at least
        cosine      of the question and the answer
        cosine_of   row -> that of the question and the row
        """
        question = answers[0].question
        highest = cosine - self._margin * abs(cosine)
        chunks = {answer.chunk for answer in answers}
        relevant = {pair.source for pair in answers if pair.kind in WHOLE_DOCUMENT}
        relevant.update(self._relevant.get(question, ()))
        titles = {letters(pair.question) for pair in answers if pair.kind == "title"}
        sections = [self._section_of(pair) for pair in answers if pair.kind == "headings"]
        wordings = [self._wording_of(pair) for pair in answers]

        def is_negative(row: int) -> bool:
            chunk = self._reader.chunk(row)
            if chunk.id in chunks or chunk.source in relevant or chunk.source in self._held_out:
                return False
            if titles and letters(chunk.title or "") in titles:
                return False
            if sections and any(_path(chunk)[: len(section)] == section for section in sections if section):
                return False
            if cosine_of(row) > highest:
                return False
            return not any(_repeats(self._wording(row), wording) for wording in wordings)

        return is_negative

    def _section_of(self, pair: Pair) -> tuple[str, ...]:
        row = self.row_of(pair)
        return () if row is None else _path(self._reader.chunk(row))

    def _wording_of(self, pair: Pair) -> NDArray[np.uint64]:
        """The shingles of the whole chunk, without its context header, which neighbours share."""
        row = self.row_of(pair)
        return np.unique(shingles(pair.passage)) if row is None else self._wording(row)

    def _wording(self, row: int) -> NDArray[np.uint64]:
        if row not in self._shingles:
            self._shingles[row] = np.unique(shingles(self._reader.chunk(row).text))
        return self._shingles[row]


def _path(chunk: Chunk) -> tuple[str, ...]:
    """The headings above a chunk, without the title of its document and without numbers, in letters."""
    title = letters(chunk.title or "")
    return tuple(letters(without_number(heading)) for heading in chunk.headings if letters(heading) != title)


def _repeats(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) > 0 and bool(np.isin(shorter, longer).mean() >= _REPEATED)
