"""Questions to documents that a training has not seen, and an index's chunks under another model to ask them of."""

from collections.abc import Collection as Container
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from retrieval.config import SERVER_SETTINGS, Config, Mode
from retrieval.evaluation.collection import Collection
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.measures import MODES, Figures, judge
from retrieval.index import HybridIndex
from retrieval.inspection.embedding_stats import EmbeddingStats
from retrieval.model_comparison.known_items import MOST_QUESTIONS
from retrieval.model_comparison.passages import letters, without_number
from retrieval.model_comparison.trial import MEASURES
from retrieval.training.made_pairs import Text, made_pairs
from retrieval.training.pairs import ASKED, Pair
from retrieval.types import Chunk, DocumentRecord, chunk_ids, digest, document_id
from retrieval.writer.changes import Change

_AT_ONCE = 500  # documents that are written together


@dataclass(frozen=True, slots=True)
class Unseen:
    """texts are the chunks that are searched, those of a document together; queries and qrels are as in Collection."""

    texts: tuple[Text, ...]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


class Measured(NamedTuple):
    """What a model makes of some texts: how good its answers are, by mode, and how its vectors lie."""

    figures: Mapping[Mode, Figures]
    space: EmbeddingStats


def judged_unseen(texts: Sequence[Text], judgements: Judgements, queries: Container[str]) -> Unseen:
    """The judged questions that were held out, to whole documents."""
    chosen = {query: text for query, text in judgements.queries.items() if query in queries}
    return Unseen(tuple(texts), chosen, {query: judgements.qrels[query] for query in chosen})


def made_unseen(texts: Sequence[Text], sources: Container[str], *, seed: int, most: int = MOST_QUESTIONS) -> Unseen:
    """Known items: a question to each of some passages of the documents that were held out. Every passage is a document
    of its own, and what is asked is left out of it and of all that stands above its document's passages."""
    held = [text for text in texts if text.chunk.source in sources]
    asked: dict[str, Pair] = {}
    for pair in made_pairs(held, seed=seed, most=most, kinds=ASKED, context_header=False):
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
    )


def generated_unseen(texts: Sequence[Text], pairs: Sequence[Pair]) -> Unseen:
    """Questions that a language model wrote for passages, each of which is a document of its own."""
    chosen = {str(number): pair for number, pair in enumerate(pairs)}
    return Unseen(
        tuple(Text(_alone(text.chunk, None, []), text.language) for text in texts),
        {number: pair.question for number, pair in chosen.items()},
        {number: {pair.chunk: 1} for number, pair in chosen.items()},
    )


def measure(unseen: Unseen, config: Config) -> Measured:
    """Index the texts with the model of the settings, in a directory that is gone afterwards, and ask. Raises
    ModelError, and ConfigError where an extra is missing."""
    with _indexed(unseen.texts, config) as index:
        collection = Collection((), unseen.queries, unseen.qrels)
        judged = judge(index, collection, measures=MEASURES)
        return Measured({mode: judged[mode].figures for mode in MODES}, index.embedding_stats())


@contextmanager
def _indexed(texts: Sequence[Text], config: Config) -> Iterator[HybridIndex]:
    settings = config.model_dump(include=set(config.model_fields_set) - set(SERVER_SETTINGS) - {"chroma_headers"})
    documents: dict[str, list[Text]] = {}
    for text in texts:
        documents.setdefault(text.chunk.source, []).append(text)
    changes = [_change(source, found) for source, found in documents.items()]
    with (
        TemporaryDirectory(prefix="retrieve-train-", ignore_cleanup_errors=True) as directory,
        HybridIndex.open(Path(directory) / "index", config=Config(**settings)) as index,
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
    """The chunk as a document of its own, whose source is its id; with a pair, what is left of it once that is asked.
    No title or heading says what is asked of its document, in letters."""

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
