"""A process that writes or reads an index in Milvus, for tests that kill it or its server.

    python -m tests.shared_processes ROLE DIRECTORY URI NAME STOP [SEED]

write   for each line that it reads, changes its own documents until the file STOP is there, and answers "stopped".
        Before, it writes a line of JSON for each change: its outcome, and source -> text, null for deleted
read    answers "begun", searches until STOP is there, and answers how many searches, generations, and what was wrong
fork    for each line, JSON of `changes` (source -> text) and `step`, forks a process that makes the changes and dies of
        SIGKILL at that step, counted from 0, null for none; answers which steps came before
"""

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import ingest
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.errors import IndexLockedError, IndexUnusableError
from retrieval.shared_store import lease, statistics
from retrieval.shared_store.engine import Engine
from retrieval.types import Document, Vectors
from tests.embedding_server import DIMENSION, of_words

_TEXT = "river bridge mill stone water wheel gate lock canal boat harvest field corn bread oven baker street"

NOTES = 30
"""Documents of one passage that readers look for."""


class WordEncoder:
    """Vectors that are made up, and the strings that they were made of."""

    name, version, dimension, max_seq_length, tokenizer = "words", "1", DIMENSION, 400, None

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return of_words(texts)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        return of_words(texts)


def opened(directory: str | Path, uri: str, name: str, encoder: WordEncoder | None = None) -> HybridIndex:
    config = Config(store="milvus", store_uri=uri, store_name=name, language="english")
    return HybridIndex.open(directory, config=config, encoder=encoder or WordEncoder())


def some_text(draw: random.Random, source: str) -> str:
    """Of one to a few passages, some of which are as in other texts."""
    parts = [f"Version {draw.randrange(10**9)} of {source}."]
    parts += [" ".join(draw.choices(_TEXT.split(), k=250)) for _ in range(draw.randint(0, 2))]
    if draw.random() < 0.3:
        parts.append("The mill by the river is closed in winter. " * 40)
    return "\n\n".join(parts)


def some_changes(draw: random.Random, sources: Sequence[str]) -> dict[str, str | None]:
    chosen = draw.sample(list(sources), draw.randint(1, min(6, len(sources))))
    return {source: None if draw.random() < 0.25 else some_text(draw, source) for source in chosen}


def make(changes: Mapping[str, str | None], index: HybridIndex) -> None:
    """In two writes, where some documents go and some come."""
    known = {record.source for record in index.documents()}
    if gone := [source for source, text in changes.items() if text is None and source in known]:
        index.delete(gone)
    if come := [Document(source=source, text=text) for source, text in changes.items() if text is not None]:
        ingest.add(come, index)


def write(index: HybridIndex, stop: Path, draw: random.Random, sources: Sequence[str]) -> None:
    for _ in sys.stdin:
        while not stop.exists():
            changes, outcome = some_changes(draw, sources), "acknowledged"
            try:
                make(changes, index)
            except IndexLockedError:
                outcome = "tried"  # the first of two writes may have been made
            except IndexUnusableError:
                outcome = "tried"
                time.sleep(0.2)
            _answer({"outcome": outcome, "changes": changes})
            if draw.random() < 0.5:
                time.sleep(draw.random())  # so that the other has its turn
        _answer("stopped")


def read(index: HybridIndex, stop: Path, draw: random.Random) -> None:
    """The writer gives all documents the same version each time."""
    searches, generations, wrong = 0, set[str](), list[Any]()
    _answer("begun")
    while not stop.exists():
        mode = draw.choice(["dense", "lexical", "hybrid"])
        where = draw.choice([None, {"parity": {"$in": [0, 1]}}, {"parity": {"$ne": 5}}])
        hits = index.search("version of a note", 200, mode=mode, where=where, collapse=False)
        versions = {hit.metadata["version"] for hit in hits}
        written = {hit.text.split()[1] for hit in hits}
        generations |= written
        searches += 1
        sources = {hit.source for hit in hits}
        if len(written) != 1 or written != {str(version) for version in versions} or len(sources) != NOTES:
            wrong.append([mode, where, len(hits), sorted(written)])
    _answer({"searches": searches, "generations": len(generations), "wrong": wrong})


def fork(directory: str, uri: str, name: str) -> None:
    for module in ("pymilvus", "ingest.adding", "ingest.chunking", "ingest.parser_worker", "ingest.splitting"):
        import_module(module)  # once, for all that are forked
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as log:
            child = os.fork()
            if child == 0:
                try:
                    _die_at(request["step"], log.fileno())
                    statistics._DELTAS = 4  # so that counts are folded
                    lease._GAP = lease._SETTLE = 0.03  # no other begins to write meanwhile
                    with opened(directory, uri, name) as index:
                        make(request["changes"], index)
                    os._exit(0)
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            log.seek(0)
            code = os.waitstatus_to_exitcode(status)
            _answer(
                {"died": code == -signal.SIGKILL, "failed": code == 1, "steps": log.read().decode().split("\n")[:-1]}
            )


def _die_at(step: int | None, log: int) -> None:
    """A step is the moment before or after a call that writes."""
    steps = 0

    def on_step(name: str) -> None:
        nonlocal steps
        if threading.current_thread() is not threading.main_thread():
            return
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1
        os.write(log, f"{name}\n".encode())

    def wrapped(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Engine, collection: str, *arguments: Any) -> Any:
            what = f"{real.__name__} {collection.rpartition('_')[2]}"
            on_step(f"before {what}")
            real(self, collection, *arguments)
            on_step(f"after {what}")

        return call

    for name in ("upsert", "delete"):
        setattr(Engine, name, wrapped(getattr(Engine, name)))


def _answer(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    role, directory, uri, name, stop, seed = [*sys.argv[1:], "0"][:6]
    if role == "fork":
        fork(directory, uri, name)
        return
    with opened(directory, uri, name) as index:
        if role == "read":
            read(index, Path(stop), random.Random(int(seed)))
        else:
            write(index, Path(stop), random.Random(int(seed)), own_sources(int(seed)))


def note(number: int, version: int) -> Document:
    """One of the documents that readers look for."""
    text = f"Version {version} of a note, number {number}. {' '.join(_TEXT.split()[number % 7 :])}"
    return Document(source=f"{number}", text=text, metadata={"version": version, "parity": version % 2})


def own_sources(seed: int) -> list[str]:
    return [f"{seed}/{number}" for number in range(15)]


if __name__ == "__main__":
    main()
