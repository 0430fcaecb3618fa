"""What a query asks for: words in the forms that others write them in, the query's own form first."""

from itertools import permutations

import pytest

from retrieval.analysis import Analyzer, query_terms
from retrieval.analysis.number_forms import other_forms
from retrieval.lexical import LexicalIndex

ENGLISH = Analyzer()


def ranking(query: str, texts: list[str], analyzer: Analyzer = ENGLISH) -> list[int]:
    """The texts that the query finds, best first, by number."""
    index = LexicalIndex([analyzer.terms(text) for text in texts])
    return [row for row, _ in index.search(query_terms(query, analyzer), top_k=len(texts))]


@pytest.mark.parametrize(
    "forms",
    [
        ("KB5034441", "KB 5034441", "KB-5034441"),
        ("RFC2616", "RFC 2616", "RFC-2616"),
        ("10kg", "10 kg", "10-kg"),
        ("5GB", "5 GB", "5-GB"),
        ("10kW", "10 kW", "10-kW"),
        ("COVID19", "COVID-19", "COVID 19"),
        ("X200B", "X-200B"),
        ("wifi", "wi-fi"),
        ("signoff", "sign-off"),
        ("email", "e-mail"),
        ("US", "U.S."),
        ("20240314", "2024-03-14"),
        ("0301234567", "030-1234567"),
        ("1234", "1.234"),
        ("899.50", "899,50"),
        ("9:30", "09:30"),
    ],
)
def test_a_word_is_found_however_it_is_joined_and_first_as_it_is_asked_for(forms: tuple[str, ...]) -> None:
    texts = [f"The {form} is on the table again." for form in forms]
    texts.append("Something else is on the table again.")
    for order in permutations(range(len(texts))):
        shuffled = [texts[number] for number in order]
        for number, form in enumerate(forms):
            found = [order[row] for row in ranking(form, shuffled)]
            assert found[0] == number
            assert set(found) == set(range(len(forms)))


@pytest.mark.parametrize(
    ("query", "text", "other"),
    [
        ("5034441", "KB5034441 breaks it", "KB5034123 breaks it"),
        ("KB 5034441", "KB5034441 breaks it", "KB5034123 breaks it"),
        ("12 V", "A 12V battery", "A 12A battery"),
        ("5 GB", "a card of 5GB", "a card of 3GB"),
        ("3000 mAh", "a cell of 3000mAh", "a cell of 3000mWh"),
        ("5 kWh", "uses 5kWh a day", "uses 6kWh a day"),
        ("7 pH", "water of 7pH", "water of 6pH"),
        ("iPhone", "the iPhone15Pro", "the xPhone15Pro"),
        ("M8", "bolt M8x40", "bolt M6x40"),
        ("M8 x 40", "bolt M8x40", "bolt M6x20"),
        ("300 mm", "board of 200x300x50mm", "board of 200x310x50mm"),
        ("1920\u00d71080", "screen of 1920x1080", "screen of 2560x1440"),
        ("10.20", "host 192.168.10.20", "host 192.168.10.21"),
        ("22621", "build 22621.1702", "build 22631.1702"),
        ("1299", "costs 1.299,00 Euro", "costs 1.399,00 Euro"),
        ("$1,299", "costs $1,299.99", "costs $1,399.99"),
        ("2024", "vom 14.03.2024 an", "vom 14.03.2023 an"),
        ("03.2024", "vom 14.03.2024 an", "vom 14.04.2024 an"),
        ("2.10", "release 2.10.3", "release 2.11.3"),
        ("v2.10", "release v2.10.3", "release v2.11.3"),
        ("10.20.30", "host 10.20.30.40", "host 10.20.31.40"),
        ("19045", "build 10.0.19045.3803", "build 10.0.22000.3803"),
        ("14.03.2024", "on 2024-03-14 at nine", "on 2024-04-13 at nine"),
        ("2024-03-04", "vom 4.3.2024 an", "vom 3.4.2024 an"),
        ("9:30", "opens at 09:30", "opens at 10:30"),
        ("09:30", "opens at 9.30", "opens at 9.45"),
        ("3.2", "sections 3.1,3.2", "sections 3.1,4.2"),
        ("899.50", "kostet 899,50 Euro", "kostet 899,40 Euro"),
        ("899,50", "costs 899.50", "costs 899.40"),
        ("899", "kostet 899,50 Euro", "kostet 898,50 Euro"),
        ("2.5 kg", "ein Paket von 2,5kg", "ein Paket von 3,5kg"),
        ("1,234.56", "costs 1.234,56 Euro", "costs 1.235,56 Euro"),
        ("Email", "eine E-Mail-Adresse", "eine Post-Adresse"),
        ("COVID19", "COVID-19-Tests", "HIV-19-Tests"),
        ("CVE 2024 3094", "fixes CVE-2024-3094", "fixes CVE-2024-4040"),
        ("00-1A-2B-3C-4D-5E", "device 001A2B3C4D5E", "device 001A2B3C4D5F"),
        ("wi-fi", "Wi\u2011Fi", "hi-fi"),
        ("0301234567", "call 030 123 4567", "call 030 123 4568"),
        ("0301234567", "call (030) 1234567", "call (030) 1234568"),
        ("+493012345", "call +49 30 12345", "call +49 30 12346"),
        ("0171/5551234", "call 0171 5551234", "call 0171 5551235"),
        ("5551234567", "call (555) 123-4567", "call (555) 123-4568"),
        ("030 123 4567", "call 0301234567", "call 0301234568"),
    ],
)
def test_part_of_a_number_or_a_name_finds_it(query: str, text: str, other: str) -> None:
    assert ranking(query, [other, text])[0] == 1


@pytest.mark.parametrize("apart", ["wi fi", "sign off", "data base"])
def test_two_words_find_the_one_that_others_make_of_them(apart: str) -> None:
    forms = [apart.replace(" ", ""), apart.replace(" ", "-"), apart]
    assert ranking(apart, [f"The {form} is on the table again." for form in (*forms, "thing")]) == [2, 1, 0]


def test_a_word_with_a_hyphen_weighs_less_than_two_words() -> None:
    texts = ["The wifi password is on the fridge.", "Wi-Fi 6 needs a new router.", "The oven needs a new lamp."]
    assert ranking("wi-fi password", texts) == [0, 1]
    assert ranking("wifi router", texts) == [1, 0]


def test_a_word_that_is_asked_for_twice_weighs_twice() -> None:
    once, twice = query_terms("rain", ENGLISH), query_terms("rain and rain", ENGLISH)
    assert twice["rain"] == 2 * once["rain"]
    assert "the" not in query_terms("the rain", ENGLISH)


@pytest.mark.parametrize(
    ("query", "text", "other"),
    [
        ("IT", "The IT department resets it.", "The HR department resets it."),
        ("US tax form", "The US tax form must be signed.", "The UK tax form must be signed by us."),
        ("WHO guidelines", "The WHO guidelines on sleep.", "Guidelines for those who sleep."),
        ("vitamin A", "Carrots have vitamin A in them.", "A carrot is not a vitamin."),
        ("it support", "The IT support is here.", "To support it is all."),
        ("vitamin a", "Carrots have vitamin A in them.", "A carrot is a vitamin."),
        ("AND gate", "An AND gate has two inputs.", "A gate, and a garden."),
        ("NOT", "The NOT operator inverts.", "This is not it."),
        ("W.H.O.", "The WHO warns of it.", "Those who warn of it."),
        ("Portland OR", "Portland, OR 97201", "Portland or Salem"),
    ],
)
def test_capitals_tell_an_acronym_from_a_function_word(query: str, text: str, other: str) -> None:
    assert ranking(query, [other, text])[0] == 1


def test_a_question_is_not_about_what_its_function_words_might_stand_for() -> None:
    assert "WHO" not in query_terms("who wrote this book in it", ENGLISH)
    assert not {"WHO", "IT"} & query_terms("who wrote it", ENGLISH).keys()


def test_what_stands_between_the_words_of_a_query_in_capitals_counts_little() -> None:
    assert query_terms("cats AND dogs", ENGLISH)["AND"] < query_terms("cats AND dogs", ENGLISH)["dog"] / 3
    assert "NOT" not in query_terms("cats AND dogs NOT birds", ENGLISH)


def test_capitals_say_nothing_in_a_heading_and_at_the_beginning_of_a_sentence() -> None:
    for text in ("WHAT IT IS WORTH TO US", "A dog. A cat", "Yesterday I slept"):
        assert ENGLISH.terms(text) == ENGLISH.terms(text.lower())
    assert Analyzer("german").terms("Die DIE und die ODER") == ["DIE", "ODER"]
    assert ENGLISH.terms("US GDP") == ["US", "gdp"]


def test_other_forms_come_in_the_same_order_in_each_process() -> None:
    assert [term for term, _, _ in other_forms("14.03.2024")] == ["-20240314", "20240314", "14.3.2024"]
    assert [term for term, _, _ in other_forms("at 09:30")] == ["9", "09.30", "9.30"]
