"""Which words of a query are function words of its own language, and so not what it asks about in any language."""

from collections.abc import Sequence

import regex

from retrieval.analysis.detection import detect_language, is_latin
from retrieval.analysis.folding import fold_case
from retrieval.analysis.stopwords import function_words, languages_with_stop_words

_EVIDENCE = 2
"""Function words that it takes to read a query in another language than most of the index: one may be a name, as in
Die Hard, or content."""

_OTHER_LETTERS = {
    "arabic", "armenian", "greek", "hindi", "nepali", "none", "persian", "russian", "serbian", "tamil", "yiddish",
}  # fmt: skip
"""Languages that are not written in Latin letters, or not in these alone; Latin words are common in their texts."""

_PLENTY, _AHEAD = 4, 2
"""A query without function words of the main language, but with so many of another, and so many more of it than of any
third one, is in that language: its letters need not be looked at, which takes half a second the first time."""

_WORD = regex.compile(r"[\p{L}\p{M}]+")


def ignored_words(query: str, languages: Sequence[str]) -> dict[str, frozenset[str]]:
    """language -> the function words of the query's language, as they stand in it, in lower case: what is not to be
    looked for among the texts of that language. None where the query has as many function words of that language: war,
    in an index that is mostly German, is still war to English texts asked for war and peace.

    languages   those of the index, the most frequent first. Where there is "none" alone, every word counts
    """
    if set(languages) <= {"none"}:
        return {language: frozenset() for language in languages}
    words = _words(query)
    own = words & function_words(_other_language(query, words, languages[0]) or languages[0])
    return {
        language: own if len(words & function_words(language)) < len(own) else frozenset() for language in languages
    }


def is_in_another_language(query: str, languages: Sequence[str]) -> bool:
    """Whether the query's function words are of a language that is none of these.

    languages   as in `ignored_words`
    """
    if set(languages) <= {"none"}:
        return False
    other = _other_language(query, _words(query), languages[0])
    return other is not None and other not in languages


def is_foreign(query: str, language: str) -> bool:
    """Whether the query is in another language than texts of this one: by its function words, or by its letters."""
    if language in _OTHER_LETTERS:
        return is_in_another_language(query, (language,))
    return not is_latin(query) or is_in_another_language(query, (language,))


def _words(query: str) -> frozenset[str]:
    """In lower case, without acronyms."""
    return frozenset(fold_case(word) for word in _WORD.findall(query) if len(word) == 1 or not word.isupper())


def _other_language(query: str, words: frozenset[str], main: str) -> str | None:
    """The query is in the main language, unless it has more function words of another, and its letters agree."""
    own = words & function_words(main)
    found = {language: words & function_words(language) for language in languages_with_stop_words()}
    others = {
        language
        for language, of_language in found.items()
        if len(of_language) > len(own) and len(of_language - function_words(main)) >= _EVIDENCE
    }
    if not others:
        return None
    first, *second = sorted(others, key=lambda language: -len(found[language]))[:2]
    ahead = len(found[first]) - max((len(found[language]) for language in second), default=0)
    if not own and len(found[first]) >= _PLENTY and ahead >= _AHEAD:
        return first
    language = detect_language(query)
    return language if language in others else None
