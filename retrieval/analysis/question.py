"""Which words of a query are function words of its own language, and so not what it asks about in any language."""

from collections.abc import Sequence

import regex

from retrieval.analysis.detection import detect_language
from retrieval.analysis.folding import fold_case
from retrieval.analysis.stopwords import function_words, languages_with_stop_words

_EVIDENCE = 2
"""Function words that it takes to read a query in another language than most of the index: one may be a name, as in
Die Hard, or content."""

_WORD = regex.compile(r"[\p{L}\p{M}]+")


def ignored_words(query: str, languages: Sequence[str]) -> dict[str, frozenset[str]]:
    """language -> the function words of the query's language, as they stand in it, in lower case: what is not to be
    looked for among the texts of that language. None where the query has as many function words of that language: war,
    in an index that is mostly German, is still war to English texts asked for war and peace.

    languages   those of the index, the most frequent first. Where there is "none" alone, every word counts
    """
    if set(languages) <= {"none"}:
        return {language: frozenset() for language in languages}
    words = frozenset(fold_case(word) for word in _WORD.findall(query) if len(word) == 1 or not word.isupper())
    own = _own_function_words(query, words, languages[0])
    return {
        language: own if len(words & function_words(language)) < len(own) else frozenset() for language in languages
    }


def _own_function_words(query: str, words: frozenset[str], main: str) -> frozenset[str]:
    """The query is in the main language, unless it has more function words of another, and its letters agree."""
    own = words & function_words(main)
    others = {language: words & function_words(language) for language in languages_with_stop_words()}
    others = {
        language: found
        for language, found in others.items()
        if len(found) > len(own) and len(found - function_words(main)) >= _EVIDENCE
    }
    return others.get(detect_language(query), own) if others else own
