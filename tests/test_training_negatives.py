"""Hard negatives of an index: each source gives some, and what may be an answer is none."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ingest import add
from retrieval.config import Config
from retrieval.encoders.prompts import Prompts
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex
from retrieval.training.answer_filter import AnswerFilter
from retrieval.training.examples import Example, Negative, counts_of_negatives, read_examples, write_examples
from retrieval.training.mining_again import mine_again
from retrieval.training.negatives import Miner, Mining, mine
from retrieval.training.pairs import Pair
from retrieval.types import Chunk, Document

ANSWER = "Rain falls when droplets in a cloud join and grow too heavy for the rising air to carry them any further."
BESIDE = "The harbour office opens at nine, closes for lunch, and sells tickets for the ferry until late at night."
QUESTION = "Why does rain fall from a cloud?"
SAME_WORDS = "Fall asleep with the sound of rain: our app has a cloud of recordings, and asks why you are awake."
SAME_SENSE = "Showers come down because small drops of water merge until the wind cannot hold them up in the sky."
TEXTS = {
    "answer.md": f"{ANSWER}\n\n{BESIDE}",
    "copy.md": ANSWER.upper() + " So it does.",
    "words.md": SAME_WORDS,
    "sense.md": SAME_SENSE,
    "other.md": "Bread rises because yeast eats sugar and breathes out a gas that the dough keeps inside itself.",
}


def mined(index: HybridIndex, mining: Mining, *, seed: int = 0, relevant: dict[str, set[str]] | None = None) -> Example:
    searcher = index.searcher()
    chunk = searcher.chunks("answer.md")[0]
    pair = Pair("sentence", QUESTION, ANSWER, "answer.md", chunk.id)
    (example,) = mine(Miner(searcher, mining, relevant=relevant or {}), index.embedder, [pair], seed=seed)
    return example


def found(example: Example) -> set[str]:
    return {next(name for name, text in TEXTS.items() if negative.passage in text) for negative in example.negatives}


def test_sources_find_what_is_no_answer(open_index: Callable[..., HybridIndex]) -> None:
    index = open_index(config=Config(chunk_size=40))
    add([Document(source, text) for source, text in TEXTS.items()], index)
    of_bm25 = mined(index, Mining(weights={"bm25": 1}, margin=0))
    assert found(of_bm25) >= {"words.md"} and "copy.md" not in found(of_bm25), "the copy repeats the answer"
    beside = mined(index, Mining(weights={"document": 1}, margin=0))
    assert [negative.passage for negative in beside.negatives] == [BESIDE]
    of_dense = mined(index, Mining(weights={"dense": 1, "bm25": 0}, margin=0, count=9))
    assert {negative.source for negative in of_dense.negatives} == {"dense"}
    assert {"sense.md", "other.md"} <= found(of_dense), "that share no word with the question"
    strict = mined(index, Mining(weights={"dense": 1}, margin=0.5, count=9))
    assert found(strict) < found(of_dense) and "sense.md" not in found(strict), "as near as an answer may be one"
    judged = mined(index, Mining(count=9, margin=0), relevant={QUESTION: {"sense.md"}})
    assert "sense.md" not in found(judged) and "words.md" in found(judged)
    assert judged.score is not None and all(judged.score > negative.score for negative in judged.negatives)
    assert mined(index, Mining(count=9, margin=0)) == mined(index, Mining(count=9, margin=0))
    assert len(mined(index, Mining(count=2, margin=0)).negatives) == 2
    assert mined(index, Mining(count=0)).negatives == ()
    counted = counts_of_negatives([of_bm25, beside])
    assert counted == {"bm25": len(of_bm25.negatives), "dense": 0, "document": 1}
    # A pair from a file has no chunk, and a passage that repeats its answer is found by the wording.
    miner = Miner(index.searcher(), Mining(count=9, margin=0), held_out={"words.md"})
    pair = Pair("file", QUESTION, ANSWER)
    (example,) = mine(miner, index.embedder, [pair], seed=0)
    assert example.score is None and not {"copy.md", "words.md"} & found(example), "or is held out"
    assert not any(ANSWER in negative.passage for negative in example.negatives)
    titled = replace(pair, kind="title", source="answer.md", chunk=index.searcher().chunks("answer.md")[0].id)
    (example,) = mine(miner, index.embedder, [titled], seed=0)
    assert "answer.md" not in found(example), "a title asks for its whole document"


def test_dense_negatives_are_mined_again(open_index: Callable[..., HybridIndex]) -> None:
    index = open_index(config=Config(chunk_size=40))
    add([Document(source, text) for source, text in TEXTS.items()], index)
    searcher = index.searcher()
    chunks = {source: searcher.chunks(source)[0] for source in TEXTS}
    pair = Pair("sentence", QUESTION, ANSWER, "answer.md", chunks["answer.md"].id)
    known = {"bm25": "words.md", "dense": "other.md"}
    negatives = tuple(Negative(by, TEXTS[source], chunks[source].id, 0.5) for by, source in known.items())
    cosines = {QUESTION: 1.0, SAME_WORDS: 0.85, ANSWER: 0.9, ANSWER.upper(): 0.8, SAME_SENSE: 0.7}

    def embed(texts: Sequence[str]) -> np.ndarray:
        assert all(text.startswith("ask: " if QUESTION in text else "say: ") for text in texts)
        liked = [max(cosine for part, cosine in {**cosines, "": 0.6}.items() if part in text) for text in texts]
        return np.array([(cosine, (1 - cosine**2) ** 0.5) for cosine in liked], np.float32)

    def again(*, margin: float = 0, relevant: dict[str, set[str]] | None = None) -> tuple[Negative, ...]:
        (example,) = mine_again(
            Miner(searcher, Mining(margin=margin, again=True), relevant=relevant or {}),
            embed,
            [Example(pair, negatives, 0.9)],
            chunks=list(chunks.values()),
            prompts=Prompts("ask: ", "say: "),
        )
        assert (example.pair, example.negatives[0], example.score) == (pair, negatives[0], 0.9)
        return example.negatives[1:]

    assert [(negative.source, negative.passage) for negative in again()] == [("dense", SAME_SENSE)]
    assert again(margin=0.3)[0].passage == TEXTS["other.md"], "as near as an answer may be one"
    assert again(relevant={QUESTION: {"sense.md", "other.md"}}) == negatives[1:], "where none suits, it stays"


def test_examples_are_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    negatives = (Negative("bm25", "雪\n\nline", "c2", 0.25),)
    examples = [Example(Pair("crop", "a", 'b "c"', "d.md", "c1"), negatives, 0.75), Example(Pair("file", "x", "y"))]
    write_examples(file, examples)
    assert read_examples(file) == examples and "雪" in file.read_text("utf-8")
    file.write_text('{"pair": {}}\n')
    with pytest.raises(ConfigError, match=r"pairs\.jsonl:1: not an example"):
        read_examples(file)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": -1},
        {"margin": 2},
        {"depth": 0},
        {"weights": {"bm25": -1}},
        {"weights": {"nowhere": 1}},
        {"again": True, "count": 0},
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Mining(**wrong)


@pytest.mark.parametrize(
    ("pair", "left"),
    [
        (Pair("title", "Garden", "p", "a.md", "1"), {"4"}),
        (Pair("headings", "Pests", "p", "a.md", "1"), {"3", "4"}),
        (Pair("headings", "Tools", "p", "a.md", "3"), {"1", "2", "4", "5"}),
        (Pair("keywords", "slugs", "p", "a.md", "1"), {"2", "3", "4", "5"}),
    ],
)
def test_all_that_a_title_or_heading_asks_for_answers_it(pair: Pair, left: set[str]) -> None:
    def chunk(name: str, source: str, title: str, *headings: str) -> Chunk:
        return Chunk(
            name, source, source, name * 40, int(name), 0, 40, 1, 1, None, None, 1, headings=headings, title=title
        )

    chunks = [
        chunk("1", "a.md", "Garden", "Garden", "1. Pests"),
        chunk("2", "a.md", "Garden", "Garden", "1. Pests", "Slugs"),
        chunk("3", "a.md", "Garden", "Garden", "2. Tools"),
        chunk("4", "b.md", "House", "House", "Walls"),
        chunk("5", "c.md", "GARDEN", "Pests"),
    ]
    reader = SimpleNamespace(chunk=lambda row: chunks[row], rows_of_ids=lambda ids: [int(each) - 1 for each in ids])
    answers = AnswerFilter(reader, margin=0, relevant={}, held_out=())
    is_negative = answers.negative_for([pair], cosine=1, cosine_of=lambda row: 0)
    assert {chunks[row].id for row in range(len(chunks)) if is_negative(row)} == left
