"""Questions made of documents: each has its answer, and nothing gives it away."""

from collections.abc import Callable

import pytest

from retrieval.model_comparison.copies import copied, without_copies
from retrieval.model_comparison.known_items import KnownItems, make_known_items
from retrieval.model_comparison.passages import first_sentence, is_telling, letters, parts, sections
from retrieval.types import Document, Heading

WEATHER = {
    "Where rain comes from": "Warm air rises and carries water vapour up into colder layers of the sky. There it turns "
    "into droplets that join, grow heavy, and finally fall on whoever forgot an umbrella.",
    "Ice and snow": "A cloud below freezing makes crystals with six arms instead of drops. They reach the ground whole "
    "if the last few hundred metres are cold enough, and melt on the way if these are not.",
    "Winds at sea": "Water warms more slowly than land, so that air moves between them twice a day. Sailors have used "
    "this for thousands of years to leave harbours at dawn and to come home in the evening.",
}
KITCHEN = {
    "Teig und Hefe": "Ein Teig geht auf, weil Hefe den Zucker frisst und dabei ein Gas ausatmet. Das Gas bleibt im "
    "Kleber gefangen und dehnt ihn, bis in der Hitze des Ofens eine Kruste entsteht, die ihn hält.",
    "Salz in der Suppe": "Zu viel Salz lässt sich nicht mehr aus einer Suppe holen, nur verdünnen. Darum gibt man es "
    "erst am Schluss dazu, kostet nach jedem Löffel und lässt die Brühe vorher ganz einkochen.",
}


def markdown(source: str, title: str, chapters: dict[str, str]) -> Document:
    text, headings = f"# {title}\n\n", [Heading(0, 1, title)]
    for heading, body in chapters.items():
        headings.append(Heading(len(text), 2, heading))
        text += f"## {heading}\n\n{body}\n\n"
    return Document(source, text, title=title, headings=tuple(headings), syntax="markdown")


DOCUMENTS = [markdown("weather.md", "All about weather", WEATHER), markdown("kitchen.md", "In der Küche", KITCHEN)]


def context_of(document: Document) -> str:
    """What stands before its chunks, in letters."""
    return letters(" ".join([document.title or "", *(heading.text for heading in document.headings)]))


def test_a_question_is_nowhere_in_what_is_searched() -> None:
    items = make_known_items(DOCUMENTS, seed=3)
    by_source = {document.source: document for document in items.documents}
    assert items.headings + items.sentences == len(items.queries) == len(items.qrels) == 5
    assert abs(items.headings - items.sentences) == 1  # half of them each, as far as that goes
    for query, text in items.queries.items():
        (answer,) = items.qrels[query]
        original = {**WEATHER, **KITCHEN}
        asked = letters(text)
        assert asked not in letters(by_source[answer].text)
        assert not any(asked in context_of(document) for document in items.documents)
        own = next(body for heading, body in original.items() if text == heading or body.startswith(text))
        assert letters(by_source[answer].text) in letters(own)


def test_the_seed_decides_and_nothing_else() -> None:
    made = [make_known_items(DOCUMENTS, seed=seed) for seed in (1, 1, 2)]
    assert made[0] == made[1]
    assert set(made[0].queries.values()) != set(made[2].queries.values())
    assert len(make_known_items(DOCUMENTS, seed=1, most=2).queries) == 2


def test_each_document_has_its_turn() -> None:
    items = make_known_items(DOCUMENTS, seed=5, most=2)
    assert {source.rpartition("#")[0] for answers in items.qrels.values() for source in answers} == {
        "weather.md", "kitchen.md",
    }  # fmt: skip


def test_what_repeats_another_document_is_neither_searched_nor_asked_for() -> None:
    plain = Document("weather.txt", "\n\n".join(body.replace(", ", ",\n") for body in WEATHER.values()))
    items = make_known_items([plain, *DOCUMENTS], seed=0)
    assert {document.source.rpartition("#")[0] for document in items.documents} == {"weather.md", "kitchen.md"}
    assert len(items.queries) == 5
    assert [document.source for document in without_copies([plain, *DOCUMENTS])] == ["weather.md", "kitchen.md"]
    assert copied([*WEATHER.values(), WEATHER["Ice and snow"].upper()]) == [False, True, False, True]


def without_headings(items: KnownItems) -> None:
    assert items.headings == 0 and items.sentences > 1


def with_titles(items: KnownItems) -> None:
    assert items.headings >= 1
    assert all(document.title is None for document in items.documents if {document.source} <= asked(items, "h"))


def a_sentence(items: KnownItems) -> None:
    assert (items.headings, items.sentences) == (0, 1)


def nothing(items: KnownItems) -> None:
    assert not items.queries and not items.qrels


def asked(items: KnownItems, kind: str) -> set[str]:
    return {source for query, answers in items.qrels.items() for source in answers if query.startswith(kind)}


@pytest.mark.parametrize(
    ("documents", "holds"),
    [
        ([Document("book.txt", "\n\n".join({**WEATHER, **KITCHEN}.values()))], without_headings),
        ([Document(f"{at}", body, title=head) for at, (head, body) in enumerate(WEATHER.items())], with_titles),
        (
            [
                Document(
                    "cn",
                    "# 种植番茄\n\n番茄喜欢阳光和温暖的气候。浇水应该在早晨进行，这样叶子能在白天变干，不容易生病。",
                )
            ],
            a_sentence,
        ),
        ([Document("note", "short note")], nothing),
        ([Document("table", "a;b;c\n1;2;3\n4;5;6\n" * 40)], nothing),
        ([Document("heading", "# Only a heading", headings=(Heading(0, 1, "Only a heading"),))], nothing),
        ([], nothing),
    ],
    ids=["no headings", "titles alone", "Chinese", "too short", "a table", "nothing below a heading", "nothing"],
)
def test_documents_of_all_kinds(documents: list[Document], holds: Callable[[KnownItems], None]) -> None:
    holds(make_known_items(documents, seed=1))


def test_a_long_section_answers_its_heading_with_all_its_parts() -> None:
    long = " ".join(f"Sentence number {number} tells of {'rain' * (number % 3)} and wind." for number in range(400))
    document = markdown("long.md", "A book", {"Chapter on weather": long, **WEATHER})
    items = make_known_items([document], seed=0)
    answers = next(items.qrels[query] for query, text in items.queries.items() if text == "Chapter on weather")
    assert len(answers) > 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rain falls when the vapour cools. Then it stops.", "Rain falls when the vapour cools."),
        ("It works for e.g. a large file of text. The end.", "It works for e.g. a large file of text."),
        ("Das gilt z. B. für Mieter im dritten Stock. Sonst nicht.", "Das gilt z. B. für Mieter im dritten Stock."),
        ("雨は空気中の水蒸気が冷えて落ちてくる水です。雪もそうです。", "雨は空気中の水蒸気が冷えて落ちてくる水です。"),
        ("लोग वर्षा के दिन घर में रहते हैं। और।", "लोग वर्षा के दिन घर में रहते हैं।"),
        ("- item\n- item\n\nThis paragraph says something at last. Yes.", "This paragraph says something at last."),
        ("Too short. Again.", None),
        ("name: value; other: 12; third: [1, 2, 3].", None),
        ("if (x == 3) { return y[0]; } // Does it all.", None),
        ("of a sentence that began on another page. Next.", None),
        ("", None),
    ],
)
def test_the_first_sentence_of_prose(text: str, expected: str | None) -> None:
    span = first_sentence(text)
    assert (None if span is None else text[slice(*span)]) == expected


def test_sections_and_parts_lose_no_letter() -> None:
    for document in DOCUMENTS:
        named = "".join(letters(heading.text) for heading in document.headings)
        kept = "".join(letters(section.text) for section in sections(document))
        assert len(named) + len(kept) == len(letters(document.text))
        spans = list(parts(document.text, most=60))
        assert "".join(document.text[start:end] for start, end in spans) == document.text
        assert max(end - start for start, end in spans) <= 60


@pytest.mark.parametrize(
    ("heading", "asked"),
    [
        ("2.1. Installing packages", "Installing packages"),
        ("§ 5 Kündigung des Vertrags", "Kündigung des Vertrags"),
        ("3D printing at home ¶", "3D printing at home"),
    ],
)
def test_a_heading_is_asked_without_its_number(heading: str, asked: str) -> None:
    items = make_known_items([markdown("a.md", "A book", {heading: WEATHER["Ice and snow"]})], seed=0)
    assert list(items.queries.values()) == [asked]


def test_a_sentence_that_is_its_own_heading_is_not_asked() -> None:
    body = "Water warms more slowly than the land. " + WEATHER["Ice and snow"]
    items = make_known_items([markdown("a.md", "Seas", {"Water warms more slowly than the land": body})], seed=0)
    assert items.sentences == 0


@pytest.mark.parametrize(
    ("heading", "tells"),
    [
        ("Installing the package", True),
        ("Notes", False),
        ("Version 4.1.0", False),
        ("安装软件包", True),
        ("1.2.3", False),
    ],
)
def test_which_headings_ask_for_something(heading: str, tells: bool) -> None:
    assert is_telling(heading) == tells
