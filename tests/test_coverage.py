"""How much of a query the passages know: by words, whatever the script, and none for a function word."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from retrieval.analysis import Analyzer
from retrieval.lexical import LexicalIndex
from retrieval.search.coverage import index_coverage, passage_coverage, words_by_language

TEXTS = {
    "english": [
        "A rat ate the cheese in 1964.",
        "The Wi-Fi of the council is slow.",
        "Bread is baked from flour.",
        "Signed on 2024-03-14 at 09:30, in the courtyard of a theater.",
    ],
    "german": ["Der Rat tagt im Rathaus.", "Das Brot wird gebacken.", "Im Keller wohnt eine Ratte."],
    "none": ["東京は日本の首都です。", "雨が降ると川の水位が上がる。", "ภาษาไทยไม่มีช่องว่าง"],
}


def index(*languages: str) -> Any:
    """As much of a reader as is asked."""
    corpus: list[Sequence[str]] = [Analyzer(language).terms(text) for language in languages for text in TEXTS[language]]
    return SimpleNamespace(languages_by_size=languages, lexical=LexicalIndex(corpus), size=len(corpus))


@pytest.mark.parametrize(
    ("query", "languages"),
    [
        ("Who ate the cheese?", ("english",)),
        ("slow wifi", ("english",)),
        ("What was signed on 14.03.2024 at 9:30?", ("english",)),
        ("court yard", ("english",)),
        ("Hi, can you please tell me who ate the cheese? Thanks", ("english",)),
        ("Explain how bread is baked", ("english",)),
        ("I'm looking for the Wi-Fi of the council", ("english",)),
        ("Bitte sagen Sie mir, wann der Rat tagt", ("german",)),
        ("to be or not to be", ("english",)),
        ("Wann tagt der Rat?", ("german",)),
        ("Wann tagt der Rat?", ("english", "german")),
        ("日本の首都", ("none",)),
        ("川の首都", ("none",)),  # of which no passage has the pair in the middle
    ],
)
def test_all_is_known_of_a_query_in_the_words_of_the_passages(query: str, languages: tuple[str, ...]) -> None:
    assert index_coverage(index(*languages), query) == 1


@pytest.mark.parametrize(
    "query",
    [
        "explain",
        "Thanks",
        "What did surveys show the expert?",
        "hello world",
        "find command",
        "Wer isst Kuchen?",
        "пирог",
        "数学",
        "xyzzy",
    ],
)
def test_nothing_is_known_of_words_that_no_passage_has(query: str) -> None:
    assert index_coverage(index("english"), query) == 0


@pytest.mark.parametrize(
    "query",
    ["Was macht der Rat mit der Bibliothek?", "Какая крепость перестроена в 1964 году?", "哪座堡垒于1964年重建？"],
)
def test_a_word_in_common_with_another_language_is_a_small_part(query: str) -> None:
    assert 0 < index_coverage(index("english"), query) < 0.4


def test_a_word_counts_for_its_rarity() -> None:
    reader = index("english", "english", "german")  # bread is in two of eleven
    assert index_coverage(reader, "bread unheard") < index_coverage(reader, "bread") == 1
    assert index_coverage(reader, "bread unheard") < 0.5
    assert index_coverage(reader, "Unheard Bread") < 0.5  # which is no UnheardBread


def test_a_passage_with_more_of_a_query_never_has_a_lower_share() -> None:
    """Whichever of the characters' pairs are rare."""
    query, texts = "甲乙丙丁戊", ["天气", "甲乙", "甲乙丙", "甲乙丙丁", "甲乙丙丁戊"]
    for common in ("甲乙", "乙丙", "丙丁", "丁戊"):
        corpus = [Analyzer("none").terms(text) for text in [*texts, *[common] * 40]]
        reader: Any = SimpleNamespace(lexical=LexicalIndex(corpus), size=len(corpus))
        words = words_by_language(query, ("none",))["none"]
        shares = passage_coverage(reader, words, np.arange(len(texts)), corrected=frozenset()).tolist()
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 1)
