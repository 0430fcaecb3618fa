"""An index in one file: whole, or an error that says what is wrong with it."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ingest import add
from ingest.doctor import examine
from ingest.snapshot_cli import app
from retrieval import Document, HybridIndex
from retrieval.backup.archive import restore, save
from retrieval.backup.sealed_tar import AlteredError, read_members, write_members
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.errors import (
    ConfigError,
    IndexDamagedError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    RetrievalError,
)
from retrieval.search_hits import SearchHit
from retrieval.segments.manifest import Entry, Manifest, manifest_path
from tests.ingesting import rebuild, sync

Open = Callable[..., HybridIndex]

MEMO = Document("memo", "The boiler was serviced.", metadata={"team": "house", "tags": ["warm", "wet"]})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, its index, which also has an added document, and an archive of that."""
    top = tmp_path_factory.mktemp("made")
    (top / "docs").mkdir()
    (top / "docs" / "rain.md").write_text("# Rain\n\n" + "Rain falls when vapour condenses.\n\n" * 60)
    (top / "docs" / "bread.txt").write_text("Bread rises because yeast eats sugar.")
    (top / "docs" / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    with HybridIndex.open(top / "index") as index:
        sync(top / "docs", index)
        add([MEMO], index)
        assert save(index, top / "index.tar").documents == 3, "one cannot be read"
    return top


@pytest.fixture
def docs(made: Path) -> Path:
    return made / "docs"


@pytest.fixture
def saved(made: Path, tmp_path: Path) -> Path:
    """An archive of tmp_path / "index", where that lies too."""
    shutil.copytree(made / "index", tmp_path / "index")
    return Path(shutil.copy(made / "index.tar", tmp_path))


def told(index: HybridIndex) -> tuple[list[SearchHit], object, object]:
    return index.search("rain and bread in the boiler", 1000), index.documents(), index.folders()


def roughly(index: HybridIndex) -> tuple[object, ...]:
    """As `told`, but for the last digits of scores, which follow the order of rows."""
    hits = sorted(index.search("rain and bread in the boiler", 1000), key=lambda hit: hit.id)
    found = [(hit.id, hit.text, round(hit.dense_score or 0, 5), round(hit.lexical_score, 9)) for hit in hits]
    return found, index.documents(), index.folders()


def everything(path: Path) -> dict[str, bytes]:
    files = (file for file in path.rglob("*") if file.is_file() and not file.name.startswith("writer."))
    return {str(file): file.read_bytes() for file in files}


def means(path: Path) -> np.ndarray:
    store = Store.open(IndexDirectory(path).chroma, Config())
    found = store._documents.get(include=["embeddings"])
    store.close()
    return np.array(sorted(zip(found["ids"], np.asarray(found["embeddings"]).tolist(), strict=True)), dtype=object)


def test_what_is_restored_is_what_was_saved(open_index: Open, saved: Path, docs: Path, tmp_path: Path) -> None:
    with open_index() as index:
        before = told(index)
    restored = restore(saved, tmp_path / "new")
    assert (restored.documents, restored.replaced, restored.size) == (3, False, saved.stat().st_size)
    with open_index("new") as index:
        assert told(index) == before, "ids, scores or records differ"
        report = sync(docs, index)
        assert (report.unchanged, report.tokens_embedded, len(report.failed)) == (2, 0, 1)
        assert add([MEMO], index).unchanged == 1
        for mode in ("dense", "lexical"):
            [hit] = index.search("boiler", mode=mode, where={"tags": {"$contains": "wet"}})
            assert (hit.source, hit.metadata) == ("memo", MEMO.metadata)
        assert index.delete(["memo"]).documents == 1
    assert examine(tmp_path / "new") == []


@pytest.mark.slow
def test_chroma_is_restored_with_all_it_had(open_index: Open, saved: Path, tmp_path: Path) -> None:
    restore(saved, tmp_path / "new")
    np.testing.assert_array_equal(means(tmp_path / "new")[:, 0], means(tmp_path / "index")[:, 0])
    ours, theirs = (np.stack(means(tmp_path / name)[:, 1]) for name in ("new", "index"))
    np.testing.assert_allclose(ours.astype(float), theirs.astype(float), atol=1e-6)
    with open_index("new") as index:
        before = roughly(index)
    shutil.rmtree(tmp_path / "new" / "segments")
    with open_index("new") as index:
        assert roughly(index) == before
    assert rebuild(tmp_path / "new", config=Config(language="none")).added == 3, "what was added from memory is lost"


def test_an_archive_is_a_tar_file_with_checksums(saved: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", saved, "--one-top-level=out"], check=True, cwd=tmp_path)
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_index_that_is_there_is_replaced_while_searches_go_on(
    open_index: Open, saved: Path, tmp_path: Path
) -> None:
    with open_index() as index:
        before = told(index)
    with open_index("other", config=Config(language="none")) as other:
        add([Document("other", "Something else.")], other)
        with pytest.raises(IndexLockedError, match=r"process \d+"):
            restore(saved, tmp_path / "other")
    reader = open_index("other", read_only=True)
    old = told(reader)
    for _ in range(2):
        assert restore(saved, tmp_path / "other").replaced
    assert told(reader) == old
    with open_index("other") as index:
        assert told(index) == before
    assert (
        len(list((tmp_path / "other").glob("chroma*")))
        == len(list((tmp_path / "other" / "generations").iterdir()))
        == 1
    )


@pytest.mark.parametrize("damage", ["pointer", "chroma", "segments", "generations"])
def test_a_damaged_index_can_be_restored_over(
    open_index: Open, saved: Path, docs: Path, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "index"
    with open_index() as index:
        before = told(index)
    if damage == "pointer":
        (path / "retrieval-index.json").write_text("{")
    else:
        shutil.rmtree(path / damage)
    assert restore(saved, path).replaced
    with open_index() as index:
        assert told(index) == before


@pytest.fixture(scope="module")
def small() -> bytes:
    out = io.BytesIO()
    write_members(out, [("a.json", 5, [b"12", b"345"]), ("lexical/b.npy", 600, [bytes(600)]), ("c", 0, [])])
    return out.getvalue()


def _read(data: bytes) -> dict[str, bytes]:
    return {name: b"".join(blocks) for name, _, blocks in read_members(io.BytesIO(data))}


def test_no_bit_of_an_archive_changes_unnoticed(small: bytes) -> None:
    assert _read(small) == {"a.json": b"12345", "lexical/b.npy": bytes(600), "c": b""}
    for at in range(len(small)):
        altered = bytearray(small)
        altered[at] ^= 1 << at % 8
        with pytest.raises(AlteredError):
            _read(bytes(altered))
    for length in range(0, len(small), 100):
        with pytest.raises(AlteredError):
            _read(small[:length])
    with pytest.raises(AlteredError):
        _read(small + b"\0")


def test_a_damaged_archive_is_named_and_nothing_is_changed(saved: Path, open_index: Open, tmp_path: Path) -> None:
    data = bytearray(saved.read_bytes())
    before = everything(tmp_path / "index")
    with tarfile.open(saved) as archive:
        members = {member.name: (member.offset_data, member.size) for member in archive.getmembers()}
    segments = [name for name in members if name.endswith(".segment")]
    assert segments
    for member in ("manifest.json", *segments):
        start, size = members[member]
        for at in (start, start + size // 2, start + size - 1):
            damaged = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
            saved.write_bytes(damaged)
            with pytest.raises(IndexDamagedError, match=member):
                restore(saved, tmp_path / "new")
        for damaged in (data[:start] + bytes([data[start] ^ 4]) + data[start + 1 :], data[: start + 3]):
            saved.write_bytes(damaged)
            for path in (tmp_path / "index", tmp_path / "new"):
                with pytest.raises(IndexDamagedError, match=member):
                    restore(saved, path)
    assert everything(tmp_path / "index") == before
    assert not (tmp_path / "new").exists()


def test_only_what_belongs_to_a_generation_is_written(saved: Path, tmp_path: Path) -> None:
    with saved.open("rb") as file:
        members = [(member, size, [b"".join(blocks)]) for member, size, blocks in read_members(file)]
    assert members[1][0] == "manifest.json"
    manifest = Manifest.parse(members[1][2][0])
    for name in ("../escaped", str(tmp_path / "escaped"), "segments/../../escaped", "retrieval-index.json"):
        replace(manifest, segments=(*manifest.segments, Entry(name))).write(tmp_path)
        listed = manifest_path(tmp_path, manifest.state.generation).read_bytes()
        for second in (members[1], (members[1][0], len(listed), [listed])):
            with saved.open("wb") as out:
                write_members(out, [members[0], second, *members[2:], (name, 4, [b"evil"])])
            with pytest.raises(IndexDamagedError, match=r"escaped|retrieval-index"):
                restore(saved, tmp_path / "new")
    assert not list(tmp_path.rglob("escaped"))


def test_links_are_no_archive(saved: Path, tmp_path: Path) -> None:
    with tarfile.open(saved, "a") as archive:
        link = tarfile.TarInfo(f"{'0' * 32}.segment")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(IndexDamagedError):
        restore(saved, tmp_path / "new")


def test_what_is_no_archive_is_said(saved: Path, tmp_path: Path) -> None:
    text, tar = tmp_path / "text", tmp_path / "other.tar"
    text.write_text("hello")
    with tar.open("wb") as file:
        write_members(file, [("hello", 2, [b"hi"])])
    for wrong in (text, tar, tmp_path / "absent", tmp_path):
        with pytest.raises(RetrievalError, match="archive"):
            restore(wrong, tmp_path / "new")
    with pytest.raises(IndexNotFoundError):
        save(tmp_path / "new", tmp_path / "out.tar")
    with pytest.raises(IndexMismatchError, match="language"):
        restore(saved, tmp_path / "new", config=Config(language="none"))
    assert not (tmp_path / "new").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"index", "index.tar", "text", "other.tar"}


class _Died(BaseException):
    pass


@pytest.mark.parametrize(
    "step",
    [
        "write_pointer",
        *(
            pytest.param(step, marks=pytest.mark.slow)
            for step in ("put_chunks", "put_records", "set_state", "rename", "remove_leftovers")
        ),
    ],
)
def test_dying_while_restoring_leaves_one_index_or_the_other(
    open_index: Open, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As SIGKILL would: what tidies up afterwards does not run."""
    with open_index() as index:
        new = told(index)
        add([Document("late", "A late memo.")], index)
        old = told(index)

    def died(*arguments: object, **keywords: object) -> None:
        raise _Died

    with monkeypatch.context() as patch, pytest.raises(_Died):
        patch.setattr(
            {"rename": Path, "write_pointer": IndexDirectory, "remove_leftovers": IndexDirectory}.get(step, Store),
            step,
            died,
        )
        patch.setattr("retrieval.backup.archive.discard", lambda staged: None)
        restore(saved, tmp_path / "index")
    with open_index() as index:
        assert told(index) == (new if step == "remove_leftovers" else old)
    restore(saved, tmp_path / "index")
    with open_index() as index:
        assert told(index) == new
    left = {path.name.split("-")[0] for path in (tmp_path / "index").iterdir()}
    assert left == {"retrieval", "chroma", "segments", "generations", "writer.json", "writer.lock"}


def test_saving_goes_on_when_a_writer_removes_the_generation(
    open_index: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_index() as writer, open_index() as reader:
        add([MEMO], writer)
        calls: list[str] = []

        def meanwhile(out: object, members: Iterator[object]) -> None:
            add([Document("late", "A late memo.")], writer)
            calls.append("written")
            write_members(out, members)

        monkeypatch.setattr("retrieval.backup.archive.write_members", meanwhile)
        assert save(reader, tmp_path / "one.tar").documents == 1
        read = IndexDirectory.read_pointer
        stale = read(IndexDirectory(writer.path))
        add([Document("later", "A later memo.")], writer)
        answers = [stale]
        monkeypatch.setattr(IndexDirectory, "read_pointer", lambda each: answers.pop() if answers else read(each))
        assert save(reader, tmp_path / "two.tar").documents == 3
    restore(tmp_path / "one.tar", tmp_path / "new")
    with open_index("new") as index:
        assert [record.source for record in index.documents()] == ["memo"]


def test_a_file_that_is_no_archive_is_not_written_over(saved: Path, made: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Mine.")
    with pytest.raises(ConfigError, match=r"notes\.txt is there, and is no archive .* name another file"):
        save(made / "index", notes)
    assert notes.read_text() == "Mine."
    before = saved.read_bytes()
    save(made / "index", saved)
    assert saved.read_bytes() == before


def test_what_was_altered_on_disk_is_not_saved(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add([MEMO], index)
        (segment,) = index.path.glob("segments/*.segment")
        data = bytearray(segment.read_bytes())
        data[data.index(MEMO.text.encode())] ^= 1
        segment.write_bytes(data)
        with pytest.raises(IndexDamagedError, match=rf"{segment.name}.*texts"):
            save(index, tmp_path / "out.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"index"}
    save(tmp_path / "index", tmp_path / "out.tar")  # opening mends it


def test_an_archive_of_another_analyser_is_analysed_anew(open_index: Open, saved: Path, tmp_path: Path) -> None:
    with open_index() as index:
        before = roughly(index)
    with saved.open("rb") as file:
        members = [(name, b"".join(blocks)) for name, _, blocks in read_members(file)]
    manifest = Manifest.parse(dict(members)["manifest.json"])
    fingerprint = json.loads(manifest.state.fingerprint)
    fingerprint["analyzer"]["stemmer"] = "0.0"
    replace(manifest, state=replace(manifest.state, fingerprint=json.dumps(fingerprint))).write(tmp_path)
    aged_manifest = manifest_path(tmp_path, manifest.state.generation).read_bytes()
    aged = [(name, aged_manifest if name == "manifest.json" else data) for name, data in members]
    with saved.open("wb") as file:
        write_members(file, ((name, len(data), [data]) for name, data in aged))
    restore(saved, tmp_path / "new")
    with open_index("new") as index:
        assert roughly(index) == before
        assert index.searcher().reader.fingerprint.analyzer["stemmer"] != "0.0"


@pytest.mark.slow
def test_a_server_takes_an_archive_into_an_empty_database(
    open_index: Open, saved: Path, tmp_path: Path, server_config: Config
) -> None:
    with open_index() as index:
        before = told(index)
    restore(saved, tmp_path / "served", config=server_config)
    assert not list((tmp_path / "served").glob("chroma*"))
    with open_index("served") as index:
        assert told(index) == before
        add([Document("late", "A late memo.")], index)
        changed = roughly(index)
    with pytest.raises(ConfigError, match="not empty"):
        restore(saved, tmp_path / "served")
    with open_index("served") as index:
        assert roughly(index) == changed
    with open_index("elsewhere", config=server_config) as index:
        assert roughly(index) == changed
    assert save(tmp_path / "served", tmp_path / "served.tar").documents == 4


def test_the_command_line_says_what_it_did(saved: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    index, file = str(tmp_path / "index"), str(tmp_path / "out.tar")
    assert run("save", file, "--index", index).startswith("Saved 3 documents, ")
    output = run("restore", file, "--index", index)
    assert output.startswith("Restored 3 documents, ")
    assert output.endswith("in place of the index that was there.\n")
    assert json.loads(run("restore", file, "--index", str(tmp_path / "new"), "--json"))["replaced"] is False


def test_an_archive_is_for_its_owner_alone(open_index: Open, tmp_path: Path) -> None:
    with open_index() as index:
        add([MEMO], index)
        save(index, tmp_path / "index.tar")
    assert (tmp_path / "index.tar").stat().st_mode & 0o077 == 0, "it holds every text of the index"
