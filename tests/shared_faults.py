"""What holds of an index in Milvus while its server and its writers are killed, and while others read it."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import ingest
from retrieval import HybridIndex
from retrieval.shared_store.reader import SharedReader
from retrieval.types import Chunk, Document
from tests.milvus_server import MilvusProcess
from tests.shared_indexes import check_whole
from tests.shared_processes import NOTES, WordEncoder, note, opened, own_sources, some_changes

_REPOSITORY = Path(__file__).parent.parent
_SOURCES = (*own_sources(1), *own_sources(2))


class Answering(NamedTuple):
    """A process of tests.shared_processes."""

    process: "subprocess.Popen[str]"

    def ask(self, request: object) -> None:
        stdin = cast(IO[str], self.process.stdin)
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()

    def answer(self) -> Any:
        return json.loads(cast(IO[str], self.process.stdout).readline())


class Texts:
    """By source: the texts that a document may have, None for no document; several where changes were not acknowledged.

    tried   the text of the last change, acknowledged or not
    """

    def __init__(self) -> None:
        self.allowed: dict[str, set[str | None]] = {source: {None} for source in _SOURCES}
        self.tried: dict[str, str | None] = {}

    def note(self, changes: dict[str, str | None], *, acknowledged: bool) -> None:
        self.tried |= changes
        for source, text in changes.items():
            self.allowed[source] = {text} if acknowledged else {*self.allowed[source], text}

    def check(self, index: HybridIndex) -> None:
        """Rows are those of the ledger, statistics those of a recount, and every document has a text that it may."""
        check_whole(index)
        searcher = index.searcher()
        present = {record.source: searcher.chunks(record.source) for record in searcher.searchable()}
        for source, texts in self.allowed.items():
            found = [text for text in texts if _is_of(present.get(source, []), text)]
            assert len(found) == 1, (source, texts, present.get(source))
            self.allowed[source] = set(found)
        assert present.keys() <= self.allowed.keys()
        ids = {chunk.id for chunks in present.values() for chunk in chunks}
        assert {hit.id for hit in index.search("mill", 1000, mode="dense", collapse=False)} == ids
        lexical = index.search("version of", 1000, mode="lexical", collapse=False)
        assert {hit.source for hit in lexical} >= present.keys()

    def write_again(self, index: HybridIndex, encoder: WordEncoder) -> Counter[str]:
        """Write what was tried. Returns how many strings were embedded and stored, and how many of them were both."""
        engine = cast(SharedReader, index.searcher().reader).engine
        rows = engine.where(engine.chunks, "born > 0", ("text",)) if engine.has_rows() else ()
        stored = {row["text"] for row in rows}
        encoder.embedded.clear()
        come = [Document(source=source, text=text) for source, text in self.tried.items() if text is not None]
        report = ingest.add(come, index)
        assert not report.failed
        self.note({document.source: document.text for document in come}, acknowledged=True)
        again = [text for text in encoder.embedded if text.removeprefix("passage: ") in stored]
        return Counter({"stored": len(stored), "embedded": len(encoder.embedded), "embedded again": len(again)})


def kill_servers(directory: Path, server: MilvusProcess, *, kills: int, seed: int = 0) -> Counter[str]:
    """Kill the server while two processes write, and check after each kill."""
    draw, stop, texts, encoder = random.Random(seed), directory / "stop", Texts(), WordEncoder()
    done: Counter[str] = Counter()
    name = f"servers_{seed}"
    with ExitStack() as stack:
        index = stack.enter_context(opened(directory / "checks", server.uri, name, encoder))
        writers = [
            stack.enter_context(process("write", directory / f"{number}", server.uri, name, stop, number))
            for number in (1, 2)
        ]
        for _ in range(kills):
            stop.unlink(missing_ok=True)
            for writer in writers:
                writer.ask("go")
            time.sleep(draw.uniform(1.5, 5))  # not for something to happen: to be somewhere else each time
            server.kill()
            server.start()
            time.sleep(draw.uniform(0, 2))
            stop.touch()
            for writer in writers:
                while (answer := writer.answer()) != "stopped":
                    done[answer["outcome"]] += 1
                    texts.note(answer["changes"], acknowledged=answer["outcome"] == "acknowledged")
            texts.check(index)
            done.update(texts.write_again(index, encoder))
            texts.check(index)
    return done


def kill_writers(
    directory: Path, server: MilvusProcess, *, steps: Iterator[int], most: int, seed: int = 0
) -> Counter[str]:
    """Kill writers at these steps, at most so many, until one has no step left; check after each."""
    draw, texts, encoder, done = random.Random(seed), Texts(), WordEncoder(), Counter[str]()
    with (
        opened(directory / f"checks-{seed}", server.uri, f"writers_{seed}", encoder) as index,
        process("fork", directory / f"fork-{seed}", server.uri, f"writers_{seed}", directory) as forks,
    ):
        for step in steps:
            answer = _change(forks, draw, texts, step)
            done["killed" if answer["died"] else "finished"] += 1
            texts.check(index)
            if draw.random() < 0.5:
                done.update(texts.write_again(index, encoder))
                texts.check(index)
            if not answer["died"] or done["killed"] == most:
                break
    return done


def change_at_random(
    directory: Path, server: MilvusProcess, *, changes: int, servers: int = 0, seed: int = 0
) -> Counter[str]:
    """Change documents, kill many a writer and now and then the server; statistics are recounted each time."""
    draw, texts, done = random.Random(seed), Texts(), Counter[str]()
    kills = set(draw.sample(range(1, changes), servers))
    with (
        opened(directory / "checks", server.uri, f"changes_{seed}") as index,
        process("fork", directory / "fork", server.uri, f"changes_{seed}", directory) as forks,
    ):
        for number in range(changes):
            step = draw.randrange(24) if draw.random() < 0.5 else None
            done["killed" if _change(forks, draw, texts, step)["died"] else "finished"] += 1
            if number in kills:
                server.kill()
                server.start()
                done["servers"] += 1
            texts.check(index)
    return done


def read_while_written(
    directory: Path, server: MilvusProcess, *, generations: int, readers: int = 2
) -> list[dict[str, Any]]:
    """What readers in other processes say of searches while all documents change at once, again and again."""
    stop = directory / "stop-reading"
    with ExitStack() as stack:
        index = stack.enter_context(opened(directory / "checks", server.uri, "read"))
        ingest.add([note(number, 0) for number in range(NOTES)], index)
        reading = [
            stack.enter_context(process("read", directory / f"reader-{seed}", server.uri, "read", stop, seed))
            for seed in range(readers)
        ]
        for each in reading:
            assert each.answer() == "begun"
        for version in range(1, generations + 1):
            ingest.add([note(number, version) for number in range(NOTES)], index)
        stop.touch()
        answers = [each.answer() for each in reading]
        check_whole(index)
    return answers


@contextmanager
def process(role: str, directory: Path, uri: str, name: str, stop: Path, seed: int = 0) -> Iterator[Answering]:
    arguments = [role, str(directory), uri, name, str(stop), str(seed)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.shared_processes", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_REPOSITORY,
    ) as begun:
        try:
            yield Answering(begun)
        finally:
            begun.kill()


def _change(forks: Answering, draw: random.Random, texts: Texts, step: int | None) -> dict[str, Any]:
    changes = some_changes(draw, _SOURCES)
    forks.ask({"changes": changes, "step": step})
    answer: dict[str, Any] = forks.answer()
    assert not answer["failed"], (changes, answer)
    texts.note(changes, acknowledged=not answer["died"])
    return answer


def _is_of(chunks: Sequence[Chunk], text: str | None) -> bool:
    """Whether these are all passages of a text, and of it alone."""
    if text is None or not chunks:
        return text is None and not chunks
    covered = {at for chunk in chunks for at in range(chunk.char_start, chunk.char_end)}
    return all(text[chunk.char_start : chunk.char_end] == chunk.text for chunk in chunks) and all(
        at in covered or letter.isspace() for at, letter in enumerate(text)
    )
