"""What models are compared on, and what a trial of one of them finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from retrieval.config import Config, Mode
from retrieval.evaluation.judgements import Qrels
from retrieval.evaluation.measures import Figures
from retrieval.inspection.embedding_stats import EmbeddingStats
from retrieval.types import Document

MEASURES = ("nDCG@10", "RR@10", "R@100")
"""Of each mode; the first one decides."""

QuestionKind = Literal["judged", "known-item", "none"]


class Candidate(NamedTuple):
    """A model to be compared, by what the user calls it, and the settings that it runs with."""

    label: str
    config: Config


@dataclass(frozen=True, slots=True)
class Material:
    """Documents that every model indexes, and what it is asked of them.

    documents   what is searched: whole documents, or for known items their passages
    sections    the text of each section of the documents, or of all of one without headings
    queries, qrels   as in Collection; empty where kind is "none"
    notes       sentences on what was sampled, left out or made
    """

    name: str
    documents: tuple[Document, ...]
    sections: tuple[str, ...]
    queries: Mapping[str, str]
    qrels: Qrels
    kind: QuestionKind
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model once it is loaded.

    identity         the same for two that give the same vectors and chunks
    dimension        of a vector
    max_seq_length   tokens that it reads, special tokens included
    languages        ISO codes from its model card; None where that says nothing
    size             bytes of its files; None for one that a server runs
    prefixes         before questions and before passages
    """

    identity: str
    dimension: int
    max_seq_length: int
    languages: tuple[str, ...] | None
    size: int | None
    prefixes: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model did with the material.

    chunks, chunk_limit   how many it makes of the material, and tokens that one may have
    cut                   the share of the sections that are longer than a chunk, so that each becomes several
    tokens_per_second     of passages that are embedded, by itself
    query_milliseconds    the median of a hybrid search, the question's embedding included
    memory                most bytes in memory, of a process that indexes and searches; None where the system hides it
    languages             the documents', as they are analysed for BM25 -> how many
    figures               by mode; empty without questions
    """

    facts: ModelFacts
    chunks: int
    chunk_limit: int
    cut: float
    tokens_per_second: float
    query_milliseconds: float
    memory: int | None
    languages: Mapping[str, int]
    space: EmbeddingStats
    figures: Mapping[Mode, Figures]
