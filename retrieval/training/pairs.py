"""Pairs of a question and a passage that answers it, to train on.

judged     a question, and the passage of a relevant document that answers it best
file       a line of a file: question, tab, passage
generated  a question that a language model writes for a passage, and the passage
title      a document's title, and its first passage
headings   the path of headings above a passage, and the passage
sentence   the first sentence of a passage, and the rest of it
question   a sentence that ends in a question mark, and the text after it, else the text before it
keywords   the words that distinguish a passage from the others, and the passage
crop       two random pieces of one passage (Izacard et al. 2022, "Unsupervised Dense Information Retrieval
           with Contrastive Learning", section 3.2)
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from retrieval.context import embedded_text
from retrieval.errors import ConfigError
from retrieval.evaluation.lines import read_lines
from retrieval.model_comparison.passages import letters
from retrieval.types import Chunk

Kind = Literal["judged", "file", "generated", "title", "headings", "sentence", "question", "keywords", "crop"]

MADE: tuple[Kind, ...] = ("title", "headings", "sentence", "question", "keywords", "crop")
"""The kinds that are made from documents."""

ASKED: tuple[Kind, ...] = ("title", "headings", "sentence", "question")
"""Those of them that people might ask."""

WRITTEN: tuple[Kind, ...] = ("judged", "generated")
"""The kinds whose questions people or a language model wrote to be asked."""

WHOLE_DOCUMENT: tuple[Kind, ...] = ("judged", "title")
"""The kinds whose question the whole document answers, not the passage alone."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a passage that answers it, both without the embedding model's prefixes.

    source   the document of the passage; "" for a pair of a file
    chunk    the id of the chunk that the passage is, or is a part of; "" for a pair of a file
    """

    kind: Kind
    question: str
    passage: str
    source: str = ""
    chunk: str = ""


def judged_pairs(
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    best_chunk: Callable[[str, str], Chunk | None],
    *,
    context_header: bool = True,
) -> list[Pair]:
    """A pair for each document that is relevant to a question, in their order.

    best_chunk   (question, source) -> the document's chunk that answers best; None where the index has none
    """
    pairs = []
    for query, documents in qrels.items():
        for source in (source for source, relevance in documents.items() if relevance > 0):
            if (chunk := best_chunk(queries[query], source)) is not None:
                passage = embedded_text(chunk, context_header=context_header)
                pairs.append(Pair("judged", queries[query], passage, source, chunk.id))
    return distinct(pairs)


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file of UTF-8 lines: a question, a tab and a passage. Pairs of paraphrases or of natural language
    inference do, too. Raises ConfigError, which names file, line and cause."""
    pairs = []
    for where, line in read_lines(path):
        question, tab, passage = line.partition("\t")
        if not tab or "\t" in passage or not letters(question) or not letters(passage):
            raise ConfigError(f"{where}: expected a question, a tab and a passage, got {line[:80]!r}.")
        pairs.append(Pair("file", question.strip(), passage.strip()))
    return distinct(pairs)


def distinct(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs without repetitions, or those whose question is their passage. Only letters and digits count."""
    kept: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        halves = letters(pair.question), letters(pair.passage)
        if all(halves) and halves[0] != halves[1]:
            kept.setdefault(halves, pair)
    return list(kept.values())


def counts(pairs: Iterable[Pair]) -> dict[Kind, int]:
    """How many pairs there are of each kind, in the order of the kinds; kinds without any are left out."""
    found = Counter(pair.kind for pair in pairs)
    return {kind: found[kind] for kind in get_args(Kind) if found[kind]}
