"""In how many passages of each language a term is, exactly, as of one generation.

Counts of all terms are written now and then, spread over notes ("base"); each generation in between has a note of what
it changed. A reader keeps the changes and the notes of the base that it asked for. What a generation that was never
finished wrote is in no state, and so counts for nothing.
"""

import hashlib
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from retrieval.segments.words import Words, stems_of
from retrieval.shared_store.notes import Notes
from retrieval.shared_store.state import SharedState

Counts = Mapping[str, Mapping[str, int]]
"""Term -> language -> passages."""

_BUCKET = 400
"""Terms in one note of the base."""

_KEPT = 2500
"""Notes of the base that a reader keeps: a million terms, some 200 MB."""

_DELTAS, _CHANGES = 32, 20_000
"""Generations, and changes beyond half of the base, after which the base is written again."""


class TermCounts:
    """The counts of one generation. Threads may share it."""

    def __init__(self, notes: Notes, state: SharedState) -> None:
        self._notes = notes
        self._state = state
        self._buckets: dict[int, Counts] = {}
        self._reading = threading.Lock()

    def of(self, term: str) -> Mapping[str, int]:
        """By language; those that are in none are left out."""
        counts = Counter(self._base_of([term]).get(term, {}))
        counts.update(self._changed.get(term, {}))
        return {language: count for language, count in counts.items() if count > 0}

    def total(self, term: str) -> int:
        return sum(self.of(term).values())

    def expect(self, terms: Iterable[str]) -> None:
        """Read what will be asked for at once."""
        self._base_of(terms)

    def all(self) -> dict[str, dict[str, int]]:
        """Of all terms; reads the whole base."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for bucket in self._read(range(self._state.buckets)).values():
            for term, by_language in bucket.items():
                counts[term].update(by_language)
        for term, by_language in self._changed.items():
            counts[term].update(by_language)
        found = {
            term: {language: count for language, count in by_language.items() if count}
            for term, by_language in counts.items()
        }
        return {term: by_language for term, by_language in found.items() if by_language}

    @cached_property
    def _changed(self) -> dict[str, Counter[str]]:
        """What the generations since the base have changed, together."""
        names = [delta_name(generation) for generation in self._state.deltas]
        changes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for by_born in self._notes.read(names).values():
            for text in by_born.values():
                for term, by_language in json.loads(text).items():
                    for language, count in by_language.items():
                        changes[term][language] += count
        return dict(changes)

    def _base_of(self, terms: Iterable[str]) -> Counts:
        if not self._state.buckets:
            return {}
        wanted = {term: bucket_of(term, self._state.buckets) for term in terms}
        with self._reading:
            missing = sorted(set(wanted.values()) - self._buckets.keys())
            if missing:
                if len(self._buckets) + len(missing) > _KEPT:
                    self._buckets = {}
                self._buckets |= self._read(missing)
            return {term: self._buckets[bucket].get(term, {}) for term, bucket in wanted.items()}

    def _read(self, buckets: Iterable[int]) -> dict[int, Counts]:
        names = {base_name(self._state.base, bucket): bucket for bucket in buckets}
        found = self._notes.read(list(names))
        return {names[name]: json.loads(text) for name, by_born in found.items() for text in by_born.values()}


class CountedTerms:
    """In how many passages terms are, as a LexicalIndex says it."""

    def __init__(self, counts: TermCounts) -> None:
        self._counts = counts

    def document_frequency(self, term: str) -> int:
        return self._counts.total(term)

    def __contains__(self, term: str) -> bool:
        return self._counts.total(term) > 0


class Vocabulary:
    """The words of an index as they are written, and the stems that terms are; read when first asked for, whole. Words
    of passages that are gone may be among them."""

    def __init__(self, notes: Notes, state: SharedState, counts: TermCounts) -> None:
        self._notes = notes
        self._state = state
        self._counts = counts

    @cached_property
    def words(self) -> Words:
        return Words.of(read_words(self._notes, self._state))

    @cached_property
    def stems(self) -> Words:
        return Words.of(stems_of(self._counts.all()))


def read_words(notes: Notes, state: SharedState) -> set[str]:
    """All words that the notes of a generation have."""
    found = notes.read(state.words)
    return {word for by_born in found.values() for text in by_born.values() for word in json.loads(text)}


def is_due(state: SharedState, changes: int) -> bool:
    """Whether the base is to be written again, rather than a note of so many changes more."""
    return len(state.deltas) >= _DELTAS or state.changes + changes > _CHANGES + state.terms // 2


def delta_of(added: Counts, removed: Counts) -> dict[str, dict[str, int]]:
    """What was added less what was removed, without what stays."""
    changes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for counts, sign in ((added, 1), (removed, -1)):
        for term, by_language in counts.items():
            for language, count in by_language.items():
                changes[term][language] += sign * count
    found = {
        term: {language: count for language, count in by_language.items() if count}
        for term, by_language in changes.items()
    }
    return {term: by_language for term, by_language in found.items() if by_language}


def with_changes(counts: Counts, changes: Counts) -> dict[str, dict[str, int]]:
    """The counts as they are after the changes."""
    return delta_of(counts, {term: {name: -count for name, count in of.items()} for term, of in changes.items()})


def base_notes(counts: Counts, generation: int) -> Iterator[tuple[str, str]]:
    """(name, text) of a new base."""
    buckets = buckets_for(counts)
    texts: list[dict[str, Mapping[str, int]]] = [{} for _ in range(buckets)]
    for term, by_language in counts.items():
        texts[bucket_of(term, buckets)][term] = by_language
    for number, bucket in enumerate(texts):
        yield base_name(generation, number), json.dumps(bucket)


def buckets_for(counts: Counts) -> int:
    """How many notes a base of these has."""
    return max(1, -(-len(counts) // _BUCKET))


def bucket_of(term: str, buckets: int) -> int:
    hashed = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(hashed, "little") % buckets


def base_name(generation: int, bucket: int) -> str:
    return f"base:{generation}:{bucket}"


def delta_name(generation: int) -> str:
    return f"terms:{generation}"


def words_name(generation: int) -> str:
    return f"words:{generation}"
