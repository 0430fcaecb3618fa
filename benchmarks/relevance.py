"""How well the best hit's relevance tells questions that an index answers from others, next to score and cosine.

    python -m benchmarks.relevance COLLECTION [--model MODEL] [--others COLLECTION]

Both collections are in BEIR's format. Documents are taken out of the index of the collection, and its own questions are
asked: some are answered still, others no longer. Or questions from elsewhere are asked of the whole collection:

    every second title   no document of every second title, which names an article of several, or one document
    the other titles     none of the others
    random half          no document of a random half, so that those next to it remain
    another collection   the questions of --others
    nonsense             a list of random words

    AUC        how often an answered question has a higher value than another (area under the ROC curve)
    balanced   the mean share of both kinds that `SearchHits.has_relevant` is right about, which asks for LIKELY

A question is answered while one of the documents that were judged relevant is there. The collection is embedded once,
and kept in .benchmarks/.
"""

import argparse
import shutil
import tempfile
from collections.abc import Collection as Container
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import ingest
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.evaluation import Collection, read_collection
from retrieval.search_hits import SearchHits

NONSENSE = """
asdf qwer zxcv | blorf the wug near a dax | flurbing gribbles in snarfton | qqq www eee rrr | green ideas sleep
xkcd jjkl mnop uvw | why is the seventh Tuesday purple inside | lorem ipsum dolor sit amet | foo bar baz qux quux corge
how many zibbets fit a trombulator | banana stapler oblong whisper | hjkl hjkl hjkl | the borogoves outgrabe mimsily
do triangles dream of yesterday's soup | vrrp tkkl sssn | who yodels the unbaked staircase | oogle boogle froogle
sideways umbrella algebra for goldfish | jabberwock frumious bandersnatch | zzyzx plugh xyzzy
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
"""Twenty queries that mean nothing; of some the words are words."""


class Asked(NamedTuple):
    """float64 [n], a value for each question; 0 without a hit. shown: whether something relevant was found."""

    relevance: NDArray[np.float64]
    score: NDArray[np.float64]
    cosine: NDArray[np.float64]
    shown: NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--model", default=Config().model)
    parser.add_argument("--others", type=Path, help="a collection about something else")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks"), help="where embedded collections are kept")
    arguments = parser.parse_args()
    collection = read_collection(arguments.collection)
    whole = arguments.cache / "relevance" / f"{arguments.collection.resolve().name}-{Path(arguments.model).name}"
    with HybridIndex.open(whole, config=Config(model=arguments.model)) as index:
        ingest.add(collection.documents, index)
        own = asked(index, list(collection.queries.values()))
        others = {"nonsense": asked(index, NONSENSE)}
        if arguments.others is not None:
            questions = list(read_collection(arguments.others).queries.values())
            others = {"another collection": asked(index, questions), **others}

    print("| left out, or asked instead | answered | others | AUC relevance | score | cosine | balanced |")
    print("|---|---|---|---|---|---|---|")
    for name, left_out in halves(collection):
        some = asked_without(left_out, whole, list(collection.queries.values()))
        is_answered = np.array([answered(collection, query, left_out) for query in collection.queries])
        print(line(name, some, is_answered), flush=True)
    for name, absent in others.items():
        both = Asked(*(np.concatenate(pair) for pair in zip(own, absent, strict=True)))
        print(line(name, both, np.arange(len(both.shown)) < len(own.shown)))


def halves(collection: Collection) -> Iterator[tuple[str, frozenset[str]]]:
    """The sources to leave out, by name."""
    sources = [document.source for document in collection.documents]
    titles = list(dict.fromkeys(document.title or document.source for document in collection.documents))
    for name, every_second in {"every second title": set(titles[1::2]), "the other titles": set(titles[::2])}.items():
        yield name, frozenset(d.source for d in collection.documents if (d.title or d.source) in every_second)
    for seed in (1, 2):
        shuffled = np.random.default_rng(seed).permutation(sources).tolist()
        yield f"random half, seed {seed}", frozenset(shuffled[len(sources) // 2 :])


def answered(collection: Collection, query: str, left_out: Container[str]) -> bool:
    return any(relevance > 0 and source not in left_out for source, relevance in collection.qrels[query].items())


def asked_without(left_out: Container[str], whole: Path, questions: Sequence[str]) -> Asked:
    """The questions, asked of a copy of the index without these documents."""
    with tempfile.TemporaryDirectory(dir=whole.parent) as directory:
        copied = shutil.copytree(whole, Path(directory, "index"))
        with HybridIndex.open(copied) as index:
            index.delete(list(left_out))
            return asked(index, questions)


def asked(index: HybridIndex, questions: Sequence[str]) -> Asked:
    found = index.search_batch(questions)
    return Asked(
        np.array([highest(hits, "relevance") for hits in found]),
        np.array([highest(hits, "score") for hits in found]),
        np.array([highest(hits, "dense_score") for hits in found]),
        np.array([hits.has_relevant for hits in found]),
    )


def highest(hits: SearchHits, value: str) -> float:
    return max((float(getattr(hit, value)) for hit in hits), default=0.0)


def line(name: str, some: Asked, is_answered: NDArray[np.bool_]) -> str:
    areas = [f"{area(values[is_answered], values[~is_answered]):.3f}" for values in some[:3]]
    balanced = (some.shown[is_answered].mean() + 1 - some.shown[~is_answered].mean()) / 2
    counts = f"{is_answered.sum():,} | {(~is_answered).sum():,}"
    return f"| {name} | {counts} | {' | '.join(areas)} | {balanced:.3f} |"


def area(higher: NDArray[np.float64], lower: NDArray[np.float64]) -> float:
    """The share of pairs in which the first is higher; of those that are equal, half."""
    return float(((higher[:, None] > lower).mean() + (higher[:, None] >= lower).mean()) / 2)


if __name__ == "__main__":
    main()
