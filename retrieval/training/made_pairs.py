"""Pairs that are made from documents, of the kinds that `pairs` describes.

A passage does not repeat its question: a title or heading that is asked is left out of the passage's context header,
and a sentence out of its text.
"""

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from retrieval.analysis import Analyzer
from retrieval.context import contextualize
from retrieval.model_comparison.passages import (
    first_sentence,
    is_prose,
    is_substantial,
    is_telling,
    letters,
    sentences,
    without_number,
)
from retrieval.training.pairs import ASKED, MADE, Kind, Pair, distinct
from retrieval.types import Chunk

_QUESTION_MARKS = "?？؟"

_KEYWORDS = (3, 6)
"""The least and the most keywords of a question."""

_SALIENT = 12
"""Keywords are drawn from so many of the most salient words."""

_ASKED_PIECE, _ANSWERING_PIECE = (0.05, 0.3), (0.3, 0.8)
"""The least and the largest share of a passage's words in a piece. Contriever draws both pieces alike, but questions
are short."""

_LONGEST_WORDS = 15
"""The mean number of letters of a word; where it is higher, the script has no spaces between words."""

_LEAST_WORDS = 4
"""The fewest words of a piece that is asked, and of one that answers."""


class Text(NamedTuple):
    """A chunk and the language in which it is analysed."""

    chunk: Chunk
    language: str


def made_pairs(
    texts: Sequence[Text], *, seed: int, most: int, kinds: Sequence[Kind] = MADE, context_header: bool = True
) -> list[Pair]:
    """Pairs made from documents. The same texts and seed give the same pairs, in any order of the texts.

    most             the most pairs. Each kind gives as many as the others, as far as it can, and each document gives a
                     first pair before any gives a second one.
    context_header   whether titles and headings are put before passages
    """
    salience = _Salience(texts if "keywords" in kinds else ())
    by_kind: dict[Kind, list[Pair]] = {kind: [] for kind in kinds}
    for text in texts:
        for kind in kinds:
            drawn = random.Random(f"{seed} {kind} {text.chunk.id}")
            by_kind[kind] += _MAKERS[kind](_Maker(text, salience, drawn, context_header))
    ordered = [in_turns(distinct(pairs), seed) for pairs in by_kind.values()]
    chosen: list[Pair] = []
    for place in range(max(map(len, ordered), default=0)):
        chosen += [pairs[place] for pairs in ordered if place < len(pairs)]
        if len(chosen) >= most:
            break
    return distinct(chosen)[:most]


def asked_pairs(texts: Sequence[Text], *, seed: int, most: int, context_header: bool = True) -> list[Pair]:
    """`made_pairs` of the kinds that people might ask or, where the texts give none of these, of all kinds."""
    for kinds in (ASKED, MADE):
        if pairs := made_pairs(texts, seed=seed, most=most, kinds=kinds, context_header=context_header):
            return pairs
    return []


class _Salience:
    """How salient each term of a chunk is: its inverse document frequency over all chunks."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._analyzers = {language: Analyzer(language) for language in {text.language for text in texts}}
        self._chunks = Counter(
            term for text in texts for term in set(self._analyzers[text.language].terms(text[0].text))
        )
        self._count = len(texts)

    def words(self, text: Text) -> list[str]:
        """The words of the chunk, as they are first written, the most salient first; without those of all chunks."""
        written: dict[str, str] = {}
        occurrences: Counter[str] = Counter()
        for term, start, end in self._analyzers[text.language].spans(text.chunk.text):
            written.setdefault(term, text.chunk.text[start:end])
            occurrences[term] += 1
        weights = {term: count * math.log(self._count / self._chunks[term]) for term, count in occurrences.items()}
        telling = [term for term in weights if weights[term] > 0 and any(map(str.isalpha, term))]
        best = sorted(telling, key=lambda term: (-weights[term], term))
        return list(dict.fromkeys(written[term] for term in best))


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes pairs of one chunk."""

    text: Text
    salience: _Salience
    random: random.Random
    context_header: bool

    def title(self) -> Iterator[Pair]:
        chunk = self.text.chunk
        if chunk.ordinal == 0 and chunk.title and is_telling(chunk.title):
            kept = [heading for heading in chunk.headings if letters(heading) != letters(chunk.title)]
            yield from self._pair("title", chunk.title, _without(chunk.text, [chunk.title]), headings=kept)

    def headings(self) -> Iterator[Pair]:
        chunk = self.text.chunk
        path = [without_number(heading) for heading in chunk.headings if letters(heading) != letters(chunk.title or "")]
        if path and is_telling(asked := ": ".join(path)):
            yield from self._pair("headings", asked, _without(chunk.text, chunk.headings), title=chunk.title)

    def sentence(self) -> Iterator[Pair]:
        chunk = self.text.chunk
        if (span := first_sentence(chunk.text)) is not None:
            rest = chunk.text[: span[0]] + chunk.text[span[1] :]
            yield from self._pair(
                "sentence", chunk.text[slice(*span)], rest, title=chunk.title, headings=chunk.headings
            )

    def question(self) -> Iterator[Pair]:
        chunk = self.text.chunk
        for start, end in sentences(chunk.text):
            asked = chunk.text[start:end]
            if asked.rstrip("\"'”’»)]")[-1:] in _QUESTION_MARKS and is_prose(asked):
                around = (chunk.text[end:], chunk.text[:start])
                answer = next((text for text in around if is_substantial(text)), "")
                yield from self._pair("question", asked, answer, title=chunk.title, headings=chunk.headings)

    def keywords(self) -> Iterator[Pair]:
        chunk = self.text.chunk
        words = self.salience.words(self.text)[:_SALIENT]
        if len(words) >= _KEYWORDS[0]:
            asked = self.random.sample(words, min(self.random.randint(*_KEYWORDS), len(words)))
            yield from self._pair("keywords", " ".join(asked), chunk.text, title=chunk.title, headings=chunk.headings)

    def crop(self) -> Iterator[Pair]:
        chunk = self.text.chunk
        words, blank = chunk.text.split(), " "
        if len(letters(chunk.text)) > _LONGEST_WORDS * len(words):
            words, blank = list(" ".join(words)), ""
        asked, passage = (self._piece(words, *shares) for shares in (_ASKED_PIECE, _ANSWERING_PIECE))
        if min(len(asked), len(passage)) >= _LEAST_WORDS:
            yield from self._pair(
                "crop", blank.join(asked), blank.join(passage), title=chunk.title, headings=chunk.headings
            )

    def _piece(self, words: Sequence[str], least: float, most: float) -> Sequence[str]:
        length = math.ceil(self.random.uniform(least, most) * len(words))
        start = self.random.randint(0, len(words) - length)
        return words[start : start + length]

    def _pair(
        self, kind: Kind, asked: str, text: str, *, title: str | None = None, headings: Sequence[str] = ()
    ) -> Iterator[Pair]:
        """A pair whose passage has this title and these headings before it. No pair where the text is too short, or
        still has the sentence that was taken out of it."""
        is_repeated = kind in {"sentence", "question"} and letters(asked) in letters(text)
        if is_substantial(text) and not is_repeated:
            passage = contextualize(title, headings, text.strip(), enabled=self.context_header)
            chunk = self.text.chunk
            yield Pair(kind, " ".join(asked.split()), passage, chunk.source, chunk.id)


_MAKERS: Mapping[Kind, Callable[[_Maker], Iterator[Pair]]] = {
    "title": _Maker.title,
    "headings": _Maker.headings,
    "sentence": _Maker.sentence,
    "question": _Maker.question,
    "keywords": _Maker.keywords,
    "crop": _Maker.crop,
}


def _without(text: str, asked: Iterable[str]) -> str:
    """The text without lines that only repeat what is asked, and without it where the text begins with it."""
    bare = {letters(said) for each in asked for said in (each, without_number(each))} - {""}
    kept = (line for line in text.split("\n") if not {letters(line), letters(without_number(line))} & bare)
    rest = "\n".join(kept).lstrip()
    first = letters(rest)
    return next((_after(rest, said) for said in bare if first.startswith(said)), rest)


def _after(text: str, beginning: str) -> str:
    """The text after these first letters and their punctuation; the whole text where they end within a word."""
    for word in re.finditer(r"\S+", text):
        if letters(text[: word.end()]) == beginning:
            return text[word.end() :].lstrip(" .:;,-–—\t\n")
    return text


def in_turns(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """The pairs in random order, but every document's first pair before any second one."""
    drawn = sorted(pairs, key=lambda pair: random.Random(f"{seed} {pair.chunk} {pair.question}").random())
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int, Pair]] = []
    for pair in drawn:
        turns.append((seen[pair.source], len(turns), pair))
        seen[pair.source] += 1
    return [pair for _, _, pair in sorted(turns, key=lambda turn: turn[:2])]
