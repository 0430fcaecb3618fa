"""A process that forks one for each line that it reads: what is done to a damaged index may kill the one doing it.

A line is JSON: `job`, one of those below, `index`, `docs` and `output`. The answer is the exit status, negative for a
signal, and what the job returned: its result, or {"error": ...} for an error of ours. Libraries and the model are
loaded once, and never used before a fork.
"""

import json
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from equality import told_by

from ingest import sync
from ingest.doctor import examine
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.encoders import shared_encoder
from retrieval.errors import RetrievalError


def search(index: str, **_: str) -> Any:
    with HybridIndex.open(index, read_only=True) as opened:
        return [[hit.id, round(hit.score, 6)] for hit in opened.search("boiler serviced", mode="lexical", top_k=20)]


def sync_folder(index: str, docs: str, **_: str) -> Any:
    with HybridIndex.open(index) as opened:
        return sync(docs, opened).as_dict()


def doctor(index: str, **_: str) -> Any:
    return [[finding.what, finding.mended, finding.action] for finding in examine(index)]


def repair(index: str, **_: str) -> Any:
    return [[finding.what, finding.mended, finding.action] for finding in examine(index, repair=True)]


def tell(index: str, output: str, **_: str) -> Any:
    with HybridIndex.open(index, read_only=True) as opened:
        Path(output).write_bytes(pickle.dumps(told_by(opened)))


JOBS: dict[str, Callable[..., Any]] = {job.__name__: job for job in (search, sync_folder, doctor, repair, tell)}


def run(job: str, **given: str) -> dict[str, Any]:
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            try:
                try:
                    result = JOBS[job](**given)
                except RetrievalError as error:
                    result = {"error": str(error)}
                os.write(answer.fileno(), json.dumps(result).encode())
                os._exit(0)
            finally:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
        _, status = os.waitpid(child, 0)
        answer.seek(0)
        return {"status": os.waitstatus_to_exitcode(status), "result": json.loads(answer.read() or "null")}


def main() -> None:
    torch.set_num_threads(1)
    import_module("chromadb.api.rust")
    _held = shared_encoder(Config())  # held, for the processes that are forked
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
