"""How fast hybrid-retrieval is, next to what people use, on the same documents, with the same model, in the same run.

    make bench [DOCS=FOLDER] [COLLECTIONS="path ..."] [SIZES=1000,10000,100000]
    python -m benchmarks.speed --peers PYTHON [--only PARTS] [--json FILE] [--plot FILE] [PATH ...]

A path is a collection in BEIR's format, or any folder; without one, the documents are this repository's. The parts:

    embedding   our encoder and its backends, next to sentence-transformers' `encode`
    ingestion   folder -> searchable index, next to LangChain, LlamaIndex and txtai
    shell       commands on an index of 10,000 chunks, kept in .benchmarks/
    chunking    text -> chunks, next to langchain's splitter
    search      searches in made-up indexes of up to a million chunks
    changes     one changed document, for writer, readers and searches, in indexes of the same sizes from 10,000 on
    bm25        our BM25 alone, next to rank_bm25 and bm25s

Each figure is the median of several rounds in which all took their turn, and is given as a ratio too: the median of the
rounds' ratios, since a second is worth what the machine had left for it. Searches and BM25 are timed once, over many
questions. A part that fails costs no other: what was measured is written after each, and the exit status is 1.
"""

import argparse
import json
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.speed import bm25, changes, chunking, embedding, ingestion, search, shell
from benchmarks.speed.documents import read_documents
from benchmarks.speed.plot import draw

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(".benchmarks")
Figures = dict[Any, Any]


class Part(NamedTuple):
    """measure   gives the part's figures, each time that there are more of them."""

    title: str
    measure: Callable[[argparse.Namespace, Sequence[str]], Iterator[Figures]]
    table: Callable[[Figures], str]
    reads_documents: bool = False
    needs_peers: bool = False


PARTS = {
    "embedding": Part(
        "Embedding",
        lambda given, documents: iter([embedding.measure(documents, tokens=given.tokens, runs=given.runs)]),
        embedding.table,
        reads_documents=True,
    ),
    "ingestion": Part(
        "From folder to index",
        lambda given, documents: iter(
            [ingestion.measure(documents, peers=given.peers, tokens=given.tokens, runs=given.ingestion_runs)]
        ),
        ingestion.table,
        reads_documents=True,
        needs_peers=True,
    ),
    "shell": Part("From a shell", lambda given, _: iter([shell.measure(CACHE, runs=given.runs)]), shell.table),
    "chunking": Part(
        "Chunking",
        lambda given, documents: iter([chunking.measure(documents, megabytes=given.megabytes, runs=given.runs)]),
        chunking.table,
        reads_documents=True,
    ),
    "search": Part("Searching", lambda given, _: search.measure(given.sizes, scratch=CACHE), search.table),
    "changes": Part(
        "One changed document",
        lambda given, _: changes.measure(
            [size for size in given.sizes if size >= changes.SMALLEST],
            chroma_sizes=given.chroma_sizes,
            changes=given.changes,
            scratch=CACHE,
        ),
        changes.table,
    ),
    "bm25": Part("BM25 alone", lambda given, _: iter([bm25.measure(peers=given.peers)]), bm25.table, needs_peers=True),
}


def main() -> int:
    arguments = parsed()
    CACHE.mkdir(exist_ok=True)
    reads = any(PARTS[part].reads_documents for part in arguments.only)
    documents = read_documents(arguments.paths, most=arguments.documents) if reads else []
    report: Figures = {"machine": machine(), "failed": {}}
    for part in arguments.only:
        try:
            for figures in PARTS[part].measure(arguments, documents):
                report[part] = figures
                save(report, arguments.json)
        except Exception as error:  # whatever it is, the other parts are worth hours
            traceback.print_exc()
            report["failed"][part] = f"{type(error).__name__}: {error}"
            save(report, arguments.json)
        if part in report:
            print(f"## {PARTS[part].title}\n\n{PARTS[part].table(report[part])}", flush=True)
    if arguments.plot is not None and "search" in report:
        draw(report["search"], arguments.plot)
    for part, reason in report["failed"].items():
        print(f"{part} failed: {reason}", file=sys.stderr)
    return 1 if report["failed"] else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", type=Path, default=[REPOSITORY], metavar="PATH")
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="the interpreter that the peers are installed for")
    parser.add_argument("--only", type=parts, default=list(PARTS), help="parts, separated by commas")
    parser.add_argument("--documents", type=int, metavar="N", help="take N of them, evenly from all")
    parser.add_argument("--tokens", type=int, default=40_000, help="to embed in a run of an encoder (40000)")
    parser.add_argument("--megabytes", type=float, default=5, help="of text to cut, at most (5)")
    parser.add_argument("--runs", type=int, default=5, help="rounds (5)")
    parser.add_argument("--ingestion-runs", type=int, default=3, help="rounds of ingestion, the longest part (3)")
    parser.add_argument(
        "--sizes",
        type=sizes,
        default=[1_000, 10_000, 100_000, 1_000_000],
        help="chunks of the indexes to search, separated by commas (1000,10000,100000,1000000)",
    )
    parser.add_argument(
        "--chroma-sizes",
        type=sizes,
        default=[10_000],
        help="of these, the sizes of those that are also changed with a Chroma, which takes a while to fill (10000)",
    )
    parser.add_argument("--changes", type=int, default=1000, help="documents to change for the mean of many (1000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw latency and build time by size of the corpus")
    arguments = parser.parse_args()
    if arguments.peers is None and any(PARTS[part].needs_peers for part in arguments.only):
        parser.error("ingestion and bm25 need --peers PYTHON; `make bench` installs them")
    if arguments.plot is not None and "search" not in arguments.only:
        parser.error("--plot draws the part search")
    return arguments


def parts(given: str) -> list[str]:
    names = given.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(PARTS)}")
    return names


def sizes(given: str) -> list[int]:
    return sorted(map(int, given.split(",")))


def save(report: Figures, file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(report, indent=1), "utf-8")


def machine() -> dict[str, Any]:
    return {"system": platform.platform(), "processors": os.cpu_count(), "python": platform.python_version()}


if __name__ == "__main__":
    sys.exit(main())
