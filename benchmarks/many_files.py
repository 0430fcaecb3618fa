"""What a sync of ten thousand files costs when hardly anything has changed.

    python -m benchmarks.many_files [--files N] [--runs N]

Each figure is the wall-clock time of a whole `ingest sync` process, the median of several. The files are short made-up
texts; their index is made with the one-layer model of runs.py, which loads no faster than another: nearly all of that
time is the import of torch and sentence-transformers. Only the changed file needs it.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.runs import Timed, timed_sync, tiny_model
from ingest import sync
from retrieval import Config, HybridIndex

WORDS = ("river", "mill", "bridge", "stone", "water", "forest", "hill", "valley", "road", "bread", "rain", "cloud")
FILES_PER_FOLDER = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    runs = arguments.runs
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        docs, index = top / "docs", top / "index"
        write_files(docs, arguments.files)
        model = tiny_model(top / "tiny-model")
        first = timed_sync(docs, index, model)
        print(f"{arguments.files:,} files, {first.report['chunks_added']:,} chunks\n")
        print("| what | s |\n|---|---|")

        def row(what: str, change: Callable[[int], None], model: str = model) -> None:
            def run(number: int) -> Timed:
                change(number)
                return timed_sync(docs, index, model)

            seconds = statistics.median(run(number).seconds for number in range(runs))
            print(f"| {what} | {seconds:.2f} |", flush=True)

        row("nothing changed", lambda number: None)
        row("one file moved", lambda number: move(docs, number))
        row("one file deleted", lambda number: text_file(docs, 100 + number).unlink())
        row("one file changed", lambda number: change(docs, 300 + number))
        seconds = statistics.median(changed_with_loaded_model(docs, index, model, number) for number in range(runs))
        print(f"| one file changed, timed from when the model is loaded | {seconds:.2f} |")


def changed_with_loaded_model(docs: Path, index: Path, model: str, number: int) -> float:
    with HybridIndex.open(index, config=Config(model=model)) as opened:
        assert opened.embedder.dimension
        change(docs, 400 + number)
        report = sync(docs, opened)
        assert report.updated == 1
        return report.seconds


def text_file(docs: Path, number: int) -> Path:
    return docs / f"part{number // FILES_PER_FOLDER:03}" / f"file{number:05}.txt"


def write_files(docs: Path, count: int) -> None:
    for number in range(count):
        file = text_file(docs, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        body = " ".join(WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(80))
        file.write_text(f"Document {number}.\n\n{body}\n", "ascii")


def move(docs: Path, number: int) -> None:
    file = text_file(docs, number)
    file.rename(file.with_name(f"moved{number:05}.txt"))


def change(docs: Path, number: int) -> None:
    with text_file(docs, number).open("a", encoding="ascii") as file:
        file.write(f"A line that was not there, number {number}.\n")


if __name__ == "__main__":
    main()
