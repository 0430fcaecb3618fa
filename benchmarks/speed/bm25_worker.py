"""One BM25's part, in the Python environment that it lives in: documents -> an index that is asked for scores.

python -m benchmarks.speed.bm25_worker SYSTEM TASK OUTCOME      bm25.py starts it so
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.speed.measuring import resident, timed

Corpus = list[list[str]]


class Index(NamedTuple):
    """All scores, the ten best documents, and how it takes one more; None where it has to be built again."""

    scores: Callable[[list[str]], Any]
    best: Callable[[list[str]], Any]
    add: Callable[[list[str]], None] | None = None


def main() -> None:
    system, task, outcome = sys.argv[1:]
    package, build = SYSTEMS[system]
    words = json.loads(Path(task, "words.json").read_text("utf-8"))
    corpus, questions = (
        [[words[number] for number in numbers] for numbers in np.load(Path(task, name)).tolist()]
        for name in ("documents.npy", "questions.npy")
    )
    told = {"package": package, "version": version(package), "figures": measured(build, corpus, questions)}
    Path(outcome).write_text(json.dumps(told), "utf-8")


def measured(build: Callable[[Corpus], Index], corpus: Corpus, questions: list[list[str]]) -> dict[str, float]:
    build(corpus[:2])  # imports are no part of an index
    before = resident()
    started = time.perf_counter()
    index = build(corpus)
    figures = {"build s": time.perf_counter() - started}
    index.scores(questions[0])
    rounds = [timed(index.scores, (question, question)) for question in questions[1:]]
    first, again = (1000 * statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    figures |= {"all scores ms, terms first seen": first, "terms seen before": again}
    figures |= {"ten best ms": 1000 * statistics.median(timed(index.best, questions[1:]))}
    figures |= {"memory MB": resident() - before}
    if index.add is not None:
        seconds = timed(index.add, corpus[:1000])
        figures |= {"add one ms": 1000 * statistics.median(seconds), "add one, slowest ms": 1000 * max(seconds)}
    return figures


def lexical_index(corpus: Corpus) -> Index:
    from retrieval.lexical import LexicalIndex

    index = LexicalIndex(corpus)
    return Index(index.get_scores, lambda query: index.search(query, 10), lambda document: index.add([document]))


def rank_bm25(corpus: Corpus) -> Index:
    from rank_bm25 import BM25Okapi

    index, positions = BM25Okapi(corpus), range(len(corpus))
    return Index(index.get_scores, lambda query: index.get_top_n(query, positions, 10))


def bm25s(corpus: Corpus) -> Index:
    import bm25s

    index = bm25s.BM25(backend="numpy")
    index.index(corpus, show_progress=False)
    return Index(index.get_scores, lambda query: index.retrieve([query], k=10, show_progress=False))


SYSTEMS: dict[str, tuple[str, Callable[[Corpus], Index]]] = {
    "LexicalIndex": ("hybrid-retrieval", lexical_index),
    "rank_bm25": ("rank-bm25", rank_bm25),
    "bm25s, numpy": ("bm25s", bm25s),
}

if __name__ == "__main__":
    main()
