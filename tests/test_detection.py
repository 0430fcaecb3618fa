"""Which language a text is in."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.analysis import LANGUAGES, Analyzer, detect_language

PARAGRAPHS = {
    "english": "The rivers of the valley were flooding the houses, and the farmers had been running to the mills.",
    "german": "Die Flüsse des Tales überschwemmten die Häuser, und die Bauern waren zu den Mühlen gelaufen.",
    "french": "Les rivières de la vallée inondaient les maisons, et les paysans couraient vers les moulins.",
    "spanish": "Los ríos del valle inundaban las casas y los campesinos corrían hacia los molinos.",
    "italian": "I fiumi della valle allagavano le case e i contadini correvano verso i mulini.",
    "portuguese": "Os rios do vale inundavam as casas e os camponeses corriam para os moinhos.",
    "dutch": "De rivieren van het dal overstroomden de huizen, en de boeren waren naar de molens gelopen.",
    "russian": "Реки долины затопили дома, и крестьяне побежали к мельницам.",
    "arabic": "فاضت أنهار الوادي على البيوت وركض الفلاحون إلى الطواحين.",
    "hindi": "घाटी की नदियों ने घरों को डुबो दिया और किसान चक्कियों की ओर भागे।",
    "greek": "Τα ποτάμια της κοιλάδας πλημμύρισαν τα σπίτια και οι αγρότες έτρεξαν στους μύλους.",
}


@pytest.mark.parametrize("language", PARAGRAPHS)
def test_a_sentence_is_enough(language: str) -> None:
    assert detect_language(PARAGRAPHS[language]) == language


@pytest.mark.parametrize(
    "text",
    [
        "山谷里的河流淹没了房屋，农民们跑向磨坊。",
        "谷の川が家々を水浸しにし、農民たちは水車小屋へ走った。",
        "강물이 집들을 덮쳤고 농부들은 방앗간으로 달려갔다.",
    ],
)
def test_what_has_no_stemmer_is_in_no_language(text: str) -> None:
    assert detect_language(text) == "none"


@pytest.mark.parametrize(
    "text",
    ["", " \n", "12,5;7\n8;9", "max_batch_size = 4\nreturn x", "ABC-12", "|---|---|", "hello", "int main() {}"],
)
def test_what_cannot_be_told_is_read_as_program_code_is(text: str) -> None:
    assert detect_language(text) == "english"


def test_the_most_of_a_long_text_decides_wherever_it_stands() -> None:
    english, german = PARAGRAPHS["english"], PARAGRAPHS["german"]
    assert detect_language(english * 5 + german * 500) == "german"
    assert detect_language(german * 5 + english * 500) == "english"


@given(st.text())
def test_any_text_has_an_analysis(text: str) -> None:
    language = detect_language(text)
    assert language in LANGUAGES
    assert detect_language(text) == language
    Analyzer(language).terms(text)


def test_threads_may_ask_together() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detect_language, [*PARAGRAPHS.values()] * 20)) == [*PARAGRAPHS] * 20
