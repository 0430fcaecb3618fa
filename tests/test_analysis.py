import json
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from retrieval.analysis import LANGUAGES as LANGUAGES_KNOWN
from retrieval.analysis import RULES_VERSION, Analyzer, stopwords
from retrieval.analysis import tokens as tokens_module
from retrieval.errors import ConfigError
from retrieval.lexical import LexicalIndex

ENGLISH = Analyzer()
LANGUAGES = ["none", "english", "french", "german", "turkish", "russian", "greek", "arabic", "hindi", "persian"]

# Text that mixes every rule: words, digits, joiners, invisible characters, marks, unspaced scripts.
tricky_text = (
    st.text(st.sampled_from("aéİıßſﬁØ19½.,'’·-_ \n\xad\u200c\u0301\u3099かｶﾞ京서ำกหินि😀\ud800"))
    | st.text(st.sampled_from("الوفبكىيیک\u0640\u064eأنमहद\u094d\u093c\u0902\u0901 1"))
    | st.text()
)
# Small letters of Latin alphabets, less the dotless i, whose capital is that of i, and kra, which has none.
words = st.text(st.characters(categories=["Ll"], max_codepoint=0x17F, exclude_characters="ıĸ"), min_size=1, max_size=12)


@given(tricky_text, st.sampled_from(LANGUAGES))
def test_every_term_cites_the_text(text: str, language: str) -> None:
    analyzer = Analyzer(language)
    spans = analyzer.spans(text)
    assert analyzer.terms(text) == [term for term, _, _ in spans]
    assert all(term and 0 <= start < end <= len(text) for term, start, end in spans)
    assert [start for _, start, _ in spans] == sorted(start for _, start, _ in spans)
    # What is highlighted is what was matched: the cited words alone give the terms again.
    assert all(term in analyzer.terms(text[start:end]) for term, start, end in spans)


@given(tricky_text, tricky_text, st.sampled_from(LANGUAGES))
def test_a_line_is_analysed_alike_wherever_it_stands(first: str, second: str, language: str) -> None:
    analyzer = Analyzer(language)
    assert analyzer.terms(f"{first}\n{second}") == analyzer.terms(first) + analyzer.terms(second)


ascii_text = st.text(st.sampled_from("aBc19.,'-_:+#/ \n\t\x1f")) | st.text(st.characters(codec="ascii"))


@given(ascii_text, st.sampled_from(["none", "english", "french"]))
def test_ascii_which_has_a_pattern_of_its_own_is_analysed_as_any_text(text: str, language: str) -> None:
    analyzer, joins = Analyzer(language), language != "french"
    as_any = [(token.start(), token[0]) for token in tokens_module._any_tokens(joins).finditer(text)]
    assert [(token.start(), token[0]) for token in tokens_module.tokens(text, apostrophe_joins=joins)] == as_any
    assert analyzer.terms(text) + analyzer.terms("é") == analyzer.terms(f"{text}\né")


def test_only_words_beyond_ascii_are_looked_up_in_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    any_tokens = tokens_module._any_tokens

    class Watched(NamedTuple):
        joins: bool

        def finditer(self, text: str, start: int, end: int) -> Iterator[regex.Match[str]]:
            looked_up.append(text[start:end])
            return any_tokens(self.joins).finditer(text, start, end)

    monkeypatch.setattr(tokens_module, "_any_tokens", Watched)
    plain = "Plain text, of 1,000 words. " * 3
    text = f"{plain}A naïve café\u00a0– open until 9 – in Évian. {plain}"
    assert ENGLISH.terms(text) == [*ENGLISH.terms(plain), "naiv", "cafe", "open", "9", "evian", *ENGLISH.terms(plain)]
    assert looked_up == ["naïve café\u00a0– open until 9 – in Évian."]


@given(st.lists(words).map(" ".join), st.sampled_from(["none", "english", "german"]))
def test_case_and_normal_form_make_no_difference(text: str, language: str) -> None:
    analyzer = Analyzer(language)
    expected = analyzer.terms(text)
    assert analyzer.terms(unicodedata.normalize("NFD", text)) == expected
    heading = f"{text} conclusions and outlook"  # one or two short words in capitals may be acronyms
    assert analyzer.terms(heading.upper()) == analyzer.terms(heading)


def test_the_rules_are_those_of_their_version() -> None:
    """Whoever has to edit these lists changes what stored indexes hold: raise RULES_VERSION."""
    assert RULES_VERSION == 6
    assert ENGLISH.terms("What causes the Earth’s rains, and how often do they fall?") == [
        "caus", "earth", "rain", "often", "fall",
    ]  # fmt: skip
    assert Analyzer("none").terms("What’s a naïve CAFÉ?") == ["whats", "a", "naive", "cafe"]
    assert Analyzer("french").terms("L’homme qu'elle aimait") == ["homm", "aim"]
    assert Analyzer("german").terms("Häuser STRASSEN Straßen") == ["haus", "strass", "strass"]
    assert Analyzer("turkish").terms("IŞIK ışık İstanbul'da") == ["isik", "isik", "istanbul"]
    assert Analyzer("hindi").terms("लड़कों १९४७") == ["लडक", "1947"]
    assert Analyzer("arabic").terms("وفي السنة ١٩٤٧") == ["سنة", "1947"]
    assert ENGLISH.terms("getMaxBatchSize max_batch_size") == [
        "getmaxbatchs", "get", "max", "batch", "size", "max_batch_size", "max", "batch", "size",
    ]  # fmt: skip
    assert ENGLISH.terms("KB5034441 wi-fi") == ["kb5034441", "kb", "5034441", "-wifi", "wi", "fi"]
    assert ENGLISH.terms("10kW M8x40") == ["10kw", "10", "kw", "m8x40", "m8", "m", "8", "40"]
    assert ENGLISH.terms("A note to IT on 14.03.2024") == [
        "note", "IT", "14.03.2024", "14.03", "03.2024", "2024",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "searched"),
    [
        ("The dogs' owner", "dog"),
        ("the dog’s tail", "dogs"),
        ("O’Neill", "oneill"),
        ("naïve résumés", "naive resume"),
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("smørrebrød", "smorrebrod"),
        ("infor\xadmation", "information"),
        ("ﬁle ｓｙｓｔｅｍ", "file system"),
        ("10,000 employees", "10000 employees"),
    ],
)
def test_spellings_of_one_word_meet(written: str, searched: str) -> None:
    assert set(ENGLISH.terms(searched)) <= set(ENGLISH.terms(written))


@pytest.mark.parametrize(
    "identifier", ["getMaxBatchSize", "max_batch_size", "v1.5.9", "CVE-2024-3094", "10.0.0.1", "C3PO", "a/b.txt", "x²"]
)
def test_identifiers_are_found_as_they_are_typed(identifier: str) -> None:
    sentence = ENGLISH.terms(f"Since yesterday, ({identifier}), as we know.")
    typed = ENGLISH.terms(identifier)
    assert typed
    assert " ".join(typed) in " ".join(sentence)


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("getMaxBatchSize", ["get", "max", "batch", "size"]),
        ("max_batch_size", ["max", "batch", "size"]),
        ("v1.5.9", ["1.5.9"]),
        ("CVE-2024-3094", ["cve", "2024", "3094"]),
        ("pyproject.toml", ["pyproject", "toml"]),
        ("np.float32", ["np", "float32"]),
        ("x86_64", ["x86", "64"]),
        ("std::vector", ["std", "vector"]),
        ("HTTPServer2", ["httpserver", "http", "server", "2"]),
        ("C++", ["c"]),
        ("C#", ["c"]),
    ],
)
@pytest.mark.parametrize("language", ["none", "english"])
def test_identifiers_are_found_whole_and_in_parts(identifier: str, parts: list[str], language: str) -> None:
    (whole, start, end), *rest = Analyzer(language).spans(identifier)
    assert (start, end) == (0, len(identifier))
    assert [term for term, _, _ in rest] == [part for word in parts for part in Analyzer(language).terms(word)]
    assert all(start <= begin < finish <= end for _, begin, finish in rest)
    assert Analyzer(language).terms(f"({identifier.lower()}),")[0] == whole


def test_an_identifier_is_another_than_its_words_apart_or_joined_otherwise() -> None:
    wholes = [ENGLISH.terms(text)[0] for text in ("max_batch_size", "max.batch.size", "maxBatchSize", "max batch size")]
    assert len(set(wholes)) == 4
    apart = set(ENGLISH.terms("max batch size"))
    assert all(apart <= set(ENGLISH.terms(text)) for text in ("max_batch_size", "max.batch.size", "maxBatchSize"))


@pytest.mark.parametrize("text", ["well known", "NASA URLs and PDFs", "Newton's mail", "__init__", "2.5 3,000"])
def test_ordinary_words_are_no_identifiers(text: str) -> None:
    spans = ENGLISH.spans(text)
    assert all(end <= start for (_, _, end), (_, start, _) in pairwise(spans))


def test_a_word_of_any_length_gives_terms_in_proportion() -> None:
    for piece in ("aB", "a_", "a.", "1.", "a-1", "Ab", "::a", "a-b_"):
        counts = [len(ENGLISH.spans(piece * n)) for n in (1_000, 4_000)]
        assert counts[1] <= 4 * counts[0] + 8
        assert all(len(term) <= 100 or "_" not in term for term in ENGLISH.terms(piece * 1_000))


def test_an_identifier_ranks_before_its_words_apart_and_its_words_find_both() -> None:
    texts = ["Call getMaxBatchSize() first.", "Get the max size of a batch first.", "Nothing of the kind is first."]
    index = LexicalIndex([ENGLISH.terms(text) for text in texts])
    for query in ("getMaxBatchSize", "getmaxbatchsize()"):
        assert index.search(ENGLISH.terms(query), top_k=3)[0][0] == 0
    assert {row for row, _ in index.search(ENGLISH.terms("max batch size"), top_k=3)} == {0, 1}


def test_versions_and_decimals_are_one_term_and_lists_of_numbers_are_not() -> None:
    assert ENGLISH.terms("Version 1.5.9. See [1,2,3], 2.5 and 1,000.") == [
        "version", "1.5.9", "1.5", "see", "1", "2", "3", "2.5", "1000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["don't", "DON’T", "it's", "we’ve been", "who'll", "what is this?", "they could not have"]
)
def test_function_words_are_dropped(text: str) -> None:
    assert ENGLISH.terms(text) == []


@pytest.mark.parametrize(
    ("language", "question", "paragraph"),
    [
        ("german", "Welche Häuser wurden für die Könige gebaut?", "Dieses Haus baute man 1521 einem König."),
        ("spanish", "¿Qué libros fueron prohibidos?", "Prohibieron el libro en 1521."),
        ("french", "Quelles villes l'armée a-t-elle conquises ?", "La ville que les armées ont prise"),
        ("italian", "Quali città dell'impero furono conquistate?", "Conquistarono la città degli imperi."),
        ("portuguese", "Quais cidades foram conquistadas?", "Conquistaram a cidade em 1521."),
        ("dutch", "Welke steden werden veroverd?", "De stad werd in 1521 veroverd; andere steden niet."),
        ("russian", "Какие реки протекают через столицу?", "Река протекает через столицы трёх стран."),
        ("arabic", "ما هي مدارس المدينة والكتب؟", "المدينة فيها مدارس وكتب"),
        ("hindi", "कौन से लड़के किताबें पढ़ते हैं?", "लड़का किताब पढ़ता है।"),
    ],
)
def test_a_question_is_reduced_to_words_that_its_answer_inflects(language: str, question: str, paragraph: str) -> None:
    analyzer = Analyzer(language)
    asked = analyzer.terms(question)
    shared = set(asked) & set(analyzer.terms(paragraph))
    plain = set(question.lower().split()) & set(paragraph.lower().split())
    assert len(shared) >= 2
    assert len(shared) > len(plain)
    assert len(asked) <= 5, "question words are not about anything"


@pytest.mark.parametrize(
    ("language", "spellings"),
    [
        ("hindi", "हिन्दी हिंदी"),
        ("hindi", "सम्बन्ध संबंध सम्बन्धों"),
        ("hindi", "पढ़ना पढना"),
        ("hindi", "क़लम क़लम कलम"),
        ("hindi", "गाँव गांव गाँवों"),
        ("hindi", "महिला महिलाएँ महिलाएं महिलाओं"),
        ("arabic", "كِتَابٌ كتاب كتــاب"),
        ("arabic", "موسيقى موسيقي الموسيقی"),
        ("arabic", "أحمد احمد"),
        ("persian", "کتاب كتاب کتاب‌ها"),
        ("russian", "ёлка елка"),
        ("german", "Größe Groesse GRÖSSE"),
    ],
)
def test_what_is_spelled_in_several_ways_is_one_term(language: str, spellings: str) -> None:
    assert len(set(Analyzer(language).terms(spellings))) == 1


@pytest.mark.parametrize("noun", ["سنة", "لغة", "قوة", "مدن", "مدينة", "وزير", "كتاب", "التزام"])
def test_an_arabic_noun_is_one_with_its_article_and_what_is_written_before_it(noun: str) -> None:
    forms = [noun, f"ال{noun}", f"وال{noun}", f"بال{noun}", f"كال{noun}", f"لل{noun}", f"ولل{noun}"]
    assert len(set(Analyzer("arabic").terms(" ".join(forms)))) == 1
    assert Analyzer("arabic").terms("الله والله") == ["الله", "الله"]


def test_vowel_signs_may_be_written_on_function_words() -> None:
    assert Analyzer("arabic").terms("مِنْ هَلْ فِي هٰذَا") == []
    assert Analyzer("arabic").terms("على علي") == Analyzer("arabic").terms("علي"), "on, and the name Ali"
    assert Analyzer("hindi").terms("परन्तु हाँ हां") == Analyzer("hindi").terms("परंतु हां हाँ")


def test_loan_words_are_inflected_like_others() -> None:
    for language, words in (("german", "Café Cafés Cafe Cafes"), ("swedish", "idé idéer ide ideer")):
        assert len(set(Analyzer(language).terms(words))) == 1, language


def test_accents_may_be_left_out_of_function_words() -> None:
    spanish = Analyzer("spanish")
    assert spanish.terms("¿Qué también está aquí?") == spanish.terms("que tambien esta aqui") == []


@pytest.mark.parametrize(
    ("language", "nouns"),
    [
        ("turkish", "su"),
        ("german", "Ware Uber Würde"),
        ("swedish", "far bor väder vår"),
        ("polish", "maja"),
        ("italian", "Sara ora Stato Stati"),
        ("french", "été or son personne"),
        ("spanish", "vía haya"),
        ("dutch", "weer"),
        ("hindi", "बस मत"),
        ("arabic", "والدة"),
    ],
)
def test_a_noun_is_no_function_word_whatever_it_looks_like(language: str, nouns: str) -> None:
    assert len(Analyzer(language).terms(nouns)) == len(nouns.split())


def test_every_list_of_function_words_is_of_a_language_and_in_its_own_spelling() -> None:
    names = [path.stem for path in Path(stopwords.__file__).with_name("function_words").iterdir()]
    assert set(names) <= set(LANGUAGES_KNOWN)
    assert len(names) >= 12
    for name in names:
        words = stopwords.stop_words(name)
        left = {word: Analyzer(name).terms(word) for word in words if Analyzer(name).terms(word)}
        assert not left


def test_vowel_signs_stay_and_optional_points_go() -> None:
    assert Analyzer("none").terms("हिन्दी कि की") == ["हिन्दी", "कि", "की"]
    assert Analyzer("none").terms("שָׁלוֹם كِتَاب") == Analyzer("none").terms("שלום كتاب")
    assert Analyzer("none").terms("می\u200cروم") == ["میروم"]


def test_unspaced_scripts_are_pairs_of_characters() -> None:
    assert ENGLISH.spans("GPU東京都") == [("gpu", 0, 3), ("東京", 3, 5), ("京都", 4, 6)]
    assert ENGLISH.terms("水 x") == ["水", "x"]
    assert set(ENGLISH.terms("서울")) <= set(ENGLISH.terms("서울에서 만나요"))
    assert set(ENGLISH.terms("ไทย")) <= set(ENGLISH.terms("ประเทศไทย"))
    assert ENGLISH.spans("ガガ") == [("ガガ", 0, 2)]
    assert ENGLISH.spans(unicodedata.normalize("NFD", "ガガ")) == [("ガガ", 0, 4)]
    assert ENGLISH.spans("ｶﾞｶﾞ") == [("ガガ", 0, 4)]


def test_languages_are_known_by_name_and_code() -> None:
    assert Analyzer("en") == Analyzer(" English ") == ENGLISH
    with pytest.raises(ConfigError, match=r"'klingon'.*none.*english.*turkish"):
        Analyzer("klingon")
    with pytest.raises(ConfigError, match=r"'auto'.*detect_language"):
        Analyzer("auto")


def test_the_fingerprint_tells_analyses_apart() -> None:
    fingerprints = [Analyzer(language).fingerprint for language in LANGUAGES]
    assert json.loads(json.dumps(fingerprints)) == fingerprints
    assert len({json.dumps(fingerprint) for fingerprint in fingerprints}) == len(LANGUAGES)
    assert Analyzer("de").fingerprint == Analyzer("german").fingerprint


def test_threads_share_an_analyzer() -> None:
    texts = [f"running{i} databases generalising {i} relational conditions" for i in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ENGLISH.terms, texts)) == [ENGLISH.terms(text) for text in texts]
