"""The pointer: nothing but what was written is ever read, and damage has a way out that works."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import add
from ingest.doctor import examine
from retrieval import Document, HybridIndex
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import POINTER, Pointer, read_pointer, write_pointer
from retrieval.directory.sealed_json import SealError, read_sealed, write_sealed
from retrieval.errors import IndexDamagedError, IndexMismatchError

Open = Callable[..., HybridIndex]

RAIN = Document("rain", "Rain falls from clouds.")

_values = st.dictionaries(
    st.text().filter(lambda name: name != "sha256"),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each), max_leaves=5),
    min_size=1,
)


@pytest.fixture
def path(open_index: Open, tmp_path: Path) -> Path:
    with open_index() as index:
        add([RAIN], index)
    return tmp_path / "index"


def as_version_before(pointer: Pointer) -> str:
    return json.dumps({**asdict(pointer), "format": 2}, indent=1)


@given(_values)
def test_what_is_sealed_is_read_again(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    file = tmp_path_factory.mktemp("sealed") / "file.json"
    write_sealed(file, values)
    assert read_sealed(file) == values
    assert json.loads(file.read_bytes()).keys() == {"sha256", *values}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"[]", b'{"format": 3}', b'{"sha256": 1}', b"1" * 5000]
)
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / POINTER
    file.write_bytes(content)
    with pytest.raises(SealError):
        read_sealed(file)
    with pytest.raises(IndexDamagedError, match="doctor --repair` writes it again"):
        read_pointer(file)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_no_bit_of_the_pointer_changes_unnoticed(path: Path, step: int) -> None:
    """Every bit in the slow run; else one of nearly every byte, and of all eight places."""
    file = path / POINTER
    content = file.read_bytes()
    directory = IndexDirectory(path)
    for place in range(0, 8 * len(content), step):
        at, bit = divmod(place, 8)
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        with pytest.raises(IndexDamagedError, match="doctor --repair` writes it again"):
            directory.read_pointer()
        assert directory.chroma == path / "chroma"


@pytest.mark.parametrize("length", [76, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 1, 200, -1))])
def test_a_pointer_cut_short_is_noticed_and_mended(open_index: Open, path: Path, length: int) -> None:
    content = (path / POINTER).read_bytes()
    (path / POINTER).write_bytes(content[:length])
    with pytest.raises(IndexDamagedError, match="doctor --repair` writes it again"):
        open_index()
    assert all(finding.mended for finding in examine(path, repair=True))
    with open_index() as index:
        assert index.search("rain", mode="lexical")[0].source == "rain"
        assert add([RAIN], index).unchanged == 1


PLACES = [b"sha256", b"format", b"writing", b"generation", b"chunk_size", b": 3"]


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=bytes.decode)
def test_a_flipped_bit_has_a_way_out(open_index: Open, path: Path, place: bytes) -> None:
    content = (path / POINTER).read_bytes()
    at = content.index(place) + len(place) - 1
    (path / POINTER).write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert all(finding.mended for finding in examine(path, repair=True))
    with open_index() as index:
        assert add([RAIN], index).unchanged == 1


def test_the_pointer_of_the_version_before_loses_nothing(open_index: Open, path: Path) -> None:
    directory = IndexDirectory(path)
    before = directory.read_pointer()
    assert before is not None
    (path / POINTER).write_text(as_version_before(before))
    assert directory.read_pointer() == replace(before, generation="", writing=True)
    with open_index() as index:
        assert index.search("rain", mode="lexical")[0].source == "rain"
        assert add([RAIN], index).unchanged == 1
    after = directory.read_pointer()
    assert after is not None
    assert replace(after, generation="") == replace(before, generation="")


@pytest.mark.slow
def test_damage_to_the_pointer_of_the_version_before_is_ours_to_tell(path: Path) -> None:
    """It has no checksum, and so not all is noticed; but nothing else comes out."""
    directory = IndexDirectory(path)
    before = directory.read_pointer()
    assert before is not None
    content = as_version_before(before).encode()
    for at in range(len(content)):
        for bit in range(8):
            (path / POINTER).write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            try:
                directory.read_pointer()
            except (IndexDamagedError, IndexMismatchError) as error:
                assert re.search("doctor --repair|use the version that made it", str(error))


@pytest.mark.parametrize("sealed", [True, False])
def test_another_version_is_no_damage(tmp_path: Path, sealed: bool) -> None:
    file = tmp_path / POINTER
    if sealed:
        write_pointer(file, Pointer(format=4))
    else:
        file.write_text('{"format": 1}')
    with pytest.raises(IndexMismatchError, match=f"has index format {4 if sealed else 1}, this version reads 3"):
        read_pointer(file)
