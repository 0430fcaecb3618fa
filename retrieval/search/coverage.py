"""How much of a query the passages' words can answer."""

from retrieval.analysis import content_words, ignored_words
from retrieval.analysis.analyzer import JOINED
from retrieval.lexical.similarities import IDF
from retrieval.search.query import analyzer
from retrieval.segments.reader import IndexReader


def coverage(reader: IndexReader, text: str) -> float:
    """The share, in [0, 1], of a query's words that any passage has, each weighed by its idf; a word that none has
    weighs most. In the language that knows most of it; 1 for a query of function words alone.

    A question in another language than the passages' has a name or a number in common with them, and a word or two that
    mean something else there: that these are rare makes them no better evidence.
    """
    ignored = ignored_words(text, reader.languages_by_size)
    return max((_coverage(reader, text, language, words) for language, words in ignored.items()), default=1.0)


def _coverage(reader: IndexReader, text: str, language: str, ignored: frozenset[str]) -> float:
    known = unknown = 0.0
    counted = 0  # up to this character
    for word in content_words(text, analyzer(language), ignored=ignored):
        passages = max(_passages(reader, term) for term, _, _ in word)
        idf = IDF["lucene"](reader.size, passages)
        _, start, end = word[0]
        if passages:
            known += idf
        elif start >= counted:
            unknown += idf
        else:
            continue  # a pair of characters, the first of which was counted in the pair before
        counted = end
    return known / (known + unknown) if known + unknown else 1.0


def _passages(reader: IndexReader, term: str) -> int:
    """How many have the term, with hyphens in it or without."""
    solid = term.removeprefix(JOINED)
    return max(map(reader.lexical.document_frequency, (solid, JOINED + solid)))
