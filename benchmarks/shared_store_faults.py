"""What an index in Milvus loses while its server and its writers are killed, and what its filters and readers see.

    python -m benchmarks.shared_store_faults [--filters N] [--server-kills N] [--rounds N] [--changes N]
        [--change-server-kills N] [--generations N] [--seed S] [--only PART ...]

Needs the extra test-milvus, whose server runs on loopback. Vectors are made up, so that no model is needed. A part ends
with an error where anything is not as it should be: a row, a statistic, a text, a hit.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import ingest
from tests.milvus_server import MilvusProcess
from tests.shared_faults import change_at_random, kill_servers, kill_writers, read_while_written
from tests.shared_filters import check_filters, odd_documents
from tests.shared_processes import opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filters", type=int, default=1000)
    parser.add_argument("--server-kills", type=int, default=10, help="while two processes write")
    parser.add_argument("--rounds", type=int, default=3, help="times that writers are killed at each step")
    parser.add_argument("--changes", type=int, default=200, help="at random, half of them killed")
    parser.add_argument("--change-server-kills", type=int, default=10, help="among these changes")
    parser.add_argument("--generations", type=int, default=100, help="while two processes read")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=["filters", "servers", "writers", "changes", "readers"])
    arguments = parser.parse_args()
    seed = arguments.seed

    def filters(directory: Path, server: MilvusProcess) -> str:
        draw = random.Random(seed)
        with opened(directory / "index", server.uri, "filters") as index:
            ingest.add(odd_documents(draw, 200), index)
            refused, passing = check_filters(index, draw, count=arguments.filters)
        return f"{arguments.filters:,} filters, {passing:,} let something through, {refused} refused, 0 differences"

    def servers(directory: Path, server: MilvusProcess) -> str:
        return _told(kill_servers(directory, server, kills=arguments.server_kills, seed=seed))

    def writers(directory: Path, server: MilvusProcess) -> str:
        rounds = [
            kill_writers(directory, server, steps=count(), most=1000, seed=100 * seed + number)
            for number in range(arguments.rounds)
        ]
        return _told({name: sum(each[name] for each in rounds) for name in sorted({*rounds[0], *rounds[-1]})})

    def changes(directory: Path, server: MilvusProcess) -> str:
        kills = arguments.change_server_kills
        return _told(change_at_random(directory, server, changes=arguments.changes, servers=kills, seed=seed))

    def readers(directory: Path, server: MilvusProcess) -> str:
        answers = read_while_written(directory, server, generations=arguments.generations)
        return "; ".join(
            f"{each['searches']:,} searches saw {each['generations']} generations, {len(each['wrong'])} inconsistent"
            for each in answers
        )

    parts: dict[str, Callable[[Path, MilvusProcess], str]] = {
        "filters": filters, "servers": servers, "writers": writers, "changes": changes, "readers": readers,
    }  # fmt: skip
    for name in arguments.only or parts:
        with tempfile.TemporaryDirectory() as scratch:
            server = MilvusProcess(Path(scratch, "milvus"))
            server.start()
            started = time.monotonic()
            try:
                print(f"{name}: {parts[name](Path(scratch), server)}; {time.monotonic() - started:.0f} s", flush=True)
            finally:
                server.kill()


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))


if __name__ == "__main__":
    main()
