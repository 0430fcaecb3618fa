"""Watching a folder: what tells of a change, what does not, and that nothing falls between."""

import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.watch import changes, settled
from retrieval.errors import ConfigError

QUIET_MS = 100
SECONDS = 30


class Watching:
    """Takes what `changes` gives in a thread of its own, so that a test that waits in vain fails."""

    def __init__(self, folder: Path, index: Path) -> None:
        self.stop = threading.Event()
        self._changes = changes(folder, index=index, stop=self.stop, debounce_ms=QUIET_MS)
        self._taken: queue.SimpleQueue[set[Path] | Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            for paths in self._changes:
                self._taken.put(paths)
            self._taken.put(None)
        except ConfigError as error:
            self._taken.put(error)

    def next(self) -> set[Path] | Exception | None:
        return self._taken.get(timeout=SECONDS)

    def until(self, path: Path) -> set[Path]:
        """All paths up to and with this one."""
        found: set[Path] = set()
        while path not in found:
            paths = self.next()
            assert isinstance(paths, set), paths
            found |= paths
        return found

    def end(self) -> None:
        self.stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


Watch = Callable[[], Watching]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "old.md").write_text("old")
    return folder


@pytest.fixture
def index(docs: Path) -> Path:
    path = docs / "my-index"
    path.mkdir()
    return path


@pytest.fixture
def watch(docs: Path, index: Path) -> Iterator[Watch]:
    """Starts to watch."""
    started: list[Watching] = []

    def start() -> Watching:
        started.append(Watching(docs, index))
        return started[-1]

    yield start
    for watching in started:
        watching.end()


def create(docs: Path) -> Path:
    (docs / "new.md").write_text("new")
    return docs / "new.md"


def change(docs: Path) -> Path:
    with (docs / "old.md").open("a") as file:
        file.write("er")
    return docs / "old.md"


def delete(docs: Path) -> Path:
    (docs / "old.md").unlink()
    return docs / "old.md"


def rename(docs: Path) -> Path:
    (docs / "old.md").rename(docs / "sub" / "renamed.md")
    return docs / "sub" / "renamed.md"


def replace(docs: Path) -> Path:
    """As editors save."""
    (docs / ".old.md.swp").write_text("newer")
    (docs / ".old.md.swp").rename(docs / "old.md")
    return docs / "old.md"


def move_in(docs: Path) -> Path:
    outside = docs.parent / "outside"
    outside.mkdir()
    (outside / "a.md").write_text("a")
    outside.rename(docs / "inside")
    return docs / "inside"


def move_out(docs: Path) -> Path:
    (docs / "sub").rename(docs.parent / "elsewhere")
    return docs / "sub"


def ignore(docs: Path) -> Path:
    (docs / ".gitignore").write_text("*.log")
    return docs / ".gitignore"


def ignore_below(docs: Path) -> Path:
    (docs / "sub" / ".retrievalignore").write_text("*.log")
    return docs / "sub" / ".retrievalignore"


def allow(docs: Path) -> Path:
    (docs / "sub").chmod(0o700)
    return docs / "sub"


def make_a_mail_folder(docs: Path) -> Path:
    for name in ("new", "cur"):
        (docs / ".Sent" / name).mkdir(parents=True)
    return docs / ".Sent"


@pytest.mark.parametrize(
    "act",
    [create, change, delete, rename, replace, move_in, move_out, ignore, ignore_below, allow, make_a_mail_folder],
)
def test_what_matters_is_told_of(docs: Path, watch: Watch, act: Callable[[Path], Path]) -> None:
    watching = watch()
    watching.until(act(docs))


@pytest.mark.slow
def test_a_folder_is_watched_as_soon_as_it_is_there(docs: Path, watch: Watch) -> None:
    watching = watch()
    (docs / "new" / "deep").mkdir(parents=True)
    watching.until(docs / "new")
    (docs / "new" / "deep" / "a.md").write_text("a")
    watching.until(docs / "new" / "deep" / "a.md")
    (docs / "new").rename(docs / "newer")
    watching.until(docs / "newer")
    (docs / "newer" / "deep" / "b.md").write_text("b")
    watching.until(docs / "newer" / "deep" / "b.md")


def test_hidden_things_and_the_index_do_not_count(docs: Path, index: Path, watch: Watch, tmp_path: Path) -> None:
    (docs / ".git").mkdir()
    (tmp_path / "outside").mkdir()
    (docs / "link").symlink_to(tmp_path / "outside")
    watching = watch()
    for path in (index / "a.md", index / "deep" / "b.md", docs / ".git" / "HEAD", docs / ".hidden" / "c.md"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
    (docs / "sub" / ".draft.md.swp").write_text("text")
    (docs / ".git" / ".gitignore").write_text("*")
    (tmp_path / "outside" / "d.md").write_text("text")
    shutil.rmtree(index)
    index.mkdir()
    os.utime(docs / ".hidden")
    (docs / "seen.md").write_text("text")
    assert watching.next() == {docs / "seen.md"}


def test_reading_changes_nothing(docs: Path, watch: Watch) -> None:
    watching = watch()
    (docs / "old.md").read_bytes()
    list((docs / "sub").iterdir())
    (docs / "seen.md").write_text("text")
    assert watching.next() == {docs / "seen.md"}


@pytest.mark.slow
def test_nothing_is_missed_while_the_caller_is_busy(docs: Path, index: Path) -> None:
    stop = threading.Event()
    waits = changes(docs, index=index, stop=stop, debounce_ms=QUIET_MS)
    try:
        for name in ("before-the-first-wait", "between-two", "between-two/in-it"):
            (docs / name).mkdir()
            assert any(docs / name in paths for paths in waits)
    finally:
        stop.set()
    assert next(waits, None) is None


def test_stop_ends_it_at_once(docs: Path, index: Path, watch: Watch) -> None:
    watching = watch()
    watching.end()
    assert watching.next() is None
    assert list(changes(docs, index=index, stop=watching.stop)) == []


def test_a_name_that_is_no_utf8_is_a_change_like_any(docs: Path, watch: Watch) -> None:
    """A sync reports it; it must not end the watch."""
    watching = watch()
    (docs / os.fsdecode(b"caf\xe9.md")).write_text("text")
    assert watching.next()
    (docs / os.fsdecode(b"r\xe9p")).mkdir()
    assert watching.next()
    create(docs)
    watching.until(docs / "new.md")


def test_a_folder_that_is_gone_ends_it(docs: Path, watch: Watch) -> None:
    watching = watch()
    shutil.rmtree(docs)
    result = watching.next()
    while isinstance(result, set):
        result = watching.next()
    assert isinstance(result, ConfigError)
    assert "is not a folder that exists" in str(result)
    with pytest.raises(ConfigError, match="is not a folder that exists"):
        changes(docs, index=docs / "my-index")


def test_limits_of_the_system_are_named(docs: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import watchfiles

    def refuse(*paths: Path, **_: object) -> Iterator[object]:
        raise OSError("OS file watch limit reached.")
        yield

    monkeypatch.setattr(watchfiles, "watch", refuse)
    with pytest.raises(ConfigError, match=r"watch limit reached.*max_user_watches"):
        changes(docs, index=index)


A, B = Path("a"), Path("b")


def test_changes_are_told_of_once_it_is_quiet() -> None:
    ticks = iter([(0.0, set[Path]()), (5.0, {A}), (5.5, {B}), (6.4, set()), (6.5, set()), (9.0, {A})])
    assert settled(ticks, quiet=1.0) == {A, B}
    assert list(ticks) == [(9.0, {A})]


def test_changes_without_end_are_told_of_in_the_end() -> None:
    ticks = ((tick / 2, {A}) for tick in range(1000))
    assert settled(ticks, quiet=1.0) == {A}
    assert next(ticks)[0] == 10.5


def test_what_changed_at_the_end_counts() -> None:
    assert settled([(0.0, {A}), (0.1, {B})], quiet=1.0) == {A, B}
    assert settled([(0.0, set()), (9.0, set())], quiet=1.0) == set()
