"""Pairs to train on: a passage does not repeat its question, and only the seed decides which there are."""

from pathlib import Path

import pytest

from retrieval.context import embedded_text
from retrieval.errors import ConfigError
from retrieval.model_comparison.passages import letters, sentences
from retrieval.training.made_pairs import Text, made_pairs
from retrieval.training.pairs import MADE, Pair, counts, distinct, judged_pairs, read_pairs
from retrieval.types import Chunk, chunk_ids, document_id

RAIN = (
    "Warm air rises and carries water vapour up into colder layers of the sky. Why does it turn into droplets there? "
    "Because cold air holds less water than warm air does, and what it cannot hold joins, grows heavy, and falls."
)
ICE = (
    "A cloud below freezing makes crystals with six arms instead of drops. They reach the ground whole if the last "
    "few hundred metres are cold enough, and melt on the way if these are not, which happens on most days of a year."
)
YEAST = (
    "Ein Teig geht auf, weil Hefe den Zucker frisst und dabei ein Gas ausatmet. Das Gas bleibt im Kleber gefangen und "
    "dehnt ihn, bis in der Hitze des Ofens eine Kruste entsteht, die ihn hält und beim Abkühlen noch fester wird."
)
KANJI = "雨は空から降る水の粒である。雲の中で小さな水滴が集まって大きくなり、重くなると地上に落ちてくる。"
KANJI += "夏には雷を伴う激しい雨が短い時間に降り、冬には雪となって野山を白く覆い、川の水を春まで山にとどめておく。" * 2


def text_of(
    source: str, texts: list[str], *, title: str | None, paths: list[tuple[str, ...]], language: str = "english"
) -> list[Text]:
    ids = chunk_ids(source, texts)
    return [
        Text(
            Chunk(
                id=ids[place],
                document_id=document_id(source),
                source=source,
                text=text,
                ordinal=place,
                char_start=0,
                char_end=len(text),
                line_start=1,
                line_end=1,
                page=None,
                page_end=None,
                tokens=1,
                headings=path,
                title=title,
            ),
            language,
        )
        for place, (text, path) in enumerate(zip(texts, paths, strict=True))
    ]


TEXTS = [
    *text_of(
        "weather.md",
        [f"# All about weather\n\n{RAIN}", f"## 2.1. Ice and snow\n\n{ICE}"],
        title="All about weather",
        paths=[("All about weather",), ("All about weather", "2.1. Ice and snow")],
    ),
    *text_of("yeast.md", [YEAST], title="Teig und Hefe", paths=[()], language="german"),
    *text_of("ame.txt", [KANJI], title=None, paths=[()], language="none"),
]


def made(kind: str) -> list[Pair]:
    return [pair for pair in made_pairs(TEXTS, seed=1, most=1000) if pair.kind == kind]


def test_what_is_asked_stands_nowhere_above_its_passage() -> None:
    by_question = {pair.question: pair for pair in made("title") + made("headings") + made("sentence")}
    assert {"All about weather", "Teig und Hefe", "Ice and snow"} <= by_question.keys()
    for question, pair in by_question.items():
        assert letters(question) not in letters(pair.passage)
    assert by_question["All about weather"].passage == RAIN
    assert by_question["Ice and snow"].passage == f"All about weather\n\n{ICE}", "the title stays in its header"
    assert by_question[YEAST[: YEAST.index(".") + 1]].passage.startswith("Teig und Hefe\n\nDas Gas")


@pytest.mark.parametrize("beginning", ["Ice and snow . ", "ICE and\nsnow: ", "Ice-and-snow\n\n", "# 2. Ice and snow\n"])
def test_a_text_that_begins_with_its_title_is_read_from_there_on(beginning: str) -> None:
    (text,) = text_of("ice.md", [beginning + ICE], title="Ice and snow", paths=[()])
    (pair,) = made_pairs([text], seed=0, most=9, kinds=["title"])
    assert pair.passage == ICE
    (text,) = text_of("ice.md", ["Ice and snowballs. " + ICE], title="Ice and snow", paths=[()])
    (pair,) = made_pairs([text], seed=0, most=9, kinds=["title"])
    assert pair.passage == "Ice and snowballs. " + ICE


def test_a_question_in_a_text_is_answered_by_its_neighbours() -> None:
    (pair,) = made("question")
    assert pair.question == "Why does it turn into droplets there?"
    assert pair.passage == "All about weather\n\n" + RAIN[RAIN.index("Because") :]


def test_keywords_are_words_of_the_passage_that_others_lack() -> None:
    pairs = made("keywords")
    assert {pair.source for pair in pairs} == {"weather.md", "yeast.md", "ame.txt"}
    for pair in pairs:
        assert all(word in pair.passage for word in pair.question.split())
        assert not {"and", "the", "und", "die"} & set(pair.question.lower().split()), "function words"


def test_crops_are_two_pieces_of_one_passage_in_any_script() -> None:
    pairs = made("crop")
    assert "ame.txt" in {pair.source for pair in pairs}
    for pair in pairs:
        (whole,) = (text.chunk.text for text in TEXTS if text.chunk.id == pair.chunk)
        assert letters(pair.question) in letters(whole) and letters(pair.passage.split("\n\n")[-1]) in letters(whole)


def test_the_seed_decides_and_nothing_else() -> None:
    pairs = made_pairs(TEXTS, seed=1, most=100)
    assert made_pairs(TEXTS[::-1], seed=1, most=100) == pairs
    assert made_pairs(TEXTS, seed=2, most=100) != pairs
    assert {pair.kind for pair in pairs} == set(MADE)
    few = made_pairs(TEXTS, seed=1, most=6)
    assert few == pairs[:6] and set(counts(few)) == set(MADE), "each kind has its share"
    assert {pair.kind for pair in made_pairs(TEXTS, seed=1, most=100, kinds=["crop"])} == {"crop"}
    assert made_pairs([], seed=1, most=5) == []


def test_without_context_headers_nothing_stands_before_a_passage() -> None:
    pairs = made_pairs(TEXTS, seed=1, most=100, context_header=False, kinds=["keywords", "sentence"])
    assert not any("weather\n\nWarm" in pair.passage for pair in pairs if pair.kind == "sentence")
    assert {pair.passage for pair in pairs if pair.kind == "keywords"} <= {text.chunk.text for text in TEXTS}


def test_judged_questions_ask_for_the_best_chunk_of_what_is_relevant() -> None:
    queries = {"q1": "when does snow melt?", "q2": "how does bread rise?"}
    qrels = {"q1": {"weather.md": 1, "yeast.md": 0}, "q2": {"yeast.md": 2, "gone.md": 1}}
    chunks = {"weather.md": TEXTS[1].chunk, "yeast.md": TEXTS[2].chunk}
    pairs = judged_pairs(queries, qrels, lambda question, source: chunks.get(source))
    assert [(pair.question, pair.source) for pair in pairs] == [
        (queries["q1"], "weather.md"), (queries["q2"], "yeast.md"),
    ]  # fmt: skip
    assert pairs[0].passage == embedded_text(TEXTS[1].chunk, context_header=True)


def test_a_file_is_read_and_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("what falls?\tRain.\n\nWHAT  falls\train\nrain\tRain!\nwho?\tMe.\n", "utf-8")
    assert read_pairs(file) == [Pair("file", "what falls?", "Rain."), Pair("file", "who?", "Me.")]
    for wrong in ("no tab", "three\tparts\there", "nothing\t ", "?\tanswer"):
        file.write_text(f"good\tpair\n{wrong}\n", "utf-8")
        with pytest.raises(ConfigError, match=r"pairs\.tsv:2: expected a question"):
            read_pairs(file)


def test_repetitions_and_equal_halves_are_left_out() -> None:
    pairs = [Pair("file", "a b", "c"), Pair("crop", "A-b!", " C "), Pair("file", "x", "X."), Pair("file", "...", "x")]
    assert distinct(pairs) == pairs[:1]


def test_sentences_cover_a_text_in_order() -> None:
    text = "It rained, e.g. on Monday. Why?\n\nNobody knows. 雨が降る。雪も\n\n"
    assert [text[slice(*span)] for span in sentences(text)] == [
        "It rained, e.g. on Monday.", "Why?", "Nobody knows.", "雨が降る。", "雪も",
    ]  # fmt: skip
    assert list(sentences("")) == []
