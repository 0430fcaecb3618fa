"""Unseen questions, and how well a model answers them in a temporary index of the same chunks."""

from collections.abc import Collection as Container
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import numpy as np

from retrieval.config import Config, Mode, for_another_model
from retrieval.evaluation.collection import Collection
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.measures import Figures, judge
from retrieval.index import HybridIndex
from retrieval.inspection.embedding_stats import EmbeddingStats, alignment
from retrieval.model_comparison.comparison import MODES
from retrieval.model_comparison.known_items import MOST_QUESTIONS
from retrieval.model_comparison.passages import letters, without_number
from retrieval.model_comparison.sampling import answers_to
from retrieval.model_comparison.trial import MEASURES
from retrieval.training.made_pairs import Text, asked_pairs
from retrieval.training.pairs import Pair
from retrieval.training.work_directory import SCRATCH
from retrieval.types import Chunk, DocumentRecord, chunk_ids, digest, document_id
from retrieval.writer.changes import Change

_AT_ONCE = 500  # documents that are written together


@dataclass(frozen=True, slots=True)
class Unseen:
    """Unseen questions, and the chunks that are searched.

    texts             the chunks, those of a document together
    queries, qrels    as in Collection
    kind              whether the questions are judged, made from the documents, or written by a language model
    """

    texts: tuple[Text, ...]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    kind: Literal["judged", "known-item", "generated"]

    @property
    def documents(self) -> int:
        """How many documents are searched; for questions that are not judged, these are passages."""
        return len({text.chunk.source for text in self.texts})


class Measured(NamedTuple):
    """How well a model answers questions, by mode, and its embedding space.

    alignment   the mean squared distance of the unit vectors of a question and of its answer, 0 at best (Wang & Isola
                2020, eq. 1, alpha = 2). Of a document with several chunks, the nearest one counts. None where no answer
                is in the index
    """

    figures: Mapping[Mode, Figures]
    space: EmbeddingStats
    alignment: float | None


def judged_unseen(texts: Sequence[Text], judgements: Judgements, queries: Container[str]) -> Unseen:
    """The unseen judged questions, to whole documents."""
    chosen = {query: text for query, text in judgements.queries.items() if query in queries}
    return Unseen(tuple(texts), chosen, {query: judgements.qrels[query] for query in chosen}, "judged")


def made_unseen(texts: Sequence[Text], sources: Container[str], *, seed: int, most: int = MOST_QUESTIONS) -> Unseen:
    """Known items: a question to each of some passages of the held-out documents. Every passage is a document of its
    own. The question is left out of the passage, and out of the titles and headings of its document's passages.

    The questions are of the kinds that people might ask; of documents without titles, headings and first sentences,
    they are keywords and crops.
    """
    held = [text for text in texts if text.chunk.source in sources]
    asked: dict[str, Pair] = {}
    for pair in asked_pairs(held, seed=seed, most=most, context_header=False):
        asked.setdefault(pair.chunk, pair)
    by_source: dict[str, list[str]] = {}
    for pair in asked.values():
        by_source.setdefault(pair.source, []).append(letters(pair.question))
    passages = tuple(
        Text(_alone(text.chunk, asked.get(text.chunk.id), by_source.get(text.chunk.source, [])), text.language)
        for text in texts
    )
    return Unseen(
        passages,
        {pair.chunk: pair.question for pair in asked.values()},
        {pair.chunk: {pair.chunk: 1} for pair in asked.values()},
        "known-item",
    )


def generated_unseen(texts: Sequence[Text], pairs: Sequence[Pair]) -> Unseen:
    """Questions that a language model wrote for passages. Every passage is a document of its own."""
    chosen = {str(number): pair for number, pair in enumerate(pairs)}
    return Unseen(
        tuple(Text(_alone(text.chunk, None, []), text.language) for text in texts),
        {number: pair.question for number, pair in chosen.items()},
        {number: {pair.chunk: 1} for number, pair in chosen.items()},
        "generated",
    )


def measure(unseen: Unseen, config: Config, *, scratch: Path | None = None) -> Measured:
    """Index the texts with the model of the settings, and ask the questions. The index is in a temporary directory
    within `scratch`, else where temporary files are; a Chroma server is not used. Raises ModelError, and ConfigError
    where an extra is missing."""
    with _indexed(unseen.texts, config, scratch) as index:
        collection = Collection((), unseen.queries, unseen.qrels)
        judged = judge(index, collection, modes=MODES, measures=MEASURES)
        return Measured(
            {mode: judged[mode].figures for mode in MODES}, index.embedding_stats(), _alignment(unseen, index)
        )


def _alignment(unseen: Unseen, index: HybridIndex) -> float | None:
    reader = index.searcher().reader
    asked, answers = [], []
    for query, vector in zip(unseen.queries, index.embedder.embed_queries(list(unseen.queries.values())), strict=True):
        for source in answers_to(unseen.qrels, query):
            record = reader.record_of(source)
            if record is not None and (rows := reader.rows_of_document(record.id)):
                vectors = reader.vectors[np.array(rows)]
                asked.append(vector)
                answers.append(vectors[np.argmax(vectors @ vector)])
    return alignment(np.array(asked), np.array(answers)) if asked else None


@contextmanager
def _indexed(texts: Sequence[Text], config: Config, scratch: Path | None) -> Iterator[HybridIndex]:
    # Models are compared under a fusion that was fitted to neither.
    config = for_another_model(config).kept_locally()
    documents: dict[str, list[Text]] = {}
    for text in texts:
        documents.setdefault(text.chunk.source, []).append(text)
    changes = [_change(source, found) for source, found in documents.items()]
    with (
        TemporaryDirectory(prefix=SCRATCH, dir=scratch, ignore_cleanup_errors=True) as directory,
        HybridIndex.open(Path(directory) / "index", config=config) as index,
    ):
        with index.writing() as writer:
            for start in range(0, len(changes), _AT_ONCE):
                writer.put(changes[start : start + _AT_ONCE])
        yield index


def _change(source: str, texts: Sequence[Text]) -> Change:
    chunks = sorted((text.chunk for text in texts), key=lambda chunk: chunk.ordinal)
    record = DocumentRecord.begun(source, content_hash=digest(*(chunk.text for chunk in chunks)))
    return Change(replace(record, title=chunks[0].title, language=texts[0].language), chunks)


def _alone(chunk: Chunk, pair: Pair | None, asked: Sequence[str]) -> Chunk:
    """The chunk as a document of its own, whose source is its id. With a pair, its text is the passage of the pair.
    Titles and headings that share their letters with a question to its document are left out."""

    def is_kept(text: str) -> bool:
        said = letters(without_number(text))
        return not any(said in question or question in said for question in asked)

    text = chunk.text if pair is None else pair.passage
    return replace(
        chunk,
        id=chunk_ids(chunk.id, [text])[0],
        document_id=document_id(chunk.id),
        source=chunk.id,
        text=text,
        ordinal=0,
        title=chunk.title if chunk.title and is_kept(chunk.title) else None,
        headings=tuple(filter(is_kept, chunk.headings)),
    )
