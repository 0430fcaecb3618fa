"""A sync killed with SIGKILL, wherever it was: what was committed is there, and the next sync finishes the work."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import sync
from ingest.doctor import examine
from retrieval import HybridIndex

pytestmark = pytest.mark.slow

SYNC = """
import sys
from ingest import indexer, sync
from retrieval import HybridIndex
indexer._BATCH_CHUNKS = 2
with HybridIndex.open(sys.argv[1]) as index:
    index.embedder
    print("ready", flush=True)
    sync(sys.argv[2], index)
"""


@pytest.mark.parametrize("delay", [0.02, 0.1, 0.3, 0.6, 1.0, 1.5])
def test_nothing_is_lost_and_nothing_is_half(
    open_index: Callable[..., HybridIndex], tmp_path: Path, delay: float
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for n in range(30):
        (docs / f"{n:02}.txt").write_text(f"Document {n} speaks of river {n}.\n\n" + f"It has {n} bridges. " * 60)
    with open_index("index") as index:
        sync(docs, index)
    for n in range(0, 30, 2):
        (docs / f"{n:02}.txt").write_text(f"Document {n} now speaks of mount {n}.\n\n" + f"It has {n} summits. " * 60)
    (docs / "29.txt").unlink()

    process = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(tmp_path / "index"), str(docs)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)  # not for something to happen: to be somewhere else each time
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    with open_index("index", read_only=True) as index:
        for record in index.documents():
            hits = index.search("river mount", 1000, where={"source": record.source})
            versions = {"summits" in hit.text for hit in hits if "summits" in hit.text or "bridges" in hit.text}
            assert len(hits) == len(record.chunk_ids) > 0
            assert len(versions) == 1, "a search returned the old version and the new one together"
    with open_index("index") as index, open_index("fresh") as fresh:
        sync(docs, index)
        sync(docs, fresh)
        ours, theirs = (
            {
                (hit.id, hit.text, hit.line_start, round(hit.lexical_score, 9))
                for hit in each.search("summits bridges", 1000)
            }
            for each in (index, fresh)
        )
        assert ours == theirs
    assert examine(tmp_path / "index") == []
