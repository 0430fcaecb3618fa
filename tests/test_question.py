"""Function words of a question's own language are looked for in no language."""

import pytest

from retrieval.analysis import ignored_words, is_in_another_language
from retrieval.search.query import terms_by_language


@pytest.mark.parametrize(
    ("question", "function_words"),
    [
        ("does a package have a maintainer", "does a have"),
        ("Was ist die Hauptstadt von Frankreich?", "was ist die von"),
        ("Comment installer un paquet sur le serveur", "comment un sur le"),
        ("¿Quién escribió Don Quijote de la Mancha?", "quien de la"),
        ("chi ha scritto la Divina Commedia", "chi ha la"),
        ("como instalar um pacote no servidor", "como um no"),
        ("hoe installeer ik een pakket", "hoe ik een"),
        ("hvordan installerer man en pakke", "hvordan man en"),
        ("hur installerar man ett paket", "hur man ett"),
        ("co to jest i do czego służy", "co to jest i do czego"),
        ("что такое пакет", "что такое"),
        ("bu paket nasıl kurulur ve ne için kullanılır", "bu nasil ve ne icin"),
    ],
)
def test_no_language_is_asked_for_the_function_words_of_the_question(question: str, function_words: str) -> None:
    """Nor for one joined to the next word."""
    asked = set(function_words.split())
    for languages in (("english",), ("german", "english"), ("none", "english", "french")):
        for language, terms in terms_by_language(question, languages).items():
            assert len(terms) >= 2
            assert not {term.lstrip("-") for term in terms} & asked, language


@pytest.mark.parametrize(
    "query",
    ["die hard", "man in black", "soldiers die in war", "how do bees die", "ai models", "os update", "io error"],
)
def test_an_english_word_is_not_taken_for_a_function_word_of_another_language(query: str) -> None:
    plain = terms_by_language(query, ("english",))
    assert terms_by_language(query, ("english", "german", "french", "portuguese"))["english"] == plain["english"]
    assert all(
        word in " ".join(plain["english"]) for word in set(query.split()) & {"die", "man", "war", "ai", "os", "io"}
    )


@pytest.mark.parametrize(
    ("query", "languages", "expected"),
    [
        ("¿Qué reputación tenía en la cultura popular?", ("english",), True),
        ("Was ist die Hauptstadt von Frankreich?", ("english", "french"), True),
        ("Was ist die Hauptstadt von Frankreich?", ("english", "german"), False),
        ("Was ist die Hauptstadt von Frankreich?", ("none",), False),
        ("what is the capital of France?", ("german", "french"), True),
        ("die hard", ("english",), False),
        ("comit messge", ("english",), False),
    ],
)
def test_function_words_tell_that_a_query_is_in_none_of_the_languages(
    query: str, languages: tuple[str, ...], expected: bool
) -> None:
    assert is_in_another_language(query, languages) is expected


def test_what_is_content_in_the_language_of_a_text_is_looked_for_there() -> None:
    terms = terms_by_language("war and peace", ("german", "english"))
    assert "war" in terms["english"]
    assert "war" not in terms["german"]


def test_a_query_of_function_words_alone_keeps_them_where_they_can_be_found() -> None:
    terms = terms_by_language("wo ist es", ("english", "german"))
    assert {"wo", "ist", "es"} <= set(terms["english"])


def test_an_index_without_languages_takes_every_word() -> None:
    assert ignored_words("what is the time", ("none",)) == {"none": frozenset()}
    assert {"what", "is", "the", "time"} <= set(terms_by_language("what is the time", ("none",))["none"])


def test_an_acronym_is_no_function_word_of_the_question() -> None:
    terms = terms_by_language("what does the IT department do", ("english", "german"))
    assert "IT" in terms["english"]
    assert "it" in terms["german"]
