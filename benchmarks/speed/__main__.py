"""How fast hybrid-retrieval is, next to what people use, on the same documents, with the same model, in the same run.

    make bench [DOCS=FOLDER] [COLLECTIONS="path ..."]
    python benchmarks/speed --peers PYTHON [--only PARTS] [--json FILE] [--plot FILE] [PATH ...]

A path is a collection in BEIR's format, or any folder; without one, the documents are this repository's. The parts:

    embedding   our encoder and its backends, next to sentence-transformers' `encode`
    ingestion   folder -> searchable index, next to LangChain, LlamaIndex and txtai
    shell       commands on an index of 10,000 chunks, kept in .benchmarks/
    chunking    benchmarks/chunking.py: next to langchain's splitter
    search      benchmarks/search_speed.py: searches in made-up indexes; BM25 next to rank_bm25 and bm25s

Each figure is the median of several rounds in which all took their turn, and is given as a ratio too: the median of the
rounds' ratios, since a second is worth what the machine had left for it. Searches are timed once, over many questions.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import embedding
import ingestion
import scripts
import shell
from documents import read_documents
from plot import draw

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(".benchmarks")
_TITLES = {
    "embedding": "Embedding",
    "ingestion": "From folder to index",
    "shell": "From a shell",
    "chunking": "Chunking",
    "search": "Searching",
}
_TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "embedding": embedding.table,
    "ingestion": ingestion.table,
    "shell": shell.table,
    "chunking": scripts.chunking_table,
    "search": scripts.search_table,
}


def main() -> None:
    arguments = parsed()
    report: dict[str, Any] = {"machine": machine()}
    for part in arguments.only:
        figures = report[part] = measured(part, arguments)
        print(f"## {_TITLES[part]}\n\n{_TABLES[part](figures)}", flush=True)
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(report, indent=1), "utf-8")
    if arguments.plot is not None:
        draw(report["search"]["searches"], arguments.plot)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, default=[REPOSITORY], metavar="PATH")
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="the interpreter that the peers are installed for")
    parser.add_argument("--only", type=parts, default=list(_TITLES), help="parts, separated by commas")
    parser.add_argument("--documents", type=int, metavar="N", help="take N of them, evenly from all")
    parser.add_argument("--tokens", type=int, default=40_000, help="to embed in a run of an encoder (40000)")
    parser.add_argument("--runs", type=int, default=5, help="rounds (5)")
    parser.add_argument("--ingestion-runs", type=int, default=3, help="rounds of ingestion, the longest part (3)")
    parser.add_argument("--sizes", default="1000,10000,100000", help="chunks of the indexes to search")
    parser.add_argument("--searches", type=Path, metavar="FILE", help="what search_speed.py --json wrote, instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw latency and build time by size of the corpus")
    arguments = parser.parse_args()
    needs_peers = "ingestion" in arguments.only or ("search" in arguments.only and arguments.searches is None)
    if needs_peers and arguments.peers is None:
        parser.error("ingestion and search need --peers PYTHON; `make bench` installs them")
    if arguments.plot is not None and "search" not in arguments.only:
        parser.error("--plot draws the part search")
    return arguments


def parts(given: str) -> list[str]:
    names = given.split(",")
    if unknown := [name for name in names if name not in _TITLES]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(_TITLES)}")
    return names


def measured(part: str, arguments: argparse.Namespace) -> dict[str, Any]:
    if part == "shell":
        return shell.measure(CACHE, runs=arguments.runs)
    if part == "search":
        if arguments.searches is None:
            return scripts.measure_search(sizes=arguments.sizes, peers=arguments.peers)
        figures: dict[str, Any] = json.loads(arguments.searches.read_text("utf-8"))
        return figures
    documents = read_documents(arguments.paths, most=arguments.documents)
    if part == "embedding":
        return embedding.measure(documents, tokens=arguments.tokens, runs=arguments.runs)
    if part == "ingestion":
        return ingestion.measure(
            documents, peers=arguments.peers, tokens=arguments.tokens, runs=arguments.ingestion_runs
        )
    return scripts.measure_chunking(documents, runs=arguments.runs)


def machine() -> dict[str, Any]:
    return {"system": platform.platform(), "processors": os.cpu_count(), "python": platform.python_version()}


if __name__ == "__main__":
    main()
