"""Damage to an embedded Chroma is found by a process of its own, and takes down nobody else."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.chroma.health import check, open_checked
from retrieval.chroma.seal import is_as_sealed, seal, unseal
from retrieval.chroma.store import State, Store
from retrieval.config import Config
from retrieval.directory.sealed_json import read_sealed
from retrieval.errors import IndexDamagedError, IndexUnusableError
from retrieval.types import Chunk, DocumentRecord, Vectors, digest, document_id

DOCUMENTS = 1_100
DIMENSION = 16
"""More rows in both collections than Chroma keeps in its log before it writes a graph."""


def vectors_of(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def chunk_of(number: int) -> Chunk:
    return Chunk(
        id=digest(str(number)), document_id=document_id(f"docs/{number}"), source=f"docs/{number}",
        text=f"Paragraph number {number}.", ordinal=0, char_start=0, char_end=9, line_start=1, line_end=1, page=None,
        page_end=None, tokens=5, headings=(), title=None, metadata={},
    )  # fmt: skip


def fill(store: Store, numbers: range) -> None:
    chunks = [chunk_of(number) for number in numbers]
    store.put_chunks(chunks, vectors_of(len(chunks), 1), {})
    begun = [DocumentRecord.begun(chunk.source, folder="docs", content_hash="x") for chunk in chunks]
    records = [replace(record, chunk_ids=(chunk.id,)) for record, chunk in zip(begun, chunks, strict=True)]
    store.put_records(records, vectors_of(len(records), 2))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made") / "chroma"
    store = Store.open(directory, Config())
    fill(store, range(DOCUMENTS))
    store.set_state(State("0" * 32))
    store.close()
    return directory


@pytest.fixture
def chroma(made: Path, tmp_path: Path) -> Path:
    """A copy, with the times of its files."""
    return shutil.copytree(made, tmp_path / "chroma")


def flip(file: Path, at: float) -> None:
    content = bytearray(file.read_bytes())
    content[min(int(at * len(content)), len(content) - 1)] ^= 0xFF
    file.write_bytes(content)


def zero_the_middle(file: Path) -> None:
    content = file.read_bytes()
    third = len(content) // 3
    file.write_bytes(content[:third] + bytes(len(content) - 2 * third) + content[-third:])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "first byte": lambda file: flip(file, 0),
    "middle byte": lambda file: flip(file, 0.5),
    "last byte": lambda file: flip(file, 1),
    "zeroed": zero_the_middle,
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "emptied": lambda file: file.write_bytes(b""),
    "deleted": Path.unlink,
}
FILES = ["data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin", "chroma.sqlite3"]

USED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_chroma_health import DOCUMENTS, fill
from retrieval.chroma.health import open_checked
from retrieval.config import Config
from retrieval.errors import IndexUnusableError

try:
    store = open_checked(Path(sys.argv[2]), Config(), is_settled=True)
    fill(store, range(DOCUMENTS, 2 * DOCUMENTS))
    ids = store.chunk_ids()
    fill(store, range(500))
    store.delete_chunks(ids[:100])
    assert sum(len(chunks) for chunks, _ in store.read_chunks(ids)) > DOCUMENTS
    store.close()
except IndexUnusableError as error:
    sys.exit(0 if "ingest doctor --repair" in str(error) else str(error))
"""


def use(chroma: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", USED, str(Path(__file__).parent), str(chroma)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_whole_chroma_is_found_whole(chroma: Path) -> None:
    """And left with the same rows and vectors."""

    def told() -> list[tuple[list[Chunk], bytes]]:
        store = Store.open(chroma, Config())
        found = [(chunks, vectors.tobytes()) for chunks, vectors in store.read_chunks(sorted(store.chunk_ids()))]
        store.close()
        return found

    before = told()
    assert check(chroma) is None
    assert told() == before


@pytest.mark.parametrize("hurt", ["middle byte", "cut", "deleted"])
@pytest.mark.parametrize("name", ["data_level0.bin", "header.bin"])
def test_damage_to_a_graph_is_told_before_it_does_harm(chroma: Path, name: str, hurt: str) -> None:
    DAMAGE[hurt](next(chroma.glob(f"*/{name}")))
    with pytest.raises(IndexDamagedError, match=rf"is damaged: {name}.*; `ingest doctor --repair` makes it again"):
        open_checked(chroma, Config(), is_settled=True)


@pytest.mark.slow
@pytest.mark.parametrize("hurt", DAMAGE)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("which", [0, 1])
def test_no_damage_takes_a_process_down(chroma: Path, name: str, hurt: str, which: int) -> None:
    """What is not told does no harm: it is in a number that Chroma does not use, or in a vector or a text."""
    file = sorted(chroma.rglob(name))[which if name != "chroma.sqlite3" else 0]
    DAMAGE[hurt](file)
    used = use(chroma)
    assert used.returncode == 0, used.stderr


def test_the_seal_holds_until_chroma_is_used(chroma: Path) -> None:
    assert is_as_sealed(chroma)
    store = open_checked(chroma, Config(), is_settled=True)
    assert not is_as_sealed(chroma)
    fill(store, range(5))
    store.seal()
    assert is_as_sealed(chroma)
    fill(store, range(5, 10))
    assert not is_as_sealed(chroma)
    store.close()
    assert is_as_sealed(chroma)


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 5, 150, DOCUMENTS])
def test_a_chroma_that_was_closed_is_as_sealed(tmp_path: Path, count: int) -> None:
    for _ in range(2):
        store = open_checked(tmp_path / "chroma", Config(), is_settled=True)
        if count:
            fill(store, range(count))
        store.close()
        assert is_as_sealed(tmp_path / "chroma")


@pytest.mark.parametrize("hurt", DAMAGE)
def test_no_damage_leaves_the_seal_whole(chroma: Path, hurt: str) -> None:
    DAMAGE[hurt](next(chroma.rglob("seal.json")))
    assert not is_as_sealed(chroma)
    seal(chroma)
    DAMAGE[hurt](next(chroma.rglob("link_lists.bin")))
    assert not is_as_sealed(chroma)


def test_what_was_opened_without_a_check_is_not_sealed(chroma: Path) -> None:
    unseal(chroma)
    Store.open(chroma, Config()).close()
    assert not is_as_sealed(chroma)


def test_an_unsettled_write_asks_for_a_check(chroma: Path) -> None:
    """Here as everywhere in this file, a change that the seal would not tell."""
    flip(next(chroma.glob("*/data_level0.bin")), 0.5)
    seal(chroma)
    with pytest.raises(IndexDamagedError, match=r"data_level0.bin"):
        open_checked(chroma, Config(), is_settled=False)


def test_a_check_that_does_not_end_is_an_answer(chroma: Path) -> None:
    assert check(chroma, seconds=0.01) == "Chroma does not come to an end within 0 s"


def test_a_failed_call_names_a_way_out(chroma: Path) -> None:
    store = open_checked(chroma, Config(), is_settled=True)
    with pytest.raises(IndexUnusableError, match=r"Chroma failed to upsert: .*; `ingest doctor --repair` finds out"):
        store.put_chunks([chunk_of(1)], np.ones((1, DIMENSION + 1), np.float32), {})
    store.close()
    assert not is_as_sealed(chroma)


@pytest.mark.slow
def test_a_panic_of_the_core_is_an_error_of_ours(chroma: Path) -> None:
    """As the last byte of the database gives it, in some layouts: there it is no UTF-8."""
    database = chroma / "chroma.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE collections SET config_json_str = CAST(x'ff' AS TEXT)")
    with pytest.raises(IndexUnusableError, match="`ingest doctor --repair`"):
        Store.open(chroma, Config())
    assert check(chroma) is not None


def test_the_seal_is_a_sealed_file(chroma: Path) -> None:
    assert "chroma.sqlite3" in read_sealed(chroma / "seal.json")["files"]
