"""An inverted file in numpy arrays: which documents have a term, and how often.

One `Postings` is immutable, so it can lie in memory or be mapped from disk. Growing and shrinking is done as in other
search engines: new documents make a small inverted file beside the large one, deleted ones are masked, and `merge`
writes several files as one without what was deleted.
"""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DocumentError, IndexDamagedError, IndexNotFoundError
from retrieval.npy import load_array

FORMAT = 1
"""Version of the files that `save` writes."""

_BLOCK_TERMS = 32

FEW_TERMS = 1 << 14
"""Terms of one file that a dictionary in memory is made of: in 3 ms, of some 2 MB."""

ARRAYS = ("terms", "term_bounds", "posting_bounds", "documents", "frequencies", "lengths")
_MANIFEST = "postings.json"


@dataclass(frozen=True)
class Postings:
    """The terms of n documents, numbered from 0; v distinct terms in p postings.

    terms            uint8 [*], the terms in UTF-8, one after another, sorted.
    term_bounds      int64 [v + 1], where each term starts in `terms`, and the end.
    posting_bounds   int64 [v + 1], where each term's postings start, and the end.
    documents        int32 [p], ascending within a term.
    frequencies      unsigned integers [p], how often the document has the term; of the smallest type that holds them.
    lengths          int64 [n], the documents' numbers of terms, repeated ones included.
    alive            bool [n], False for deleted documents, whose postings are still there.
    derived          what was computed of the terms, which copies with other documents alive share.
    """

    terms: NDArray[np.uint8]
    term_bounds: NDArray[np.int64]
    posting_bounds: NDArray[np.int64]
    documents: NDArray[np.int32]
    frequencies: NDArray[Any]
    lengths: NDArray[np.int64]
    alive: NDArray[np.bool_]
    derived: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        """The number of documents, deleted ones included."""
        return len(self.lengths)

    @cached_property
    def living(self) -> int:
        """The number of documents that are not deleted."""
        return int(np.count_nonzero(self.alive))

    @property
    def is_whole(self) -> bool:
        """Whether no document is deleted."""
        return self.living == len(self)

    @cached_property
    def deleted(self) -> NDArray[np.intp]:
        """intp [*]: the deleted documents, ascending."""
        return np.flatnonzero(~self.alive)

    def living_among(self, documents: NDArray[np.int32]) -> int:
        """How many of these documents, ascending, are not deleted."""
        if self.is_whole:
            return len(documents)
        deleted = self.deleted
        if len(deleted) * len(documents).bit_length() > len(documents):
            return int(np.count_nonzero(self.alive[documents]))
        places = np.searchsorted(documents, deleted)  # few are looked up among many
        found = documents[np.minimum(places, len(documents) - 1)] == deleted
        return len(documents) - int(np.count_nonzero(found))

    @cached_property
    def total_length(self) -> int:
        """The number of terms in the living documents together."""
        return int(self.lengths.sum() if self.is_whole else self.lengths[self.alive].sum())

    @property
    def term_count(self) -> int:
        return len(self.term_bounds) - 1

    def find(self, term: str) -> slice:
        """Where the term's postings lie; an empty slice where no document has it. Of many terms, a binary search."""
        wanted = _encode(term)
        places = self._places
        if places is not None:
            place = places.get(wanted)
            return slice(0, 0) if place is None else self._postings_of(place)
        block = max(0, bisect_right(self._landmarks, wanted) - 1) * _BLOCK_TERMS
        within = range(block, min(block + _BLOCK_TERMS, self.term_count))
        position = block + bisect_left(within, wanted, key=self._term_at)
        if position == self.term_count or self._term_at(position) != wanted:
            return slice(0, 0)
        return self._postings_of(position)

    def vocabulary(self) -> list[bytes]:
        """The terms in UTF-8, sorted."""
        blob, bounds = self.terms.tobytes(), self.term_bounds.tolist()
        return [blob[start:end] for start, end in pairwise(bounds)]

    def document_counts(self) -> NDArray[np.int64]:
        """int64 [v]: how many living documents have each term."""
        if self.is_whole:
            return np.diff(self.posting_bounds)
        return np.diff(_bounds(self.alive[self.documents])[self.posting_bounds])

    def without(self, documents: NDArray[np.int64]) -> "Postings":
        """The same postings with these documents masked."""
        alive = self.alive.copy()
        alive[documents] = False
        return self.masked(alive)

    def masked(self, alive: NDArray[np.bool_]) -> "Postings":
        """The same postings with these documents alive, bool [n], and no others."""
        masked = replace(self, alive=alive)
        vars(masked)["derived"] = self.derived  # the terms are the same: what is found of them serves all generations
        return masked

    @property
    def _places(self) -> dict[bytes, int] | None:
        """The place of each term, where there are few: a search asks each of many small files, mostly for nothing."""
        if self.term_count > FEW_TERMS:
            return None
        if "places" not in self.derived:
            self.derived["places"] = {term: place for place, term in enumerate(self.vocabulary())}
        places: dict[bytes, int] = self.derived["places"]
        return places

    @property
    def _landmarks(self) -> list[bytes]:
        """Every so many terms the first: in memory, where a search among all would read all over the file."""
        if "landmarks" not in self.derived:
            positions = range(0, self.term_count, _BLOCK_TERMS)
            self.derived["landmarks"] = [self._term_at(position) for position in positions]
        landmarks: list[bytes] = self.derived["landmarks"]
        return landmarks

    def _postings_of(self, place: int) -> slice:
        return slice(int(self.posting_bounds[place]), int(self.posting_bounds[place + 1]))

    def _term_at(self, position: int) -> bytes:
        return self.terms[self.term_bounds[position] : self.term_bounds[position + 1]].tobytes()


def build(corpus: Sequence[Sequence[str]]) -> Postings:
    """The inverted file of these documents."""
    if any(isinstance(document, str) for document in corpus):
        raise DocumentError("A document is a list of terms; got a string, whose terms would be its letters.")
    lengths = np.fromiter(map(len, corpus), dtype=np.int64, count=len(corpus))
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    tokens = np.fromiter(map(numbers.__getitem__, chain.from_iterable(corpus)), np.int64, count=int(lengths.sum()))

    vocabulary = sorted(numbers)
    rank = np.empty(len(vocabulary), dtype=np.int64)
    rank[np.fromiter(map(numbers.__getitem__, vocabulary), np.int64, count=len(vocabulary))] = np.arange(len(rank))
    # One sort of (term, document) pairs, packed into an integer each, puts the postings in order and counts them.
    stride = max(1, len(corpus))
    tokens = rank[tokens] * stride + np.repeat(np.arange(len(corpus)), lengths)
    pairs, frequencies = np.unique(tokens, return_counts=True)
    terms, documents = np.divmod(pairs, stride)
    return Postings(
        *_pack([_encode(term) for term in vocabulary]),
        posting_bounds=_bounds(np.bincount(terms, minlength=len(vocabulary))),
        documents=documents.astype(np.int32),
        frequencies=_narrow(frequencies),
        lengths=lengths,
        alive=np.ones(len(corpus), dtype=np.bool_),
    )


def merge(parts: Sequence[Postings]) -> Postings:
    """One inverted file of the documents that are alive in `parts`, in order; linear in the number of postings."""
    parts = [_compact(part) for part in parts]
    vocabularies = [part.vocabulary() for part in parts]
    vocabulary = list(dict.fromkeys(sorted(chain.from_iterable(vocabularies))))
    numbers = dict(zip(vocabulary, range(len(vocabulary)), strict=True))
    renumbered = [np.fromiter(map(numbers.__getitem__, terms), np.int64, count=len(terms)) for terms in vocabularies]

    counts = np.zeros(len(vocabulary), dtype=np.int64)
    for part, terms in zip(parts, renumbered, strict=True):
        counts[terms] += part.document_counts()
    bounds = _bounds(counts)
    documents = np.empty(bounds[-1], dtype=np.int32)
    frequencies = np.empty(bounds[-1], dtype=np.result_type(np.uint8, *(part.frequencies for part in parts)))
    next_free, first_document = bounds[:-1].copy(), 0
    for part, terms in zip(parts, renumbered, strict=True):
        counts = part.document_counts()
        targets = np.repeat(next_free[terms] - part.posting_bounds[:-1], counts) + np.arange(len(part.documents))
        documents[targets] = part.documents + np.int32(first_document)
        frequencies[targets] = part.frequencies
        next_free[terms] += counts
        first_document += len(part)
    return Postings(
        *_pack(vocabulary),
        posting_bounds=bounds,
        documents=documents,
        frequencies=frequencies,
        lengths=np.concatenate([np.empty(0, dtype=np.int64), *(part.lengths for part in parts)]),
        alive=np.ones(first_document, dtype=np.bool_),
    )


def _compact(part: Postings) -> Postings:
    """The same documents without the masked ones, and without the terms that only those had."""
    if part.alive.all():
        return part
    kept = part.alive[part.documents]
    counts = np.diff(_bounds(kept)[part.posting_bounds])
    used = counts > 0
    vocabulary = part.vocabulary()
    return Postings(
        *_pack([vocabulary[position] for position in np.flatnonzero(used).tolist()]),
        posting_bounds=_bounds(counts[used]),
        documents=(np.cumsum(part.alive, dtype=np.int32) - np.int32(1))[part.documents[kept]],
        frequencies=part.frequencies[kept],
        lengths=part.lengths[part.alive],
        alive=np.ones(np.count_nonzero(part.alive), dtype=np.bool_),
    )


def save(postings: Postings, directory: Path) -> None:
    """Write the documents that are alive: the arrays as .npy files, and a manifest last.

    Files are replaced, never overwritten, so arrays that are mapped from the same directory stay as they are. Where the
    process dies half-way the manifest is missing, and `load` says so.
    """
    if not postings.alive.all():
        postings = merge([postings])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MANIFEST).unlink(missing_ok=True)
    for name in ARRAYS:
        partial = directory / f"{name}.partial"
        with partial.open("wb") as file:
            np.save(file, getattr(postings, name), allow_pickle=False)
        partial.replace(directory / f"{name}.npy")
    manifest = {"format": FORMAT, "shapes": {name: len(getattr(postings, name)) for name in ARRAYS}}
    (directory / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def load(directory: Path, *, mmap: bool = True) -> Postings:
    """What `save` wrote, mapped read-only from disk or read into memory.

    Raises IndexNotFoundError where the directory has no manifest, IndexDamagedError where the files contradict it.
    """
    try:
        manifest = json.loads((directory / _MANIFEST).read_bytes())
    except FileNotFoundError:
        raise IndexNotFoundError(f"{directory} holds no complete BM25 postings; build them again.") from None
    except ValueError as error:
        raise IndexDamagedError(f"{directory / _MANIFEST} is damaged ({error}); build the postings again.") from error
    try:
        arrays = {name: load_array(directory / f"{name}.npy", mmap=mmap) for name in ARRAYS}
    except (OSError, ValueError, EOFError) as error:
        raise IndexDamagedError(f"BM25 postings in {directory} are damaged ({error}); build them again.") from error
    shapes = {name: len(array) for name, array in arrays.items()}
    if manifest != {"format": FORMAT, "shapes": shapes}:
        raise IndexDamagedError(f"BM25 postings in {directory} do not fit together; build them again.")
    return Postings(**arrays, alive=np.ones(len(arrays["lengths"]), dtype=np.bool_))


def decode(term: bytes) -> str:
    """The term that `Postings.vocabulary` gives in UTF-8; lone surrogates, which UTF-8 cannot write, included."""
    return term.decode("utf-8", "surrogatepass")


def _encode(term: str) -> bytes:
    return term.encode("utf-8", "surrogatepass")


def _pack(vocabulary: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    lengths = np.fromiter(map(len, vocabulary), dtype=np.int64, count=len(vocabulary))
    return np.frombuffer(b"".join(vocabulary), dtype=np.uint8), _bounds(lengths)


def _bounds(counts: NDArray[Any]) -> NDArray[np.int64]:
    """int64 [n + 1]: 0 and the running sums of n counts."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


def _narrow(counts: NDArray[np.int64]) -> NDArray[Any]:
    return counts.astype(np.min_scalar_type(int(counts.max(initial=1))))
