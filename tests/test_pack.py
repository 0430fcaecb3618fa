"""A pack gives back the arrays that were written, and no change to its file goes unnoticed."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from retrieval.errors import IndexDamagedError
from retrieval.segments.pack import Pack, PackWriter

dtypes = st.sampled_from(["<f4", ">f4", "<f8", "|i1", "|u1", "<i4", "<i8", "|S32", "|b1"])
named = st.dictionaries(
    st.text(min_size=1, max_size=9),
    dtypes.flatmap(lambda dtype: arrays(dtype, array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=7))),
    max_size=5,
)
said = st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5), st.lists(st.text())))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pack") / "a.pack"


def write(path: Path, given: dict[str, np.ndarray], about: dict[str, object]) -> None:
    path.unlink(missing_ok=True)
    with PackWriter(path) as pack:
        for name, array in given.items():
            pack.write(name, array)
        pack.finish(about)


def is_noticed(path: Path) -> bool:
    try:
        return bool(Pack(path).altered())
    except IndexDamagedError:
        return True


@given(named, said)
def test_what_is_read_is_what_was_written(path: Path, given: dict[str, np.ndarray], about: dict[str, object]) -> None:
    write(path, given, about)
    pack = Pack(path)
    assert (pack.about, pack.size, pack.altered()) == (about, path.stat().st_size, [])
    assert pack.names("") == list(given)
    for name, array in given.items():
        assert name in pack
        read = pack[name]
        assert (read.shape, read.dtype) == (array.shape, array.dtype.newbyteorder("<"))
        assert read.tobytes() == array.astype(read.dtype).tobytes()
        assert not read.flags.writeable
        assert read.ctypes.data % 64 == 0
    with pytest.raises(KeyError):
        pack["no such name, it is too long"]


@given(arrays("<i4", (23, 3)), st.lists(st.integers(0, 23)))
def test_an_array_may_come_in_blocks(path: Path, array: np.ndarray, cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(array)]
    blocks = [array[start:stop] for start, stop in pairwise(bounds)]
    path.unlink(missing_ok=True)
    with PackWriter(path) as pack:
        pack.write_blocks("array", array.dtype, array.shape, iter(blocks))
        pack.finish({})
    assert (Pack(path)["array"] == array).all()
    assert Pack(path).altered() == []


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("small") / "a.pack"
    write(path, {"a": np.arange(5, dtype="<i4"), "empty": np.empty((0, 3), "<f4"), "b": np.ones(3, "|i1")}, {"x": "y"})
    return path.read_bytes()


def test_no_bit_changes_unnoticed(path: Path, small: bytes) -> None:
    for at in range(len(small)):
        for bit in range(8):
            altered = bytearray(small)
            altered[at] ^= 1 << bit
            path.write_bytes(altered)
            assert is_noticed(path), f"bit {bit} of byte {at}"


def test_nothing_can_be_cut_off_or_added_unnoticed(path: Path, small: bytes) -> None:
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(IndexDamagedError):
            Pack(path)
    for more in (b"\0", small):
        path.write_bytes(small + more)
        assert is_noticed(path)


def test_a_damaged_array_is_named(path: Path, small: bytes) -> None:
    path.write_bytes(small.replace(np.arange(5, dtype="<i4").tobytes(), np.arange(1, 6, dtype="<i4").tobytes()))
    assert Pack(path).altered() == ["a"]


def test_what_is_no_pack_is_said(path: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexDamagedError, match=r"absent\.pack cannot be read: it is missing"):
        Pack(tmp_path / "absent.pack")
    (tmp_path / "empty.pack").touch()
    with pytest.raises(IndexDamagedError, match="it is empty"):
        Pack(tmp_path / "empty.pack")
    with pytest.raises(IndexDamagedError, match="is a directory"):
        Pack(tmp_path)


def test_what_is_not_finished_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not add up"), PackWriter(tmp_path / "wrong.pack") as pack:
        pack.write_blocks("array", "<i4", (5,), [np.zeros(4, "<i4")])
    with pytest.raises(OSError, match="full"), PackWriter(tmp_path / "full.pack") as pack:
        pack.write("array", np.zeros(4))
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_never_written_over(path: Path, small: bytes) -> None:
    path.write_bytes(small)
    with pytest.raises(FileExistsError):
        PackWriter(path)
    assert path.read_bytes() == small
