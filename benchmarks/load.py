"""How the service holds out: concurrent clients that search a large index while a folder is being synced into it.

    python -m benchmarks.load [--chunks 100000] [--indexes 1] [--clients 16] [--seconds 60] [--no-sync] [--keep DIR]
        [--json FILE]

The index is made up (speed/made_up.py), and then restored from its search files, so that it has a Chroma to write
to. `retrieve serve` runs as a process of its own, with as many copies of the index as asked for; each client asks one
of them after the other, its next question when it has the last answer. The folder is synced into the first index. All
answers are counted by status, and the seconds are those of answers with status 200.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.speed.made_up import WORDS, build_with_chroma, drawn_words, questions, vocabulary

FILES, PARAGRAPHS = 50, 20
QUESTIONS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000, help="of each index")
    parser.add_argument("--indexes", type=int, default=1)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2, help="of the service")
    parser.add_argument("--no-sync", action="store_true", help="search alone, to compare with")
    parser.add_argument("--keep", type=Path, help="where the index is kept for the next run")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        index = writable_index(arguments.keep or Path(temporary), arguments.chunks)
        copies = [Path(temporary) / f"index{number}" for number in range(arguments.indexes)]
        for copy in copies:
            shutil.copytree(index, copy)
        folder = Path(temporary) / "load"
        write_files(folder, seed=0)
        with serving(copies, folder, threads=arguments.threads) as url:
            measured = asyncio.run(measure(url, arguments, folder))
    print_table(measured)
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=2))


def writable_index(place: Path, chunks: int) -> Path:
    """An index of so many made-up chunks with a Chroma of its own."""
    index = place / f"load-{chunks}"
    if not index.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        unfinished = place / f"{index.name}-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        build_with_chroma(unfinished, chunks)
        unfinished.rename(index)
    return index


def write_files(folder: Path, *, seed: int) -> None:
    """Files of made-up words, all of them new."""
    folder.mkdir(exist_ok=True)
    words, random = vocabulary(), np.random.default_rng(seed)
    for number in range(FILES):
        drawn = drawn_words(random, len(words), (PARAGRAPHS, WORDS)).tolist()
        text = "\n\n".join(" ".join(words[word] for word in paragraph) for paragraph in drawn)
        (folder / f"{number}.txt").write_text(text)


@contextmanager
def serving(indexes: Sequence[Path], folder: Path, *, threads: int) -> Iterator[str]:
    """The URL of a service that is ready, in a process of its own; the folder is the first index's."""
    named = [f"--index={index.name}={index}" for index in indexes]
    of_first = folder if len(indexes) == 1 else f"{indexes[0].name}:{folder.name}={folder}"
    options = [*named, "--folder", of_first, "--port", "0", "--threads", str(threads)]
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary) / "log"
        with log.open("w") as out:
            process = subprocess.Popen([sys.executable, "-m", "retrieval.cli", "serve", *options], stderr=out)
        try:
            yield ready(process, log)
        finally:
            process.terminate()
            process.wait()


def ready(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Waits for the address in the log, and for the model."""
    while process.poll() is None:
        lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        messages = [json.loads(line)["message"] for line in lines]
        url = next((message.split()[-1] for message in messages if "listening at" in message), None)
        if url is not None and is_ready(url):
            return str(url)
        time.sleep(0.1)
    raise RuntimeError(f"the service did not start: {log.read_text()}")


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready").status_code == 200
    except httpx.TransportError:
        return False


async def measure(url: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    statuses: Counter[str] = Counter()
    seconds: list[float] = []
    asked = questions(QUESTIONS, seed=1)
    places = [f"/indexes/index{number}" for number in range(arguments.indexes)]
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for place in places:  # the first search opens an index
            answer = await client.post(f"{place}/search", json={"query": asked[0]})
            assert answer.raise_for_status().json()["results"][0]["hits"], "the index is empty"
        generations: set[tuple[str, str]] = set()
        deadline = time.monotonic() + arguments.seconds

        async def ask(number: int) -> None:
            while time.monotonic() < deadline:
                number += 1
                place = places[number % len(places)]
                started = time.perf_counter()
                try:
                    answer = await client.post(f"{place}/search", json={"query": asked[number % QUESTIONS]})
                except httpx.TransportError as error:
                    statuses[type(error).__name__] += 1
                    continue
                statuses[str(answer.status_code)] += 1
                if answer.status_code == 200:
                    seconds.append(time.perf_counter() - started)
                    generations.add((place, answer.json()["generation"]))
                else:
                    await asyncio.sleep(float(answer.headers.get("retry-after", "1")))

        syncing = None if arguments.no_sync else asyncio.create_task(keep_syncing(client, places[0], folder, deadline))
        apart = QUESTIONS // arguments.clients
        await asyncio.gather(*(ask(apart * number) for number in range(arguments.clients)))
        syncs = await syncing if syncing is not None else Counter()
    p50, p95, p99 = (1000 * np.quantile(seconds, (0.5, 0.95, 0.99))).tolist()
    return {
        "indexes": arguments.indexes,
        "chunks of each": arguments.chunks,
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        **{f"status {status}": count for status, count in sorted(statuses.items())},
        "a second": round(len(seconds) / arguments.seconds, 1),
        "p50 ms": round(p50, 1),
        "p95 ms": round(p95, 1),
        "p99 ms": round(p99, 1),
        "slowest ms": round(1000 * max(seconds), 1),
        "generations seen": len(generations),
        **{f"syncs {status}": count for status, count in sorted(syncs.items())},
    }


async def keep_syncing(client: httpx.AsyncClient, place: str, folder: Path, deadline: float) -> "Counter[str]":
    """One sync after the other, each of new files, until the time is over; what became of each."""
    ended: Counter[str] = Counter()
    seed = 0
    while time.monotonic() < deadline:
        job = (await client.post(f"{place}/sync", json={"folder": folder.name})).json()
        while job["finished"] is None and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            job = (await client.get(f"{place}/jobs/{job['id']}")).json()
        ended[job["status"]] += 1
        await asyncio.to_thread(write_files, folder, seed=(seed := seed + 1))
    return ended


def print_table(figures: dict[str, Any]) -> None:
    print(f"| {' | '.join(figures)} |\n|{'---|' * len(figures)}")
    print(f"| {' | '.join(f'{value:,}' for value in figures.values())} |")


if __name__ == "__main__":
    main()
