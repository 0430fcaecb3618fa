"""How a sync scales with the nodes of a Ray cluster, and where this process, which writes, becomes the limit.

    python -m benchmarks.ray_nodes [--seconds S] [--chunks N] [--nodes N ...] [--milvus]

All nodes are processes of this machine. In place of a model, which they would share the processors for, an encoder
sleeps for so many seconds a passage and makes up vectors of 384 dimensions. A sync is timed from when the workers run.
In the last row the encoder does not sleep: what limits the sync is then reading, writing and committing, and the
parsing that the nodes do on the same processors. With --milvus the index is kept there, in a server that shares them,
too.
"""

import argparse
import os
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ray.cluster_utils import Cluster

from ingest import sync
from ingest.ray_pool import RayPool
from retrieval import HybridIndex
from retrieval.config import Config
from retrieval.types import Vectors

WORDS = ("river", "mill", "bridge", "stone", "water", "forest", "hill", "valley", "road", "bread", "rain", "cloud")
CHUNKS_PER_FILE = 20
DIMENSION = 384
STORE = 80 << 20


class SleepingEncoder:
    """An Encoder that takes `seconds` for a passage and no processor."""

    name, version, dimension, max_seq_length, tokenizer = "sleeping", "1", DIMENSION, 700, None

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._vectors(texts)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        time.sleep(self.seconds * len(texts))
        return self._vectors(texts)

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        seeds = (np.random.default_rng(zlib.crc32(text.encode())) for text in texts)
        return np.array([seed.standard_normal(self.dimension) for seed in seeds], dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.06, help="of a passage; a node embeds two at a time")
    parser.add_argument("--chunks", type=int, default=5120)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--milvus", action="store_true", help="keep the indexes there, and not in Chroma")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
    os.environ |= {"RAY_health_check_timeout_ms": "60000"}  # on a busy machine, living nodes seem dead
    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    print("| nodes | s a passage | chunks | s | chunks/s | share of the first row's s | CPU s of this process |")
    print("|---|---|---|---|---|---|---|")
    first = None
    nodes: list[Any] = []
    with tempfile.TemporaryDirectory() as scratch, storing(Path(scratch), in_milvus=arguments.milvus) as settings:
        docs, few = Path(scratch, "docs"), Path(scratch, "few")
        write_files(docs, arguments.chunks // CHUNKS_PER_FILE)
        write_files(few, 2)
        for count, seconds in [*((count, arguments.seconds) for count in arguments.nodes), (arguments.nodes[-1], 0.0)]:
            while len(nodes) < count:
                nodes.append(cluster.add_node(num_cpus=1, object_store_memory=STORE))
            index, config = Path(scratch, f"index-{count}-{seconds}"), Config(**settings)
            if arguments.milvus:
                config = config.model_copy(update={"store_name": f"index{len(nodes)}_{bool(seconds):d}"})
            chunks, took, cpu = timed(docs, few, index, config, cluster.address, seconds)
            first = first or took
            share = f"{took / first:.2f}" if seconds else ""
            rate = f"{chunks:,} | {took:.1f} | {chunks / took:,.0f}"
            print(f"| {count} | {seconds:g} | {rate} | {share} | {cpu:.1f} |", flush=True)
    cluster.shutdown()


@contextmanager
def storing(directory: Path, *, in_milvus: bool) -> Iterator[dict[str, Any]]:
    """Settings that say where indexes are kept."""
    if not in_milvus:
        yield {}
        return
    from tests.milvus_server import MilvusProcess

    server = MilvusProcess(directory / "milvus")
    server.start()
    try:
        yield {"store": "milvus", "store_uri": server.uri}
    finally:
        server.kill()


def timed(docs: Path, few: Path, index: Path, config: Config, address: str, seconds: float) -> tuple[int, float, float]:
    """Chunks, and the seconds and processor seconds that they took."""
    with (
        HybridIndex.open(index, config=config, encoder=SleepingEncoder(seconds)) as opened,
        RayPool(address, opened) as pool,
    ):
        sync(few, opened, pool=pool)  # until the workers run
        before = cpu_seconds()
        report = sync(docs, opened, pool=pool)
        assert report.chunks_added, report
        return report.chunks_added, report.seconds, cpu_seconds() - before


def cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def write_files(folder: Path, files: int) -> None:
    """Of paragraphs of 90 words, each under a heading: a chunk each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(files):
        parts = [f"# {number} {part}\n\n{' '.join(rng.choice(WORDS, 90))}." for part in range(CHUNKS_PER_FILE)]
        (folder / f"{number}.md").write_text("\n\n".join(parts))


if __name__ == "__main__":
    main()
