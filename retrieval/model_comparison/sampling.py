"""Which documents are read where reading all would take too long."""

import random
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

from retrieval.evaluation.judgements import Qrels
from retrieval.types import Document

CHARACTERS_A_DOCUMENT = 1000
"""A sample of n documents holds at most n thousand characters: a few long documents take as long as many short ones."""

LONGEST = 100_000
"""Characters of one document in a sample."""


def reading_order(names: Sequence[str], qrels: Qrels, *, seed: int) -> list[str]:
    """All documents in the order in which they are read until there are enough: at random, but by turns what answers a
    question and another, so that a sample has questions as well as what is no answer to them."""
    random_ = random.Random(seed)
    others = random_.sample(names, len(names))
    known = set(names)
    order: dict[str, None] = {}
    rest = iter(others)
    for query in random_.sample(list(qrels), len(qrels)):
        answers = [document for document in answers_to(qrels, query) if document in known and document not in order]
        order |= dict.fromkeys(answers)
        for _ in answers:
            order |= dict.fromkeys(next(([name] for name in rest if name not in order), []))
    return list(order | dict.fromkeys(others))


def answers_to(qrels: Qrels, query: str) -> list[str]:
    """The documents that are relevant to a query."""
    return [document for document, relevance in qrels[query].items() if relevance > 0]


def taken(documents: Iterable[Document], *, most: int) -> Iterator[Document]:
    """The first documents, `most` at most, as far as the characters of so many reach; long ones are cut."""
    characters = 0
    for count, document in enumerate(documents, start=1):
        shorter = cut(document, most=LONGEST)
        yield shorter
        characters += len(shorter.text)
        if count >= most or characters >= most * CHARACTERS_A_DOCUMENT:
            return


def cut(document: Document, *, most: int) -> Document:
    """The first `most` characters of a document, with the headings there."""
    if len(document.text) <= most:
        return document
    return replace(
        document,
        text=document.text[:most],
        headings=tuple(heading for heading in document.headings if heading.char_start < most),
        tables=tuple(table for table in document.tables if table.char_end <= most),
        pages=(),
        page_labels=(),
        rows=(),
    )


def answerable(qrels: Qrels, unread: Container[str]) -> dict[str, dict[str, int]]:
    """The judgements of the questions none of whose answers was left unread, so that what is not there is not asked
    for."""
    return {
        query: dict(qrels[query]) for query in qrels if not any(name in unread for name in answers_to(qrels, query))
    }
