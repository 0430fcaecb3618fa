"""Questions whose answers are known without a judge: known-item search made from the documents themselves.

Azzopardi, de Rijke & Balog 2007, "Building Simulated Queries for Known-Item Topics". A passage's heading, or its first
sentence, is taken out of the passage and asked; the passage is what should be found. What is searched is the passages,
each a document of its own, so that all models rank the same things however long the chunks are that they read.

The question must not give itself away. An asked heading is nowhere left in the titles and heading paths that stand
before passages, and an asked sentence nowhere in the text. Documents that repeat others, as where a folder has the same
manual in two formats, are left out of what is searched; a passage that still has a copy is not asked for, nor is a
heading that stands above several sections.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.model_comparison.copies import copied, without_copies
from retrieval.model_comparison.passages import (
    Passage,
    first_sentence,
    is_substantial,
    is_telling,
    letters,
    passages_of,
)
from retrieval.types import Document, Heading

MOST_QUESTIONS = 300
"""Enough for differences of .03 in nDCG@10 to show."""

_LONGEST = (4000, 1200, 400)
"""Characters of a passage: a thousand tokens, more than most models read; less where that makes too few passages."""

_ENOUGH_PASSAGES = 50


@dataclass(frozen=True, slots=True)
class KnownItems:
    """documents are the passages that are searched; queries and qrels as in Collection; headings and sentences say how
    many questions are which."""

    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    headings: int
    sentences: int


def make_known_items(documents: Iterable[Document], *, seed: int, most: int = MOST_QUESTIONS) -> KnownItems:
    """The same documents and seed give the same questions; there are none where no passage has what can be asked.

    Half of the questions are headings, half are sentences, as far as there are both; and each document has its turn
    before one is asked for a second time.
    """
    given = without_copies(documents)
    for longest in _LONGEST:
        passages = [passage for document in given for passage in passages_of(document, longest=longest)]
        if len(passages) >= _ENOUGH_PASSAGES:
            break
    choice = _Choice(passages, most=most)
    for passage in _in_turns(passages, seed):
        choice.ask(passage)
    return choice.result()


class _Choice:
    """The questions that were taken so far."""

    def __init__(self, passages: Sequence[Passage], *, most: int) -> None:
        self._passages = passages
        self._most = most
        self._everything = "\n".join(passage.bare for passage in passages)
        self._contexts = {passage.section.document.source: _context(passage.section.document) for passage in passages}
        self._parts: dict[tuple[str, int | None], list[Passage]] = {}
        for passage in passages:
            self._parts.setdefault(_section_of(passage), []).append(passage)
        self._headings = Counter(letters(section[0].asked_heading) for section in self._parts.values())
        self._queries: dict[str, str] = {}
        self._qrels: dict[str, dict[str, int]] = {}
        self._asked_headings: dict[str, list[str]] = {}  # their letters, by the document's source
        self._asked: set[str] = set()
        self._copied = {
            passage.source
            for passage, is_copy in zip(passages, copied([each.text for each in passages]), strict=True)
            if is_copy
        }
        self._counts = Counter({"h": 0, "s": 0})

    def ask(self, passage: Passage) -> None:
        """Take a question to this passage, if it has one: of the kind of which there are fewer, if it can."""
        if len(self._queries) >= self._most or {passage.source} & (self._asked | self._copied):
            return
        kinds = {"h": self._ask_heading, "s": self._ask_sentence}
        for kind in sorted(kinds, key=self._counts.__getitem__):
            if kinds[kind](passage):
                self._counts[kind] += 1
                return

    def _ask_heading(self, passage: Passage) -> bool:
        text = " ".join(passage.asked_heading.split())
        bare = letters(text)
        if not is_telling(text) or self._headings[bare] > 1:
            return False
        together = self._parts[_section_of(passage)]
        if any(part.source in self._asked for part in together) or not is_substantial(passage.text):
            return False
        self._asked_headings.setdefault(passage.section.document.source, []).append(bare)
        self._add("h", text, [part.source for part in together])
        return True

    def _ask_sentence(self, passage: Passage) -> bool:
        if (span := first_sentence(passage.text)) is None:
            return False
        sentence, rest = passage.text[slice(*span)], passage.text[: span[0]] + passage.text[span[1] :]
        bare = letters(sentence)
        is_there_again = self._everything.count(bare) > 1 or bare in self._contexts[passage.section.document.source]
        if not is_substantial(rest) or is_there_again:
            return False
        passage.text = rest
        self._add("s", " ".join(sentence.split()), [passage.source])
        return True

    def _add(self, kind: str, text: str, sources: Sequence[str]) -> None:
        query = f"{kind}{self._counts[kind] + 1}"
        self._queries[query] = text
        self._qrels[query] = dict.fromkeys(sources, 1)
        self._asked.update(sources)

    def result(self) -> KnownItems:
        return KnownItems(
            documents=tuple(self._document(passage) for passage in self._passages),
            queries=self._queries,
            qrels=self._qrels,
            headings=self._counts["h"],
            sentences=self._counts["s"],
        )

    def _document(self, passage: Passage) -> Document:
        """The passage as a document, under the title and headings of its own that no question has."""
        whole = passage.section.document
        asked = self._asked_headings.get(whole.source, [])

        def is_kept(text: str) -> bool:
            shown = letters(text)
            return not any(bare in shown for bare in asked)

        path = [whole.headings[place].text for place in passage.section.path]
        return Document(
            passage.source,
            passage.text.strip(),
            title=whole.title if whole.title and is_kept(whole.title) else None,
            headings=tuple(Heading(0, level, text) for level, text in enumerate(filter(is_kept, path), start=1)),
            syntax=whole.syntax,
        )


def _context(document: Document) -> str:
    """The letters of what may stand before its passages."""
    return "\n".join(letters(text) for text in (document.title or "", *(heading.text for heading in document.headings)))


def _section_of(passage: Passage) -> tuple[str, int | None]:
    return passage.section.document.source, passage.heading


def _in_turns(passages: Sequence[Passage], seed: int) -> list[Passage]:
    """At random, but each document's second passage after the first one of every other."""
    shuffled = random.Random(seed).sample(passages, len(passages))
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int, Passage]] = []
    for passage in shuffled:
        source = passage.section.document.source
        turns.append((seen[source], len(turns), passage))
        seen[source] += 1
    return [passage for _, _, passage in sorted(turns, key=lambda turn: turn[:2])]
