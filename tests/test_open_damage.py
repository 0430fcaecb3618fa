"""Search files that are damaged while an index is open: nobody dies of it, and damage is not copied."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import add
from retrieval import Document, HybridIndex
from retrieval.errors import IndexDamagedError, IndexLockedError
from retrieval.segments.live_segment import LiveSegment
from retrieval.segments.segment import Segment
from retrieval.segments.write_segment import merge_segments

Open = Callable[..., HybridIndex]

MEMOS = [Document(f"memo-{n}", f"Boiler {n} was serviced in May.") for n in range(60)]


def segments(path: Path) -> list[Path]:
    return sorted(path.glob("segments/*.segment"), key=lambda file: -file.stat().st_size)


def test_a_reader_whose_file_loses_its_end_reads_what_is_made_again(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add(MEMOS, index)
    reader = open_index(read_only=True)
    before = [hit.id for hit in reader.search("boiler 7", mode="lexical")]
    (file,) = segments(tmp_path / "index")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    for _ in range(2):
        assert [hit.id for hit in reader.search("boiler 7", mode="lexical")] == before


def test_a_reader_that_cannot_make_it_again_says_so_each_time(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add(MEMOS, index)
        reader = open_index(read_only=True)
        reader.search("boiler", mode="lexical")
        (file,) = segments(tmp_path / "index")
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
        for _ in range(2):  # the other one holds the lock
            with pytest.raises(IndexLockedError):
                reader.search("boiler", mode="lexical")
        assert index.search("boiler", mode="lexical"), "the one that holds the lock makes it again"
    assert reader.search("boiler", mode="lexical")


WRITES_ON = """
import sys
from pathlib import Path
from ingest import add
from retrieval import Document, HybridIndex
path = Path(sys.argv[1])
with HybridIndex.open(path) as index:
    add([Document(f"memo-{n}", f"Boiler {n} was serviced.") for n in range(200)], index)
    file = max(path.glob("segments/*.segment"), key=lambda file: file.stat().st_size)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    add([Document("late", "A late memo.")], index)
    assert index.search("late memo", mode="lexical")[0].source == "late"
    assert len(index.documents()) == 201
"""


@pytest.mark.slow
def test_a_writer_whose_file_loses_its_end_goes_on(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", WRITES_ON, tmp_path / "index"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_merge_copies_no_damage(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add(MEMOS, index)
    (file,) = segments(tmp_path / "index")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(IndexDamagedError, match="altered"):
        merge_segments(tmp_path, [LiveSegment(Segment(file))])
    assert list(tmp_path.glob("*.segment")) == []
