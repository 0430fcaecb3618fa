"""An index directory in which something is missing, foreign, or not to be written: refused in a line, nothing lost."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import add
from ingest.doctor import examine
from retrieval import Document, HybridIndex
from retrieval.backup.archive import restore, save
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.disk import explaining_failures
from retrieval.directory.index_directory import IndexDirectory
from retrieval.errors import ConfigError, IndexDamagedError, IndexUnusableError

Open = Callable[..., HybridIndex]

RAIN = Document("rain", "Rain falls from clouds.")
SNOW = Document("snow", "Snow is frozen rain.")


@pytest.fixture
def path(open_index: Open, tmp_path: Path) -> Path:
    with open_index() as index:
        add([RAIN], index)
    return tmp_path / "index"


def write(index: HybridIndex) -> object:
    return add([SNOW], index)


def look(index: HybridIndex) -> object:
    return index.documents()


@pytest.mark.parametrize("what", ["chroma", "chroma/chroma.sqlite3"])
@pytest.mark.parametrize("act", [write, look])
def test_a_chroma_that_is_gone_is_never_made_anew(
    open_index: Open, path: Path, what: str, act: Callable[[HybridIndex], object]
) -> None:
    """Searches that need no Chroma go on, and what needs it is refused; the doctor makes it of search files alone."""
    shutil.rmtree(path / what) if (path / what).is_dir() else (path / what).unlink()
    if act is look:
        shutil.rmtree(path / "segments")
        shutil.rmtree(path / "generations")
    else:
        with open_index() as index:
            assert index.search("rain", mode="lexical")[0].source == "rain"
    way_out = (
        "and --repair makes a new Chroma" if act is write else "restore it from a backup, or remove .* and sync again"
    )
    with pytest.raises(IndexDamagedError, match=f"index/chroma, .*has no Chroma database.*{way_out}"):
        act(open_index())
    assert not (path / what).exists()
    if act is look:
        with pytest.raises(IndexDamagedError, match="has no Chroma database"):
            examine(path, repair=True)
        assert not (path / what).exists()
    else:
        assert all(finding.mended for finding in examine(path, repair=True))
        with open_index() as index:
            assert add([RAIN], index).unchanged == 1


def test_search_files_are_enough_to_make_chroma_again(open_index: Open, path: Path, tmp_path: Path) -> None:
    shutil.rmtree(path / "chroma")
    save(path, tmp_path / "saved.tar")
    restore(tmp_path / "saved.tar", path)
    assert examine(path) == []
    with open_index() as index:
        assert add([RAIN], index).unchanged == 1


def test_an_emptied_chroma_without_search_files_is_no_empty_index(open_index: Open, path: Path) -> None:
    shutil.rmtree(path / "chroma")
    shutil.rmtree(path / "segments")
    Store.open(path / "chroma", Config()).close()
    with pytest.raises(IndexDamagedError, match="and its search files are damaged; `ingest doctor` says what"):
        open_index().documents()


def test_a_restore_leaves_a_folder_of_other_files_alone(path: Path, tmp_path: Path) -> None:
    save(path, tmp_path / "saved.tar")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mine.txt").write_text("Mine.")
    with pytest.raises(
        ConfigError, match=r"docs is no index and holds other things \(mine.txt\); name a new directory"
    ):
        restore(tmp_path / "saved.tar", tmp_path / "docs")
    assert [file.name for file in (tmp_path / "docs").iterdir()] == ["mine.txt"]


def test_a_place_to_save_to_must_be_there(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no directory \S+/nowhere to save to; make it"):
        save(path, tmp_path / "nowhere" / "saved.tar")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.EACCES, "permission denied; ask for the right to write there, or name another directory, then try"),
        (errno.EPERM, "operation not permitted; make it writable, or name another directory, then try"),
        (errno.EROFS, "read-only file system; see to the disk, or name another directory, then try"),
    ],
)
def test_a_directory_that_may_not_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    def refuse(path: Path, *rest: object, **options: object) -> None:
        raise OSError(code, "whatever", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(IndexUnusableError, match=f"^{tmp_path}/new cannot be written: {says} again.$"):
        IndexDirectory(tmp_path / "new").lock()


def test_what_the_system_says_of_other_things_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), explaining_failures(tmp_path):
        (tmp_path / "nothing").read_bytes()
