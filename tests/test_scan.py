"""The folder scan: what it finds, what it leaves out, and that it ignores what git ignores."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.scan import INDEX_FILE, scan
from retrieval.errors import ConfigError


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")


def sources(root: Path, name: str | None = None) -> list[str]:
    return [file.source for file in scan(root, name=name).files]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def test_files_are_named_from_the_folder_on_and_sorted(docs: Path) -> None:
    write(docs, "b.md", "a/c.txt", "a.txt", "a/b/d")
    found = scan(docs)
    assert [file.source for file in found.files] == ["docs/a.txt", "docs/a/b/d", "docs/a/c.txt", "docs/b.md"]
    assert (found.root, found.name, found.failed) == (docs, "docs", ())
    status = (docs / "b.md").stat()
    last = found.files[-1]
    assert (last.path, last.size, last.mtime_ns) == (docs / "b.md", status.st_size, status.st_mtime_ns)


def test_the_name_does_not_depend_on_how_the_folder_is_written(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(docs, "a.md", "sub/b.md")
    monkeypatch.chdir(docs)
    for spelling in (".", "../docs", f"{docs}/", "sub/.."):
        assert sources(Path(spelling)) == ["docs/a.md", "docs/sub/b.md"]
    assert sources(Path(), name="manual") == ["manual/a.md", "manual/sub/b.md"]


def test_a_folder_without_a_usable_name_needs_one(docs: Path) -> None:
    with pytest.raises(ConfigError, match="--name"):
        scan(Path("/"))
    for name in ("", ".", "..", "a/b", "a\0b", "\udcff"):
        with pytest.raises(ConfigError, match="--name"):
            scan(docs, name=name)


def test_what_is_no_folder_of_documents_is_refused(docs: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing is not a folder that exists"):
        scan(docs / "missing")
    write(docs, "file.md")
    with pytest.raises(ConfigError, match=r"file\.md is not a folder"):
        scan(docs / "file.md")
    write(docs, INDEX_FILE)
    with pytest.raises(ConfigError, match="is an index"):
        scan(docs)


def test_an_index_inside_the_folder_is_left_out(docs: Path) -> None:
    write(docs, "a.md", f"my-index/{INDEX_FILE}", "my-index/chroma.sqlite3", "my-index/deep/er.md")
    assert sources(docs) == ["docs/a.md"]


def test_hidden_files_and_folders_are_left_out(docs: Path) -> None:
    write(docs, ".git/config", ".hidden.md", ".github/readme.md", "a/.b/c.md", "a/d.md")
    assert sources(docs) == ["docs/a/d.md"]


def test_only_regular_files_are_files(docs: Path) -> None:
    write(docs, "folder.pdf/inside.txt")
    os.mkfifo(docs / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as unix_socket:
        unix_socket.bind(str(docs / "socket.txt"))
        assert sources(docs) == ["docs/folder.pdf/inside.txt"]
    assert scan(docs).failed == ()


def test_links_are_followed_to_files_inside_only(docs: Path, tmp_path: Path) -> None:
    write(tmp_path, "outside/secret.md", "docs2/secret.md", "docs/real/a.md")
    for link, target in {
        "to-file.md": "real/a.md",
        "to-folder": "real",
        "to-outside.md": "../outside/secret.md",
        "to-outside": "../outside",
        "to-sibling.md": "../docs2/secret.md",  # a sibling whose path begins like the folder's
        "loop": "loop",
        "real/up": "..",
        "dangling.md": "nowhere.md",
    }.items():
        (docs / link).symlink_to(target)
    assert sources(docs) == ["docs/real/a.md", "docs/to-file.md"]
    assert scan(docs).failed == ()


def test_names_that_are_not_utf8_are_reported(docs: Path) -> None:
    write(docs, "ä.md", "ignored/.gitignore")
    (docs / "ignored/.gitignore").write_text("*\n")
    for name in (b"caf\xe9.md", b"r\xe9p", b"ignored/caf\xe9.md", b".caf\xe9.md"):
        path = os.fsencode(docs) + b"/" + name
        if b"." in name:
            Path(os.fsdecode(path)).write_text("x")
        else:
            Path(os.fsdecode(path)).mkdir()
    found = scan(docs)
    assert [file.source for file in found.files] == ["docs/ä.md"]
    assert [source for source, _ in found.failed] == ["docs/caf\\udce9.md", "docs/r\\udce9p/"]
    assert all("UTF-8" in reason for _, reason in found.failed)


def test_a_folder_that_cannot_be_listed_is_reported(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(docs, "a.md", "locked/b.md")
    really_list = os.scandir

    def refuse_locked(path: str) -> object:
        if path.endswith("/locked"):
            raise PermissionError(13, "Permission denied", path)
        return really_list(path)

    monkeypatch.setattr(os, "scandir", refuse_locked)
    found = scan(docs)
    assert [file.source for file in found.files] == ["docs/a.md"]
    assert found.failed == (("docs/locked/", "it cannot be listed: Permission denied"),)


def test_ignored_folders_are_not_walked(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(docs, "a.md", "node_modules/x/y/z.md", "build/b.md", "src/build/c.md")
    (docs / ".gitignore").write_text("node_modules/\n/build\n")
    listed = []
    really_list = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or really_list(path))
    assert sources(docs) == ["docs/a.md", "docs/src/build/c.md"]
    assert not any("node_modules" in path or path.endswith("docs/build") for path in listed)


def test_rules_from_above_hold_inside_a_repository_only(tmp_path: Path) -> None:
    write(tmp_path, "repo/docs/a.log", "repo/docs/a.md", "repo/docs/b.md", "repo/docs/deep/c.md")
    (tmp_path / ".gitignore").write_text("*.md\n")
    (tmp_path / "repo/.gitignore").write_text("*.log\n/docs/b.md\n")
    docs = tmp_path / "repo/docs"
    assert sources(docs / "deep") == ["deep/c.md"]
    assert sources(docs) == ["docs/a.log", "docs/a.md", "docs/b.md", "docs/deep/c.md"]
    (tmp_path / "repo/.git").mkdir()
    assert sources(docs) == ["docs/a.md", "docs/deep/c.md"]


def test_a_folder_that_was_asked_for_is_never_ignored_itself(tmp_path: Path) -> None:
    write(tmp_path, ".git/HEAD", "build/html/a.md")
    (tmp_path / ".gitignore").write_text("build/\n")
    assert sources(tmp_path / "build") == ["build/html/a.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_gitignore_is_reported(docs: Path) -> None:
    write(docs, "a.md", ".gitignore")
    (docs / ".gitignore").chmod(0)
    assert [source for source, _ in scan(docs).failed] == ["docs/.gitignore"]


def test_a_large_folder_costs_one_listing_per_folder(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in range(20):
        (docs / str(folder)).mkdir()
        for file in range(50):
            (docs / str(folder) / f"{file}.md").touch()
    listed = []
    really_list = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or really_list(path))
    assert len(scan(docs).files) == 1000
    assert len(listed) == 21


# What git says is the definition of what is ignored.

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(root: Path, *arguments: str) -> list[str]:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
    output = subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, check=True).stdout
    return sorted(os.fsdecode(name) for name in output.split(b"\0") if name)


def not_ignored_by_git(root: Path) -> list[str]:
    names = git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return [f"repo/{name}" for name in names if not any(part.startswith(".") for part in name.split("/"))]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("git") / "repo"
    root.mkdir()
    git(root, "init", "-q")
    return root


def fill(repository: Path, files: set[str], ignore_files: dict[str, bytes]) -> None:
    for path in repository.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    write(repository, *sorted(files))
    for folder, lines in ignore_files.items():
        if (repository / folder).is_dir():
            (repository / folder / ".gitignore").write_bytes(lines)


TREE = {
    f"{folder}{file}"
    for folder in ("", "a/", "a/b/", "a/a/", "keep/", "a/keep/", "b/a/b/", "ü/")
    for file in ("x", "a.log", "b.md", "[x]", "!x", "#x", "x y", "y ", "ä.md", "aab", "a\\b", "-", "*x", "Z.MD")
}


@needs_git
@pytest.mark.parametrize(
    "ignore_files",
    [
        {"": b"*.log\n!a.log\n"},
        {"": b"*.log\n", "a": b"!a.log\n"},
        {"": b"*.log\n!keep/\n"},  # takes back the folder, not the logs in it
        {"": b"*.log\n", "a": b"!keep/\n!b\n"},
        {"": b"/*\n!/a\n/a/*\n!/a/b\n"},
        {"": b"*\n!*/\n!*.md\n"},
        {"": b"a/**/b\n", "b": b"**/b.md\n"},
        {"": b"**\n!**/\n!x\n"},
        {"": b"\xef\xbb\xbfx\r\n\r\n#x\r\n\\#x\r\n\\!x\r\n"},
        {"": b"y \n"},
        {"": b"y\\ \n"},
        {"": b"[!a-z]*.md\n?.md\n"},
        {"": b"!\n/\n\\[x]\n"},
        {"": b"a**b\na/a**/x\nkeep/**\n"},
        {"": b"a**\n!a\n"},
        {"": b"\\**\n"},
        {"": "ü/\n".encode(), "a": "ä.md".encode()},
        {"a": b"/b\nb/x\n", "a/b": b"!x\n"},
    ],
    ids=repr,
)
def test_ignores_what_git_ignores(repository: Path, ignore_files: dict[str, bytes]) -> None:
    fill(repository, TREE, ignore_files)
    assert sources(repository) == not_ignored_by_git(repository)


NAMES = st.text("ab.-[]!", min_size=1, max_size=3).filter(lambda name: not name.startswith("."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PIECES = st.sampled_from(["a", "b", ".", "-", "é", "*.", "[ab]", "*"])
NAME_PATTERNS = st.lists(PIECES, min_size=1, max_size=3).map("".join).filter(lambda name: "**" not in name)
PATTERNS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/", "**/", "a/"]),
    NAME_PATTERNS,
    st.sampled_from(["", "", "/", "/*", "/**", "/b"]),
)
"""What people write; on malformed patterns pathspec and git differ."""
IGNORE_FILES = st.lists(PATTERNS, max_size=5).map(lambda lines: "\n".join(lines).encode())


@needs_git
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=st.sets(PATHS, min_size=1, max_size=8), data=st.data())
def test_ignores_what_git_ignores_in_any_tree(repository: Path, paths: set[str], data: st.DataObject) -> None:
    files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    folders = sorted({""} | {str(parent) for path in files for parent in Path(path).parents} - {"."})
    fill(repository, files, {folder: data.draw(IGNORE_FILES, label=folder) for folder in folders})
    assert sources(repository) == not_ignored_by_git(repository)
