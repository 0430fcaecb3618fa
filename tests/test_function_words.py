"""Queries of function words, acronyms, and words in another form, through a whole index: what is found, and marked."""

from collections.abc import Callable

import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.search.function_words import phrase_finder, phrase_spans

TEXTS = {
    "play": "To be, or not to be: that is the question.",
    "hospital": "The OR nurse is to be on time.",
    "health": "The WHO publishes guidelines.",
    "computers": "The IT department resets it.",
    "gate": "It is not to be shut, or else. It is at the gate.",
    "update": "KB5034441 breaks Wi-Fi as of 14.03.2024.",
    "german": "Das Programm gibt a aus. Die Verzeichnisse sind leer, und die Dateien sind weg.",
    "packages": "A package has one maintainer. The maintainer of a package answers.",
}


def test_what_a_query_finds_it_also_marks(open_index: Callable[..., HybridIndex]) -> None:
    index = open_index()
    add([Document(name, text) for name, text in TEXTS.items()], index)

    def found(query: str) -> list[tuple[str, list[str]]]:
        hits = index.search(query, mode="lexical")
        return [(hit.source, [hit.text[start:end] for start, end in hit.highlights]) for hit in hits]

    assert found("to be or not to be") == [("play", ["To be, or not to be"])]
    assert found("it is") == [("gate", ["It is", "It is"])]
    assert found("who") == found("WHO") == [("health", ["WHO"])]
    assert found("IT") == [("computers", ["IT"])]
    assert found("the OR") == [("hospital", ["OR"])]
    assert found("what if") == found("😀") == []
    assert found("5034441") == [("update", ["5034441"])]
    assert found("KB 5034441") == [("update", ["KB", "5034441"])]
    assert found("wifi") == [("update", ["Wi-Fi"])]
    assert found("03.2024") == [("update", ["03.2024"])]
    assert [source for source, _ in found("does a package have a maintainer")] == ["packages"]
    assert [source for source, _ in found('"it department"')] == ["computers"]
    assert [source for source, _ in found("+wifi breaks")] == ["update"]
    assert {hit.source for hit in index.search('"the who"', mode="lexical")} == {"health"}


def test_a_phrase_in_another_script_takes_no_longer(open_index: Callable[..., HybridIndex]) -> None:
    index = open_index()
    text = "Кошка и собака спят на крыше, и на ней, и на нём. " * 40
    add([Document("cats", text), Document("hamlet", "Гамлет говорит, что это и не то, и не другое.")], index)
    assert index.search("и на не и на не и на не он", mode="lexical") == []
    assert [hit.source for hit in index.search("и не то", mode="lexical")] == ["hamlet"]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("to be", "To be, or not\nto  be", ["To be", "to  be"]),
        ("who", "whose WHO is who?", ["WHO", "who"]),
        ("été où", "L'été, où il", ["été, où"]),
    ],
)
def test_the_words_of_a_phrase_stand_in_a_row(phrase: str, text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in phrase_spans(phrase, text)] == expected
    assert phrase_finder(phrase)(text)


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("it is", "Was it? IS", True),
        ("it is", "fit is", False),
        ("is it", "Es i\u017ft so: i\u017f it", True),
        ("it is", "It isn't; fit is it, as it\u2014is", True),
        ("et où", "et ou", False),
    ],
)
def test_a_text_has_a_phrase_whose_words_stand_in_a_row_whatever_their_case(
    phrase: str, text: str, expected: bool
) -> None:
    assert phrase_finder(phrase)(text) is expected is bool(phrase_spans(phrase, text))
