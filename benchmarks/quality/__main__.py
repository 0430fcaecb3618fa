"""How well hybrid-retrieval finds things next to what people use: the same model, documents and questions for all.

    make bench-quality COLLECTIONS="path ..."

A path is a collection in BEIR's format: corpus.jsonl, queries.jsonl and qrels/test.tsv, such as those that
https://github.com/beir-cellar/beir lists. Every system gets whole documents, title and text, and brings 100 documents a
side. Each peer is tried as it comes and with the best settings that it offers, and its best on the collection itself
is what ours, with no setting touched, is compared with.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import outcome_of
from retrieval.encoders import find_model
from retrieval.evaluation import Collection, Figures, compare, judge_run, read_collection
from retrieval.evaluation.runs import strictly_falling

PACKAGED = "packaged"
DEPTH = 100
MEASURES = ("nDCG@10", "RR@10", "R@100")
DECISIVE = "nDCG@10"
OURS = "hybrid-retrieval"
PEERS = {"LangChain": "langchain_ensemble", "LlamaIndex": "llamaindex_fusion", "txtai": "txtai_hybrid"}
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True, slots=True)
class Result:
    """One way to set up a system, and what came of it.

    index_seconds, query_seconds   processor time for all documents; for a question, the median
    """

    system: str
    settings: str
    index_seconds: float
    query_seconds: float
    figures: Figures


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("collections", nargs="*", type=Path, metavar="COLLECTION", help="in BEIR's format")
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="the interpreter that the peers are installed for")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, query by query")
    arguments = parser.parse_args()
    if not arguments.collections or arguments.peers is None:
        parser.error('give collections in BEIR\'s format: make bench-quality COLLECTIONS="path ..."')
    report = {}
    for directory in arguments.collections:
        collection = read_collection(directory)
        print(f"### {directory.name}: {len(collection.documents):,} documents, {len(collection.qrels):,} queries\n")
        results, versions = measure(collection, peers=arguments.peers)
        print(table(results))
        print(", ".join(f"{package} {version}" for package, version in versions.items()), flush=True)
        report[directory.name] = {"versions": versions, "results": [as_json(result) for result in results]}
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report), "utf-8")


def measure(collection: Collection, *, peers: Path) -> tuple[list[Result], dict[str, str]]:
    """What each system makes of the collection, ours first, and the versions of the packages that took part."""
    task = {
        "model": str(find_model(PACKAGED)),
        "depth": DEPTH,
        "documents": [(document.source, document.title, document.text) for document in collection.documents],
        "queries": {query: collection.queries[query] for query in collection.qrels},
    }
    results: list[Result] = []
    versions: dict[str, str] = {}
    for system, module in {OURS: "ours", **PEERS}.items():
        python = Path(sys.executable) if system == OURS else peers
        outcome = in_its_environment(python, {**task, "module": module})
        versions |= outcome["versions"]
        results += [judged(system, result, collection) for result in outcome["results"]]
    return results, versions


def in_its_environment(python: Path, task: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        asked = Path(scratch, "task.json")
        asked.write_text(json.dumps(task), "utf-8")
        return outcome_of("benchmarks.quality.worker", asked, python=python, environment=_ONE_THREAD)


def judged(system: str, result: Mapping[str, Any], collection: Collection) -> Result:
    run = {}
    for query, ranking in result["run"].items():
        documents = [document for document, _ in ranking]
        run[query] = dict(zip(documents, strictly_falling(score for _, score in ranking), strict=True))
    named = [name for name in (result["variant"], result["setting"]) if name != "default"]
    return Result(
        system=system,
        settings=", ".join(named) or "default",
        index_seconds=result["index_seconds"],
        query_seconds=result["query_seconds"],
        figures=judge_run(run, collection.qrels, measures=MEASURES).figures,
    )


def table(results: Sequence[Result]) -> str:
    """Markdown; the best of each system is bold, and p says how likely its distance to ours is luck."""
    (ours,) = (result for result in results if result.system == OURS)
    lines = [
        f"| system | settings | {' | '.join(MEASURES)} | p ({DECISIVE}) | index CPU s | query CPU ms |",
        "|---|---|" + "---|" * (len(MEASURES) + 3),
    ]
    for result in results:
        figures = " | ".join(f"{result.figures.means[measure]:.3f}" for measure in MEASURES)
        mark = "**" if result is best_of(result.system, results) else ""
        chance = "" if result is ours else f"{compare(ours.figures, result.figures, DECISIVE, test='t').p_value:.1g}"
        lines.append(
            f"| {result.system} | {mark}{result.settings}{mark} | {figures} | {chance} | {result.index_seconds:.0f} | "
            f"{1000 * result.query_seconds:.1f} |"
        )
    return "\n".join(lines) + "\n"


def best_of(system: str, results: Sequence[Result]) -> Result:
    of_system = [result for result in results if result.system == system]
    return max(of_system, key=lambda result: result.figures.means[DECISIVE])


def as_json(result: Result) -> dict[str, Any]:
    return {
        "system": result.system,
        "settings": result.settings,
        "index_seconds": result.index_seconds,
        "query_seconds": result.query_seconds,
        "means": dict(result.figures.means),
        "queries": {measure: dict(values) for measure, values in result.figures.values.items()},
    }


if __name__ == "__main__":
    main()
