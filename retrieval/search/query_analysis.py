"""Texts -> queries: operators read, spellings corrected, terms looked up, vectors made, and what each side is worth."""

from collections.abc import Sequence

from retrieval.analysis import is_in_another_language
from retrieval.encoders import Embedder
from retrieval.search.corrections import Replacement, find_corrections, replaced
from retrieval.search.coverage import index_coverage
from retrieval.search.nearest_spelling import Languages
from retrieval.search.operators import Clause, read_operators
from retrieval.search.options import SearchOptions
from retrieval.search.query import Evidence, Query, terms_by_language
from retrieval.segments.reader import IndexReader
from retrieval.types import Vectors


def analyse(
    reader: IndexReader,
    texts: Sequence[str],
    options: SearchOptions,
    *,
    embedder: Embedder | None,
    languages: Languages | None = None,
) -> list[Query]:
    """The queries of these texts, in their order, as this index searches for them; embedded together.

    embedder   None where only BM25 takes part
    languages  how those of the index see a word; None asks the reader

    Raises as `Embedder.embed_queries`.
    """
    read = [read_operators(text, operators=options.operators) for text in texts]
    seen = languages or Languages(reader)
    found = [
        _corrections(reader, seen, text, clauses, embedder) if options.correct_spelling else []
        for text, clauses in read
    ]
    corrected = [replaced(text, replacements) for (text, _), replacements in zip(read, found, strict=True)]
    vectors: Sequence[Vectors | None] = [None] * len(corrected)
    if embedder is not None:
        vectors = list(embedder.embed_queries(corrected))
    return [
        Query(
            text,
            terms_by_language(text, reader.languages_by_size),
            vector,
            clauses,
            tuple(dict.fromkeys(replacement.correction for replacement in replacements)),
            _evidence(reader, text, embedder),
        )
        for text, (_, clauses), replacements, vector in zip(corrected, read, found, vectors, strict=True)
    ]


def _corrections(
    reader: IndexReader, languages: Languages, text: str, clauses: tuple[Clause, ...], embedder: Embedder | None
) -> list[Replacement]:
    """Those of words that no passage has, unless the model makes sense of them as they are."""
    if embedder is None:
        return find_corrections(languages, text, clauses)
    # A word of another language is no misspelling to a model that reads it.
    if embedder.reads_many_languages and is_in_another_language(text, reader.languages_by_size):
        return []
    # A word that the model knows is probably spelled as meant, and passages may say the same in other words.
    found = find_corrections(languages, text, clauses)
    return [each for each in found if not embedder.is_word(each.correction.written)]


def _evidence(reader: IndexReader, text: str, embedder: Embedder | None) -> Evidence:
    if embedder is None:
        return Evidence()
    # An index that was made before scales were kept has none; measuring the model's takes longer.
    scale = reader.state.cosine_scale or embedder.cosine_scale(writing=False)
    if not embedder.reads_many_languages:  # the model would not make up for words that BM25 does not know
        return Evidence(scale)
    return Evidence(scale, reads_many_languages=True, coverage=index_coverage(reader, text))
