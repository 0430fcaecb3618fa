"""`"exact phrase"`, `+required`, `-excluded`: what is read as an operator, and which chunks satisfy it."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.errors import QueryError
from retrieval.search.operators import Clause, read_operators

TEXTS = {
    "plate": "A boundary layer grows on a flat plate at zero incidence.",
    "plates": "On flat plates, the layer at the boundary is thin. A café stands beside the wind tunnel.",
    "cone": "The Boundary-Layer of a cone differs; see max_batch_size in CVE-2024-3094.",
    "code": "Call parseHTTPResponse before anything else.",
    "stops": "To be, or not to be: that is the question.",
    "chinese": "北京大学在中国的首都。雪山很高。",
    "mixed": "大学在北京：新学期。",
    "wrapped": "我去年在上海\r\n交通大学读书，住在江\n　　南。",
    "voiced": "がくせいはサーバー室にいる。",
    "hindi": "यह किताब बहुत अच्छी है और मुझे पसंद है।",
    "unvoiced": "かくせいと、がく。",
    "vowels": "क वर्ग में काम है। कल दिन में कुल पाँच घंटे थे।",
    "years": "Figures for 2019–2020 came from GPT 4.",
    "hyphens": "Figures for 2021-2022 came from GPT-4.",
    "soft": "A hy\u00adphen\u00adation rule breaks words.",
    "c": "The C language, and F# for lan\u00adguages.",
    "c++": "The C++ language, with notes on F.",
    "hebrew": "שָׁלוֹם עולם",
    "manual": "It finds names: find docs -name rain",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    with HybridIndex.open(tmp_path_factory.mktemp("operators") / "index", encoder=loaded_embedder.encoder) as opened:
        add([Document(source, text) for source, text in TEXTS.items()], opened)
        yield opened


def found(index: HybridIndex, query: str, **options: object) -> set[str]:
    return {hit.source for hit in index.search(query, 100, **options)}


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        ('"boundary layer"', {"plate", "cone"}),
        ('"BOUNDARY  layer"', {"plate", "cone"}),
        ('"layer boundary"', set()),
        ('"bound"', set()),
        ('flow "flat plate"', {"plate"}),
        ("flow +plate", {"plate", "plates"}),
        ("flow +plates", {"plate", "plates"}),
        ("+plate -thin", {"plate"}),
        ('layer -"boundary layer" +layer', {"plates"}),
        ('"cafe stands"', {"plates"}),
        ('"to be or not to be"', {"stops"}),
        ("+max_batch_size layer", {"cone"}),
        ("+CVE-2024-3094", {"cone"}),
        ('"北京大学"', {"chinese"}),
        ("+北京大学", {"chinese"}),
        ('"雪"', {"chinese"}),
        ("+unheardof layer", set()),
        ("+batch_size", {"cone"}),
        ('"batch size"', {"cone"}),
        ("+CVE-2024", {"cone"}),
        ('"2024-3094"', {"cone"}),
        ("+layer -max_batch -thin", {"plate"}),
        ("+httpResponse", {"code"}),
        ('"parse HTTP response"', {"code"}),
        ("+parse_http", {"code"}),
        ("“boundary layer” -„of a cone“", {"plate"}),
        ('"上海交通大学"', {"wrapped"}),
        ('"海交"', {"wrapped"}),
        ('大学 -"上海交通" +大学', {"chinese", "mixed"}),
        ('"江南"', {"wrapped"}),
        ('"海 交"', {"wrapped"}),
        ('"かくせい"', {"unvoiced"}),
        ('"がくせい"', {"voiced"}),
        ('"サーバー"', {"voiced"}),
        ('"कताब बहुत"', set()),
        ('"किताब बहुत"', {"hindi"}),
        ('"कुल दिन"', set()),
        ('"कल दिन"', {"vowels"}),
        ('"में क"', set()),
        ('"में काम"', {"vowels"}),
        ('"2019-2020"', {"years"}),
        ('"2021–2022"', {"hyphens"}),
        ('"2021—2022"', {"hyphens"}),
        ('"GPT-4"', {"years", "hyphens"}),
        ('"GPT 4"', {"years", "hyphens"}),
        ('"hyphenation rule"', {"soft"}),
        ('"hy\u00adphenation rule"', {"soft"}),
        ('"C++ language"', {"c++"}),
        ('"C language"', {"c"}),
        ('"the c"', {"c"}),
        ("+C++ language", {"c++"}),
        ('"F#"', {"c"}),
        ('"שלום עולם"', {"hebrew"}),
    ],
)
def test_operators_filter_both_sides(index: HybridIndex, query: str, sources: set[str]) -> None:
    assert found(index, query, mode="hybrid", operators=True) == sources
    assert found(index, query, mode="dense", operators=True) == sources
    assert found(index, query, mode="lexical", operators=True) <= sources


@pytest.mark.parametrize(
    "query",
    [
        "C++ and C# or e-mail",
        "what is -5 or +3 degrees",
        "run it with --force",
        'a 5" pipe and 3" nails',
        "well-known state-of-the-art",
        "A - B + C",
        'Who wrote "War and Peace"?',
        "papers -dash exact or approximate -dash on pressure.",
        'git commit -m "fix the bug"',
        'kubectl get pods --namespace "my team"',
        '{"name": "my app", "port": 80}',
        'owner = "John Smith"',
        '""',
        '"?!"',
    ],
)
def test_plain_text_stays_plain(query: str) -> None:
    assert read_operators(query, operators=None) == (query, ())


COMMANDS = (
    "gcc -Wall",
    "tar -xzf archive",
    "python -m venv",
    "ls -la",
    "java -Xmx4g heap",
    "Monday -Friday",
    "grep -rn pattern\nsort -u",
    "- bread\n- milk -eggs",
    "Kind regards\n-- Ada",
    "rain -snow",
    "chmod +x script",
)


@pytest.mark.parametrize("query", COMMANDS)
def test_options_of_commands_are_operators_on_request_alone(query: str) -> None:
    for operators in (None, "required", False):
        assert read_operators(query, operators=operators) == (query, ())
    if "--" not in query:
        clauses = read_operators(query, operators=True).clauses
        assert clauses and all(clause.is_excluded != ("+" in query) for clause in clauses)


def test_a_quoted_phrase_is_excluded_unless_nothing_may_be() -> None:
    query = 'layer +plate -"of a cone" -thin'
    assert read_operators(query, operators=None) == (
        "layer plate  -thin",
        (Clause("plate", is_phrase=False, is_excluded=False), Clause("of a cone", is_phrase=True, is_excluded=True)),
    )
    text, clauses = read_operators(query, operators="required")
    assert (text, [clause.text for clause in clauses]) == ('layer plate -"of a cone" -thin', ["plate"])


def test_the_hits_say_what_was_required_and_excluded(index: HybridIndex) -> None:
    hits = index.search('layer "boundary layer" -cone', operators=True)
    assert (hits.required, hits.excluded) == (("boundary layer",), ("cone",))
    assert {hit.source for hit in hits} == {"plate"}
    plain = index.search("layer -cone", 100, mode="lexical")
    assert (plain.required, plain.excluded) == ((), ())
    assert "cone" in {hit.source for hit in plain}


def test_a_sentence_has_operators_if_asked_for() -> None:
    query = 'Who wrote "War and Peace"?'
    assert read_operators(query, operators=True) == ("Who wrote War and Peace ?".replace(" ?", "?"), (PHRASE,))
    assert read_operators('"what is love?"', operators=None).clauses
    assert not read_operators('"what is love"', operators=False).clauses


PHRASE = Clause("War and Peace", is_phrase=True, is_excluded=False)


def test_what_is_embedded_has_no_operators_and_nothing_unwanted() -> None:
    text, clauses = read_operators('fast +cars -red "very fast cars" -"slow ones"', operators=True)
    assert text.split() == ["fast", "cars", "very", "fast", "cars"]
    assert [(clause.text, clause.is_phrase, clause.is_excluded) for clause in clauses] == [
        ("cars", False, False),
        ("red", False, True),
        ("very fast cars", True, False),
        ("slow ones", True, True),
    ]


def test_a_query_that_wants_nothing_is_refused(index: HybridIndex) -> None:
    for query in ("-rain -snow", "-xzf", "?? -rain"):
        with pytest.raises(QueryError, match=r"not wanted.*operators=False \(--no-operators\)"):
            index.search(query, operators=True)


def test_operators_change_no_score(index: HybridIndex) -> None:
    plain = {hit.id: hit.score for hit in index.search("boundary layer plate", 100, operators=False)}
    for hit in index.search("boundary layer +plate", 100):
        assert hit.score == plain[hit.id]


@given(st.text(alphabet='ab "+-.?\n雪é', max_size=30))
def test_any_text_is_read(query: str) -> None:
    try:
        text, clauses = read_operators(query, operators=True)
    except QueryError:
        return
    assert all(any(character.isalpha() for character in clause.text) for clause in clauses)
    assert bool(text.strip()) == bool(query.strip())
    assert read_operators(query, operators=False) == (query, ())


@given(st.lists(st.sampled_from(["rain", "snow", "wind", "cloud", "sky"]), min_size=1, max_size=5))
def test_words_alone_are_no_operators(words: list[str]) -> None:
    assert read_operators(" ".join(words), operators=True) == (" ".join(words), ())


@pytest.mark.parametrize(
    ("query", "hinted"),
    [
        ("boundary -cone", "-cone was read as text and excludes nothing; operators=True (--operators) excludes it"),
        ('"boundary layer" plates -cones', "-cones was read as text"),
        ("boundary -Cone", None),
        ("boundary -co", None),
        ("boundary -unheardof", None),
        ("unheardof -cone", None),
        ("boundary -cone.py", None),
        ("boundary | layer -cone", None),
        ("boundary --layer -cone", None),
        ("boundary -cone layer", None),
        ("boundary layer -cone.", None),
        ("find -name", None),
        *((command, None) for command in COMMANDS),
    ],
)
def test_a_hyphen_that_was_rather_meant_to_exclude_is_told(index: HybridIndex, query: str, hinted: str | None) -> None:
    found = index.search(query, mode="lexical").warnings
    assert [hint.startswith(hinted or "?") for hint in found] == [True] * (hinted is not None)
    told = index.search(query, mode="lexical", operators="required").warnings
    assert (len(told), "operators=True" in "".join(told)) == (len(found), False)
    assert index.search(query, mode="lexical", operators=False).warnings == ()
