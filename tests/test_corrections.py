"""Words that no passage has are tried in their nearest spelling, and nothing else is touched."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.encoders import Embedder
from retrieval.search_hits import Correction
from retrieval.segments.edit_distance import edit_distances
from retrieval.segments.words import Words, stems_of, words_of

TEXTS = {
    "commit": "Use git commit to record changes in the repository.",
    "push": "Use git push to send changes to the remote.",
    "run": "Running a marathon is hard work.",
    "nodes": "Kubernetes schedules containers on nodes.",
    "update": "KB5034441 breaks WinRE on small partitions.",
    "boiler": "All boilers in the cellar were serviced in May.",
    "heating": "Die Heizung im Keller wurde gewartet, und der Kühlschrank steht daneben. Die Küche ist neu.",
    "tier": "The list has one tier; a thief took the rest of their things.",
    "code": "Call parseHttpHeaders before the first request.",
    "russian": "Кошка спит на крыше дома, а собака охраняет двор.",
    "night": "The night was dark, and the lemon was sour.",
    "chart": "A flowchart of the slow checkout.",
    "runtime": "Node.js runs scripts; setUserName and TCP/IP are in it.",
    "door": "Log in with your badge, and log out in the evening. It is quite quiet.",
    "knot": "Der Palstek hält unter Zug und ist danach leicht zu lösen.",
    "wreck": "The anchor and the mast were lost.",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder) -> Iterator[HybridIndex]:
    with HybridIndex.open(tmp_path_factory.mktemp("corrections") / "index", encoder=loaded_embedder.encoder) as opened:
        add([Document(source, text) for source, text in TEXTS.items()], opened)
        yield opened


@pytest.mark.parametrize(
    ("query", "written", "searched", "source"),
    [
        ("comit", "comit", "commit", "commit"),
        ("how to comit, please", "comit", "commit", "commit"),
        ("COMIT CHANGES", "COMIT", "commit", "commit"),
        ("runnign shoes", "runnign", "running", "run"),
        ("Kuberntees", "Kuberntees", "kubernetes", "nodes"),
        ("boilr", "boilr", "boilers", "boiler"),
        ("Heizugn", "Heizugn", "heizung", "heating"),
        ("kuhlschrnk", "kuhlschrnk", "kühlschrank", "heating"),
        ("haeders", "haeders", "headers", "code"),
        ("сабака", "сабака", "собака", "russian"),
        ("nodejs", "nodejs", "node js", "runtime"),
        ("tcpip", "tcpip", "tcp ip", "runtime"),
        ("quiett", "quiett", "quiet", "door"),
        ("lösn", "lösn", "lösen", "knot"),
        ("losn", "losn", "lost", "wreck"),
        ("Palstek losn", "losn", "lösen", "knot"),
        ("Palstk", "Palstk", "palstek", "knot"),
    ],
)
@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_a_misspelt_word_finds_the_nearest_and_says_so(
    index: HybridIndex, query: str, written: str, searched: str, source: str, mode: str
) -> None:
    hits = index.search(query, 3, mode=mode)
    assert hits.corrections == (Correction(written, searched),)
    assert hits[0].source == source


@pytest.mark.parametrize(
    "query",
    [
        "commit changes",
        "KB5034442",
        '"comit"',
        'Who said "comit"?',
        "+comit changes",
        "git -comit",
        "git --comit",
        "comit.py",
        "my_comit",
        "getComit",
        "a COMIT in mixed case",
        "COMIT",
        "comit " + " ".join(f"pusj{letter} git" for letter in "abcdefghi"),
        "thier",
        "nicht Lennon",
        "zzzyx",
        "cmt",
        "Wo wohnen comit nachtigall lemonen",
        "flow chart",
        "check out",
    ],
)
def test_what_is_known_exact_or_a_name_stays_as_it_is_written(index: HybridIndex, query: str) -> None:
    assert index.search(query, mode="lexical").corrections == ()


def test_words_that_passages_have_in_one_find_that_and_are_corrected_beside_others(index: HybridIndex) -> None:
    assert [hit.source for hit in index.search("Flow chart", mode="lexical")] == ["chart"]
    assert index.search("flow of", mode="lexical").corrections == (Correction("flow", "slow"),)


def test_a_word_is_found_where_passages_have_it_in_two(index: HybridIndex) -> None:
    for written, searched in (("login", "log in"), ("logout", "log out"), ("username", "user name")):
        hits = index.search(written, mode="lexical")
        assert hits.corrections == (Correction(written, searched),)
        assert len(hits) == 1
    assert index.search("schedulescontainers", mode="lexical").corrections != ()
    assert index.search("containersnodes", mode="lexical").corrections == (), "they do not stand side by side"


def test_the_scores_are_those_of_the_word_itself(index: HybridIndex) -> None:
    right = index.search("commit changes", mode="lexical")
    wrong = index.search("comit changes", mode="lexical")
    assert [(hit.id, hit.score, hit.highlights) for hit in wrong] == [(h.id, h.score, h.highlights) for h in right]
    assert index.search("comit", mode="lexical", correct_spelling=False) == []


class Recorder:
    """A reranker that remembers what it was asked."""

    asked = ""

    def score(self, query: str, passages: list[str]) -> NDArray[np.float64]:
        self.asked = query
        return np.zeros(len(passages))


@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_a_reranker_is_asked_in_the_spelling_that_was_searched_for(index: HybridIndex, mode: str) -> None:
    reranker = Recorder()
    index.search("comit changes", mode=mode, rerank=reranker)
    assert reranker.asked == "commit changes"


def test_a_word_that_the_model_knows_is_embedded_as_it_is_written(index: HybridIndex) -> None:
    assert index.embedder.is_word("knight") and not index.embedder.is_word("comit")
    assert index.search("knight", mode="lexical").corrections == (Correction("knight", "night"),)
    hits = index.search("knight", mode="dense")
    assert hits.corrections == ()
    assert hits == index.search("knight", mode="dense", correct_spelling=False)
    assert index.search("comit", mode="dense").corrections == (Correction("comit", "commit"),)
    assert index.search("comit", mode="dense")[0].dense_score == index.search("commit", mode="dense")[0].dense_score


def test_a_batch_tells_of_each_query(index: HybridIndex) -> None:
    found = index.search_batch(["comit", "push"], mode="lexical")
    assert [len(hits.corrections) for hits in found] == [1, 0]


def test_a_word_of_deleted_documents_alone_is_no_spelling(index: HybridIndex) -> None:
    add([Document("gone", "An armadillo sleeps.")], index)
    assert index.search("armadilo", mode="lexical").corrections == (Correction("armadilo", "armadillo"),)
    index.delete(["gone"])
    assert index.search("armadilo", mode="lexical").corrections == ()


# Words and distances


def distance(one: str, other: str) -> int:
    """Optimal string alignment, as it is defined."""
    rows = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cost = rows[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, cost)
            if i > 1 and j > 1 and (one[i - 1], one[i - 2]) == (other[j - 2], other[j - 1]):
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


_words = st.text(alphabet="abcdeé", min_size=1, max_size=7)


@given(_words, st.lists(_words, max_size=12), st.integers(0, 3))
def test_distances_are_those_of_the_definition(word: str, others: list[str], most: int) -> None:
    wanted = [min(distance(word, other), most + 1) for other in others]
    assert edit_distances(word, others, most=most).tolist() == wanted


@given(st.text(alphabet="abcde", min_size=1, max_size=7), st.sets(st.text(alphabet="abcde", min_size=1), max_size=12))
def test_words_near_are_all_that_are(word: str, words: set[str]) -> None:
    for most in (1, 2):
        wanted = {other: d for other in words - {word} if (d := distance(word, other)) <= most}
        assert Words.of(words).near(word, most=most) == wanted


def test_words_are_told_apart_from_other_text(index: HybridIndex) -> None:
    reader = index.searcher().reader
    words = words_of(map(reader.chunk, reader.living.tolist()))
    assert {"kühlschrank", "headers", "parsehttpheaders", "кошка", "winre"} <= words
    assert not any(any(map(str.isdigit, word)) for word in words)
    assert stems_of(["run", "x9", "雪山東京", "at", "heizung"]) == {"run", "heizung"}
    assert set(Words.load(Words.of(words).arrays())) == words
    assert Words.of(["für", "fur"]).near("fur", most=1) == {"für": 0}
    assert Words.of([]).near("rain", most=2) == {}
