"""Which chunk of a relevant document answers a question: judgements are of documents, and models are trained on
chunks."""

import numpy as np

from retrieval.search.candidates import QueryScores
from retrieval.searcher import Searcher
from retrieval.types import Chunk


class BestChunk:
    """(question, source) -> the document's chunk with the highest sum of cosine and BM25 score, where BM25 scores are
    divided by the document's highest; the first of several. None where the index has no such document. A question that
    is repeated in the next call is analysed once. Raises as a search."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher
        self._question = ""
        self._scores: QueryScores | None = None

    def __call__(self, question: str, source: str) -> Chunk | None:
        reader = self._searcher.reader
        record = reader.record_of(source)
        rows = np.array(reader.rows_of_document(record.id) if record is not None else [], dtype=np.intp)
        if not len(rows):
            return None
        if self._scores is None or question != self._question:
            (query,) = self._searcher.queries([question])
            self._question, self._scores = question, QueryScores(reader, query)
        lexical = self._scores.lexical[rows]
        sums = self._scores.cosines(rows) + lexical / max(float(lexical.max()), 1e-12)
        return reader.chunk(int(rows[np.argmax(sums)]))
