"""BM25 alone: our LexicalIndex next to rank_bm25 and bm25s, on the same documents, asked the same: for all scores, as
fusion does, and for the ten best documents.

No two questions share a word, and each is asked twice in a row. The first time, none of its terms has been asked for
since the index was built; the second time, all of them have, as frequent terms have in an index that is in use.
LexicalIndex remembers what those are worth; the peers remember nothing.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import outcome_of
from benchmarks.speed.made_up import TERMS, drawn_words, shares, vocabulary
from benchmarks.speed.tables import as_measured

OURS = "LexicalIndex"
PEERS = ("rank_bm25", "bm25s, numpy")
DOCUMENTS, WORDS = 100_000, 150
QUESTIONS = 50


def measure(*, peers: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        task = Path(scratch)
        write_task(task, words=vocabulary())
        outcomes = {OURS: outcome_of("benchmarks.speed.bm25_worker", OURS, task, python=Path(sys.executable))}
        outcomes |= {name: outcome_of("benchmarks.speed.bm25_worker", name, task, python=peers) for name in PEERS}
    return {
        "documents": DOCUMENTS,
        "words": WORDS,
        "questions": QUESTIONS,
        "versions": {outcome["package"]: outcome["version"] for outcome in outcomes.values()},
        "systems": {name: outcome["figures"] for name, outcome in outcomes.items()},
    }


def write_task(directory: Path, *, words: list[str]) -> None:
    """The words, and by their numbers the documents and the questions; the first of these is there to warm up."""
    random = np.random.default_rng(0)
    documents = drawn_words(random, len(words), (DOCUMENTS, WORDS)).astype(np.int32)
    # Drawn without replacement, frequent words come first: the permutation deals them out to all questions.
    asked = random.permutation(
        random.choice(len(words), (QUESTIONS + 1) * TERMS, replace=False, p=shares(len(words)))
    ).reshape(-1, TERMS)
    np.save(directory / "documents.npy", documents)
    np.save(directory / "questions.npy", asked)
    (directory / "words.json").write_text(json.dumps(words), "utf-8")


def table(figures: dict[str, Any]) -> str:
    """As measured, and the peers' figures over ours: above 1 they are slower or larger."""
    systems = figures["systems"]
    own = systems[OURS]
    ratios = {f"{name} / {OURS}": {what: value / own[what] for what, value in systems[name].items()} for name in PEERS}
    versions = ", ".join(f"{package} {version}" for package, version in figures["versions"].items())
    return (
        f"{figures['documents']:,} documents of {figures['words']} words, {figures['questions']} questions of {TERMS} "
        f"terms, medians; {versions}\n\n" + as_measured("BM25", systems | ratios)
    )
