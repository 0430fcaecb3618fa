"""Whether an index in Milvus gives the hits of a local one: the same documents, the same vectors, the same questions.

    python -m benchmarks.shared_hits COLLECTION... [--questions N] [--lag low|high]

Collections are in BEIR's layout. The server is the one inside milvus-lite. Of the ten best hits of each question:

    overlap      the share of the local hits that are among Milvus's
    same order   the share of questions whose hits are the same, in the same order
    equal        of these, the share whose hits agree in everything else, but for the last digits of scores: citations,
                 highlights, spelling
    score        the largest difference between scores of the same hit
    refused      questions that Milvus refuses, since it cannot answer them exactly; they are left out
    nDCG@10      of documents, local and Milvus; of the judged questions

With --lag, rows are written while the index holds three passages of one word (or of 240 words) for each of theirs,
which are deleted afterwards; and are not weighed again, as a writer would. So BM25 weights are of an average length
that is a quarter of the real one at most (or several times as much); how much is printed.

The local index is kept in .benchmarks/.
"""

import argparse
import math
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, cast

import ingest
from benchmarks.speed.made_up import vocabulary
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.encoders import Embedder
from retrieval.errors import ConfigError
from retrieval.evaluation import Collection, read_collection
from retrieval.fingerprint import Fingerprint
from retrieval.learned_fusion import FEATURES, FeatureWeight, FusionWeights
from retrieval.search_hits import SearchHit, SearchHits
from retrieval.shared_store import writer
from retrieval.shared_store.reader import SharedReader
from retrieval.types import Document
from tests.milvus_server import MilvusProcess

OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"mode": "dense"}, {"mode": "lexical"}, {"fusion": "convex"}, {"fusion": "convex", "alpha": 0.3},
    {"fusion": "learned"}, {"smoothing": 0.0}, {"candidates": 30}, {"candidates": 300}, {"feedback": "both"},
    {"mmr_lambda": 0.5}, {"group_by_document": True}, {"expand": 1}, {"collapse": False}, {"operators": True},
    {"where": {"half": 1}}, {"where": {"third": {"$ne": 1}}}, {"where_document": {"$contains": "th"}},
)  # fmt: skip
"""Of the searches that are compared."""

_SCORES = {"score", "relevance", "dense_score", "lexical_score"}
_ROW = "| {} | {:.4f} | {:.4f} | {:.4f} | {:.1e} | {} | {:.4f} | {:.4f} |"


class Compared(NamedTuple):
    """Of one question."""

    overlap: float
    is_ordered: bool
    is_equal: bool
    difference: float
    local: SearchHits
    shared: SearchHits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", type=Path)
    parser.add_argument("--questions", type=int, help="of each collection; default: all")
    parser.add_argument("--lag", choices=["low", "high"])
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks"), help="where local indexes are kept")
    arguments = parser.parse_args()
    config = Config(fusion_weights=made_up_weights())
    for path in arguments.collections:
        collection = read_collection(path)
        documents = [with_metadata(document, at) for at, document in enumerate(collection.documents)]
        with (
            HybridIndex.open(arguments.cache / "hits" / path.name, config=config) as local,
            served(config) as (directory, settings),
            HybridIndex.open(directory / "index", config=settings) as shared,
        ):
            ingest.add(documents, local)
            shared.borrow_vectors(local.searcher().reader)
            fill(shared, documents, local.searcher().reader.size, arguments.lag)
            compare(path.name, collection, local, shared, list(collection.queries)[: arguments.questions])


@contextmanager
def served(config: Config) -> Iterator[tuple[Path, Config]]:
    """A directory for the time being, and the settings for an index in a server of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        server = MilvusProcess(Path(scratch))
        server.start()
        try:
            yield Path(scratch), config.model_copy(update={"store": "milvus", "store_uri": server.uri})
        finally:
            server.kill()


def made_up_weights() -> FusionWeights:
    """Of a learned fusion in which all features count."""
    features = {name: FeatureWeight(weight=1 / (1 + at), deviation=0.2) for at, name in enumerate(FEATURES)}
    model = Fingerprint.of(Config(), Embedder.load(Config())).weights
    return FusionWeights(model=model[:12], features=features)


def with_metadata(document: Document, number: int) -> Document:
    return Document(
        source=document.source, text=document.text, title=document.title,
        metadata={"half": number % 2, "third": number % 3},
    )  # fmt: skip


def fill(shared: HybridIndex, documents: Sequence[Document], size: int, lag: str | None) -> None:
    if lag:
        writer.DRIFT = math.inf  # no row is weighed again
        words = vocabulary()[500:740]
        text = words[0] if lag == "low" else " ".join(words)
        ingest.add([Document(source=f"lag/{number}", text=text) for number in range(3 * size)], shared)
    ingest.add(documents, shared)
    if lag:
        shared.delete(["lag/"])


def compare(name: str, collection: Collection, local: HybridIndex, shared: HybridIndex, chosen: Sequence[str]) -> None:
    state = cast(SharedReader, shared.searcher().reader).shared
    low, high = (weighed / state.average_length for weighed in state.weighed)
    print(f"\n{name}: {state.size:,} chunks, {len(chosen)} questions; weighed with {low:.2f} to {high:.2f} of the "
          "average length\n")  # fmt: skip
    print("| search | overlap | same order | equal | score | refused | nDCG@10 local | Milvus |")
    print("|---|---|---|---|---|---|---|---|")
    texts = [collection.queries[id_] for id_ in chosen]
    for options in OPTIONS:
        pairs_ = [pair(local, shared, text, options) for text in texts]
        found = [compared(*each) for each in pairs_ if each is not None]
        ordered = [each for each in found if each.is_ordered]
        answered = [id_ for id_, each in zip(chosen, pairs_, strict=True) if each is not None]
        judged = [(each, collection.qrels[id_]) for id_, each in zip(answered, found, strict=True)]
        row = _ROW.format(
            ", ".join(f"{key} {value}" for key, value in options.items()) or "default",
            statistics.mean(each.overlap for each in found),
            len(ordered) / len(found),
            sum(each.is_equal for each in ordered) / max(1, len(ordered)),
            max(each.difference for each in found),
            len(texts) - len(found),
            statistics.mean(gain(each.local, of) for each, of in judged),
            statistics.mean(gain(each.shared, of) for each, of in judged),
        )
        print(row, flush=True)


def pair(
    local: HybridIndex, shared: HybridIndex, text: str, options: Mapping[str, Any]
) -> tuple[SearchHits, SearchHits] | None:
    """Both answers; None where Milvus refuses what it cannot do exactly."""
    try:
        found = shared.search(text, **options)
    except ConfigError:
        return None
    return local.search(text, **options), found


def compared(expected: SearchHits, found: SearchHits) -> Compared:
    ids, others = [hit.id for hit in expected], [hit.id for hit in found]
    by_id = {hit.id: hit for hit in found}
    differences = [abs(hit.score - by_id[hit.id].score) for hit in expected if hit.id in by_id]
    return Compared(
        overlap=len(by_id.keys() & set(ids)) / len(ids) if ids else float(not others),
        is_ordered=ids == others,
        is_equal=expected.corrections == found.corrections
        and all(is_same(*hits) for hits in zip(expected, found, strict=False)),
        difference=max(differences, default=0.0),
        local=expected,
        shared=found,
    )


def is_same(one: SearchHit, other: SearchHit) -> bool:
    return all(
        getattr(one, field.name) == getattr(other, field.name)
        for field in fields(SearchHit)
        if field.name not in _SCORES
    )


def gain(hits: SearchHits, judged: Mapping[str, int]) -> float:
    """nDCG@10 of one question, a document counting at its first hit."""
    sources = list(dict.fromkeys(hit.source for hit in hits))[:10]
    best = sorted((value for value in judged.values() if value > 0), reverse=True)[:10]
    found = [max(0, judged.get(source, 0)) for source in sources]
    ideal = sum(value / math.log2(at + 2) for at, value in enumerate(best))
    return sum(value / math.log2(at + 2) for at, value in enumerate(found)) / ideal if ideal else 0.0


if __name__ == "__main__":
    main()
