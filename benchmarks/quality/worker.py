"""One system's part, in the Python environment that it lives in: index the documents, ask the questions.

    python -m benchmarks.quality.worker TASK OUTCOME      both are JSON files; __main__.py starts it so

Seconds are the processor's, of all threads together, so that other work on the machine does not count.
"""

import importlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.quality.system import Adapter, Document, Ranking, System


def main() -> None:
    task_file, outcome_file = map(Path, sys.argv[1:])
    task = json.loads(task_file.read_text("utf-8"))
    adapter: Adapter = importlib.import_module(f"benchmarks.quality.{task['module']}").ADAPTER
    documents = [Document(*document) for document in task["documents"]]
    results = []
    for variant in adapter.variants:
        with tempfile.TemporaryDirectory() as scratch:
            system = adapter.make(variant, model=task["model"], scratch=Path(scratch), k=task["depth"])
            started = time.process_time()
            system.index(documents)
            seconds = time.process_time() - started
            for setting in system.settings:
                run, per_query = answers(system, task["queries"], task["depth"], setting)
                results.append(
                    {"variant": variant, "setting": setting, "index_seconds": seconds, "query_seconds": per_query}
                    | {"run": run}
                )
    versions = {package: version(package) for package in adapter.packages}
    outcome_file.write_text(json.dumps({"versions": versions, "results": results}), "utf-8")


def answers(system: System, queries: Mapping[str, str], depth: int, setting: str) -> tuple[dict[str, Ranking], float]:
    """Query id -> its documents, and the median seconds that a question took, asked one at a time."""
    run: dict[str, Ranking] = {}
    seconds = []
    for query, text in queries.items():
        started = time.process_time()
        found: list[tuple[Any, Any]] = system.search(text, depth, setting=setting)
        seconds.append(time.process_time() - started)
        run[query] = [(str(document), float(score)) for document, score in found]
    return run, statistics.median(seconds)


if __name__ == "__main__":
    main()
