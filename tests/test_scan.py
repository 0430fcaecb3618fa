"""The folder scan: what it finds, what it leaves out and why, and that it ignores what git ignores."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ingest.maildir import is_mail_folder
from ingest.scan import INDEX_FILE, scan
from ingest.skip_reasons import LINK_TO_IGNORED
from ingest.skipped_kinds import in_words, kinds_of
from retrieval.errors import ConfigError


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")


def sources(root: Path, **choices: Any) -> list[str]:
    return [file.source for file in scan(root, **choices).files]


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
    assert (last.path, last.size, last.mtime_ns) == (str(docs / "b.md"), status.st_size, status.st_mtime_ns)


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


def test_a_hidden_folder_that_cannot_be_looked_at_holds_no_mails(docs: Path) -> None:
    assert not is_mail_folder(docs / f".{'a' * 300}")  # no file system allows so long a name


def test_the_folders_of_a_mailbox_are_not_hidden(docs: Path) -> None:
    write(docs, "cur/1", "new/2", ".Sent/cur/3", ".Archive.2024/cur/4", ".Archive.2024/new/5", ".cache/6")
    write(docs, "alone/.Junk/cur/7", "alone/.Junk/tmp/8", "other/.git/cur/9")
    kept = [".Archive.2024/cur/4", ".Archive.2024/new/5", ".Sent/cur/3", "alone/.Junk/cur/7", "alone/.Junk/tmp/8"]
    assert sources(docs) == [f"docs/{name}" for name in (*kept, "cur/1", "new/2")]
    write(docs, ".gitignore")
    (docs / ".gitignore").write_text(".Archive*\n")
    assert sources(docs)[0] == "docs/.Sent/cur/3"


def test_a_folder_may_be_called_like_a_file(docs: Path) -> None:
    write(docs, "folder.pdf/inside.txt")
    assert sources(docs) == ["docs/folder.pdf/inside.txt"]


def test_any_utf8_name_will_do(docs: Path) -> None:
    names = [
        "two\nlines.md",
        "\n",
        "🌧️.md",
        'say "rain".md',
        "it's.md",
        "back\\slash.md",
        " ",
        "tab\t.md",
        "\x1b[31m.md",
    ]
    write(docs, *names, "more\nlines/a.md")
    found = scan(docs)
    assert [file.source for file in found.files] == sorted(f"docs/{name}" for name in [*names, "more\nlines/a.md"])
    assert found.failed == found.skipped == ()


def test_what_is_no_file_is_reported(docs: Path) -> None:
    write(docs, "a.md", "ignored/a.md")
    (docs / ".gitignore").write_text("ignored/\n*.tmp")
    for name in ("pipe.txt", ".hidden-pipe", "ignored/pipe", "pipe.tmp", "not-asked-for"):
        os.mkfifo(docs / name)
    with socket.socket(socket.AF_UNIX) as unix_socket:
        unix_socket.bind(str(docs / "socket.txt"))
        found = scan(docs, exclude=["not-asked-for"])
    assert [file.source for file in found.files] == ["docs/a.md"]
    assert found.failed == (
        ("docs/pipe.txt", "it is a FIFO, not a file; remove it, or ignore it in .retrievalignore"),
        ("docs/socket.txt", "it is a socket, not a file; remove it, or ignore it in .retrievalignore"),
    )


def test_empty_files_are_skipped(docs: Path) -> None:
    write(docs, "a.md", "sub/.gitignore")
    for name in ("empty.md", "sub/empty", ".hidden", "sub/ignored.log"):
        (docs / name).touch()
    (docs / ".gitignore").write_text("*.log")
    found = scan(docs, max_bytes=100)
    assert [file.source for file in found.files] == ["docs/a.md"]
    assert (found.failed, found.skipped) == ((), (("docs/empty.md", "it is empty"), ("docs/sub/empty", "it is empty")))


def test_files_over_the_limit_fail(docs: Path) -> None:
    for name, size in {"at.txt": 50_000_000, "over.txt": 50_000_001, "far.txt": 1_312_000_000}.items():
        with (docs / name).open("wb") as file:
            file.truncate(size)
    found = scan(docs, max_bytes=50_000_000)
    assert [file.source for file in found.files] == ["docs/at.txt"]
    assert found.failed == (
        ("docs/far.txt", "it has 1,312 MB and the limit is 50 MB: raise max_file_mb, or ignore it in .retrievalignore"),
        ("docs/over.txt", "it has 50.1 MB and the limit is 50 MB: raise max_file_mb, or ignore it in .retrievalignore"),
    )
    assert len(sources(docs)) == 3


def test_a_file_that_goes_while_it_is_looked_at_is_gone(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(docs, "a.md", "b.md")
    really_list = os.scandir

    @contextmanager
    def list_and_delete(path: str) -> Iterator[list[os.DirEntry[str]]]:
        with really_list(path) as entries:
            found = list(entries)
        (docs / "a.md").unlink()
        yield found

    monkeypatch.setattr(os, "scandir", list_and_delete)
    found = scan(docs)
    assert ([file.source for file in found.files], found.failed) == (["docs/b.md"], ())


def link(docs: Path, targets: dict[str, str]) -> None:
    for name, target in targets.items():
        (docs / name).symlink_to(target)


def test_each_file_of_the_folder_is_read_once(docs: Path) -> None:
    """A link stands for a file only where that is not read under its own name."""
    write(docs, "real/a.md", ".hidden/b.md", "drafts/d.md", "notes.org")
    link(
        docs,
        {
            "to-file.md": "real/a.md",
            "to-link.md": "to-file.md",
            "to-hidden.md": ".hidden/b.md",
            "to-other.md": "notes.org",
            "link.log": "drafts/d.md",
            "real/up": "..",
            "to-folder": "real",
        },
    )
    found = scan(docs, include=["*.md"], exclude=["*.log"])
    assert [file.source for file in found.files] == [
        "docs/drafts/d.md", "docs/real/a.md", "docs/to-hidden.md", "docs/to-other.md",
    ]  # fmt: skip
    assert found.files[2].path == str(docs / ".hidden" / "b.md")
    assert found.files[2].size == (docs / ".hidden/b.md").stat().st_size
    assert not found.failed
    there = "it links to a file that is read where it lies; see docs/real/a.md"
    assert found.skipped == (("docs/to-file.md", there), ("docs/to-link.md", there))


def test_links_to_what_is_read_are_of_one_kind(docs: Path) -> None:
    write(docs, "real/a.md", "b.md")
    link(docs, {"1.md": "real/a.md", "2.md": "b.md", "5.md": "1.md", "3": "real", "real/4": ".."})
    found = scan(docs)
    assert dict(found.skipped)["docs/3"].endswith("see docs/real/")
    assert in_words(kinds_of(found.skipped)) == (
        "5 files: 3 .md (links to a file that is read where it lies), "
        "2 without a suffix (links to a folder that is read where it lies)"
    )


@pytest.mark.parametrize(
    ("ignore_file", "pattern", "exclude"),
    [
        (".gitignore", "drafts/", ()),
        (".retrievalignore", "a.md", ()),
        ("drafts/.gitignore", "/.old/*\n", ()),
        ("drafts/.old/.retrievalignore", "*", ()),
        (None, "", ["drafts/"]),
        (None, "", ["a.*"]),
    ],
)
def test_a_link_does_not_bring_in_what_is_ignored(
    docs: Path, ignore_file: str | None, pattern: str, exclude: Sequence[str]
) -> None:
    write(docs, "drafts/.old/a.md", "kept/.old/b.md")
    link(docs, {"link.md": "drafts/.old/a.md", "chain.md": "link.md", "kept.md": "kept/.old/b.md"})
    if ignore_file is not None:
        (docs / ignore_file).write_text(pattern)
    found = scan(docs, exclude=exclude)
    assert [file.source for file in found.files] == ["docs/kept.md"]
    assert found.skipped == tuple((f"docs/{name}", LINK_TO_IGNORED) for name in ("chain.md", "link.md"))


def test_links_out_of_the_folder_are_skipped(docs: Path, tmp_path: Path) -> None:
    write(tmp_path, "outside/secret.md", "docs2/secret.md", "docs/drafts/a.md")
    (docs / ".gitignore").write_text("drafts/")
    link(
        docs,
        {
            "to-file.md": "../outside/secret.md",
            "to-folder": "../outside",
            "to-above": "..",
            "to-device": os.devnull,
            "to-sibling.md": "../docs2/secret.md",  # whose path begins like the folder's
            "to-drafts": "drafts",
            ".hidden-link": "../outside",
        },
    )
    found = scan(docs)
    assert (found.files, found.failed) == ((), ())
    assert [source for source, _ in found.skipped] == [
        "docs/to-above", "docs/to-device", "docs/to-drafts", "docs/to-file.md", "docs/to-folder", "docs/to-sibling.md",
    ]  # fmt: skip
    reasons = dict(found.skipped)
    assert "hidden, ignored" in reasons.pop("docs/to-drafts")
    assert set(reasons.values()) == {"it links to a place outside the folder"}


def test_links_that_lead_nowhere_fail(docs: Path) -> None:
    write(docs, "file.md")
    link(docs, {"dangling.md": "nowhere.md", "through.md": "file.md/x", "loop": "loop", "a": "b", "b": "a"})
    found = scan(docs)
    assert [file.source for file in found.files] == ["docs/file.md"]
    failed = dict(found.failed)
    assert set(failed) == {"docs/a", "docs/b", "docs/dangling.md", "docs/loop", "docs/through.md"}
    assert "links to nothing" in failed["docs/dangling.md"]
    assert "links to nothing" in failed["docs/through.md"]
    assert "links to itself" in failed["docs/loop"]
    assert "links to itself" in failed["docs/a"]


def test_limits_hold_for_what_is_linked_to(docs: Path) -> None:
    write(docs, ".hidden/large.md")
    os.mkfifo(docs / ".hidden/pipe")
    (docs / ".hidden/empty").touch()
    link(docs, {"large.md": ".hidden/large.md", "pipe": ".hidden/pipe", "empty": ".hidden/empty"})
    found = scan(docs, max_bytes=1)
    assert found.files == ()
    assert [source for source, _ in found.failed] == ["docs/large.md", "docs/pipe"]
    assert found.skipped == (("docs/empty", "it is empty"),)


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
    assert found.failed == (
        ("docs/locked/", "it cannot be listed (Permission denied); make it readable, or ignore it in .retrievalignore"),
    )


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


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a file unreadable, even to root."""
    really_read = Path.read_text

    def lock(path: Path) -> None:
        def read(self: Path, *arguments: Any, **options: Any) -> str:
            if self == path:
                raise PermissionError(13, "Permission denied", str(path))
            return really_read(self, *arguments, **options)

        monkeypatch.setattr(Path, "read_text", read)

    return lock


def test_where_it_is_unknown_what_to_ignore_nothing_is_read(docs: Path, locked: Callable[[Path], None]) -> None:
    write(docs, "a.md", "sub/.gitignore", "sub/secret.md", "sub/deep/b.md")
    locked(docs / "sub/.gitignore")
    found = scan(docs)
    assert [file.source for file in found.files] == ["docs/a.md"]
    (failure,) = found.failed
    assert failure[0] == "docs/sub/"
    assert ".gitignore cannot be read (Permission denied)" in failure[1]


def test_an_unreadable_gitignore_above_the_folder_is_refused(tmp_path: Path, locked: Callable[[Path], None]) -> None:
    write(tmp_path, ".git/HEAD", ".gitignore", "docs/a.md")
    locked(tmp_path / ".gitignore")
    with pytest.raises(ConfigError, match=r"\.gitignore cannot be read \(Permission denied\)"):
        scan(tmp_path / "docs")


def test_retrievalignore_has_the_last_word_in_its_folder(docs: Path) -> None:
    write(docs, "a.log", "b.log", "draft.md", "a.md", "sub/a.log", "sub/b.log", "sub/draft.md")
    (docs / ".gitignore").write_text("*.log\n!b.log\n")
    (docs / ".retrievalignore").write_text("!a.log\nb.log\ndraft.md\n")
    (docs / "sub/.gitignore").write_text("a.log\n!draft.md\n")
    assert sources(docs) == ["docs/a.log", "docs/a.md", "docs/sub/draft.md"]
    assert sources(docs / "sub") == ["sub/b.log", "sub/draft.md"]
    (docs / ".git").mkdir()
    assert sources(docs / "sub") == ["sub/draft.md"]


def test_retrievalignore_cannot_take_back_what_lies_in_an_ignored_folder(docs: Path) -> None:
    """git's own rule about parents; nor does it bring hidden files back."""
    write(docs, "build/notes.md", "dist/notes.md", "dist/a.js", ".hidden.md")
    (docs / ".gitignore").write_text("build/\n/dist/*\n")
    (docs / ".retrievalignore").write_text("!build/notes.md\n!dist/notes.md\n!.hidden.md\n")
    assert sources(docs) == ["docs/dist/notes.md"]


def test_include_chooses_files(docs: Path) -> None:
    write(docs, "a.md", "a.txt", "guide/b.md", "guide/b.txt", "guide/deep/c.txt", "other/guide/d.txt", "ignored.md")
    (docs / ".gitignore").write_text("ignored.md")
    assert sources(docs, include=["*.md"]) == ["docs/a.md", "docs/guide/b.md"]
    assert sources(docs, include=["/*.md", "*.js"]) == ["docs/a.md"]
    assert sources(docs, include=["guide/**"]) == ["docs/guide/b.md", "docs/guide/b.txt", "docs/guide/deep/c.txt"]
    assert sources(docs, include=["/guide/"]) == sources(docs, include=["guide/**"])
    assert sources(docs, include=["guide/"]) == [*sources(docs, include=["guide/**"]), "docs/other/guide/d.txt"]
    assert sources(docs, include=["guide/", "!deep/", "c.txt"]) == sources(docs, include=["guide/"])
    assert sources(docs, include=["*", "!*.txt"]) == sources(docs, include=["*.md"])
    assert sources(docs, include=["ignored.md", ".gitignore"]) == []


def test_exclude_wins(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(docs, "a.md", "b.md", "a.log", "build/c.md", "sub/build/d.md")
    (docs / ".gitignore").write_text("*.log\n!a.log\n")
    assert sources(docs, include=["*.md"], exclude=["b.md", "/build/"]) == ["docs/a.md", "docs/sub/build/d.md"]
    assert sources(docs, exclude=["*.log", "build", "!/build"]) == ["docs/a.md", "docs/b.md", "docs/build/c.md"]
    assert sources(docs, exclude=["build/", "!build/c.md"]) == ["docs/a.log", "docs/a.md", "docs/b.md"]
    listed = []
    really_list = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or really_list(path))
    sources(docs, exclude=["build"])
    assert not any(path.endswith("build") for path in listed)


@pytest.mark.parametrize("pattern", ["", "  ", "/", "# note", "!", "[z-a]", "\\", "a\nb"])
def test_what_is_no_pattern_is_refused(docs: Path, pattern: str) -> None:
    for setting in ("include", "exclude"):
        with pytest.raises(ConfigError, match=re.escape(f"{setting}: {pattern!r} is not a gitignore pattern")):
            sources(docs, **{setting: ["*.md", pattern]})


def test_what_would_choose_nothing_is_refused(docs: Path) -> None:
    for pattern in ("./guide", "../docs/a.md", "!./guide", "guide/../a.md", ".."):
        with pytest.raises(ConfigError, match=r"matches nothing: patterns start at the folder"):
            sources(docs, include=[pattern])
    with pytest.raises(ConfigError, match=r"include has only !a, !b"):
        sources(docs, include=["!a", "!b"])
    with pytest.raises(ConfigError, match=r"include is a list of patterns; write \['\*\.md'\]"):
        sources(docs, include="*.md")


def test_a_large_folder_costs_one_listing_per_folder(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in range(20):
        (docs / str(folder)).mkdir()
        for file in range(50):
            (docs / str(folder) / f"{file}.md").write_text("text")
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


def fill(
    repository: Path, files: set[str], ignore_files: dict[str, bytes], retrieval_files: dict[str, bytes] | None = None
) -> None:
    for path in repository.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    write(repository, *sorted(files))
    for name, contents in {".gitignore": ignore_files, ".retrievalignore": retrieval_files or {}}.items():
        for folder, lines in contents.items():
            if (repository / folder).is_dir():
                (repository / folder / name).write_bytes(lines)


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
        {"": b"x\n!**/*\n"},  # takes back what is in a folder that it takes back
        {"": b"*\n!**/a\n!/**/b\n!b.md\n"},
        {"": b"a/**/\n!/**/*\n"},
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


NAMES = st.text("ab.-[]!\n", min_size=1, max_size=3).filter(lambda name: not name.startswith("."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PIECES = st.sampled_from(["a", "b", ".", "-", "é", "*.", "[ab]", "*"])
NAME_PATTERNS = st.lists(PIECES, min_size=1, max_size=3).map("".join).filter(lambda name: "**" not in name)
PATTERNS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/", "**/", "a/", "/**/", "a/**/"]),
    NAME_PATTERNS,
    st.sampled_from(["", "", "/", "/*", "/**", "/b", "/**/b", "/**/*"]),
)
"""What people write; on malformed patterns pathspec and git differ."""
LINES = st.lists(PATTERNS, max_size=5)
CHOICES = st.lists(PATTERNS.filter(lambda line: not {".", ".."} & set(line.removeprefix("!").split("/"))), max_size=5)
IGNORE_FILES = LINES.map(lambda lines: "\n".join(lines).encode())


@st.composite
def trees(draw: st.DrawFn) -> tuple[set[str], list[str]]:
    """Files, and the folders that they lie in."""
    paths = draw(st.sets(PATHS, min_size=1, max_size=8))
    files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    return files, sorted({""} | {str(parent) for path in files for parent in Path(path).parents} - {"."})


in_any_tree = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@needs_git
@in_any_tree
@given(tree=trees(), data=st.data())
def test_ignores_what_git_ignores_in_any_tree(
    repository: Path, tree: tuple[set[str], list[str]], data: st.DataObject
) -> None:
    files, folders = tree
    fill(repository, files, {folder: data.draw(IGNORE_FILES, label=folder) for folder in folders})
    assert sources(repository) == not_ignored_by_git(repository)


@needs_git
@in_any_tree
@given(tree=trees(), data=st.data())
def test_retrievalignore_is_as_if_its_lines_came_last_in_gitignore(
    repository: Path, tree: tuple[set[str], list[str]], data: st.DataObject
) -> None:
    files, folders = tree
    first, second = ({folder: data.draw(IGNORE_FILES, label=folder) for folder in folders} for _ in range(2))
    fill(repository, files, first, second)
    read = sources(repository)
    fill(repository, files, {folder: first[folder] + b"\n" + second[folder] for folder in folders})
    assert read == not_ignored_by_git(repository)


@needs_git
@in_any_tree
@given(tree=trees(), patterns=CHOICES, ignored=IGNORE_FILES)
def test_exclude_is_as_another_gitignore_that_must_agree(
    repository: Path, tree: tuple[set[str], list[str]], patterns: list[str], ignored: bytes
) -> None:
    files, _ = tree
    fill(repository, files, {"": "\n".join(patterns).encode()})
    not_excluded = not_ignored_by_git(repository)
    fill(repository, files, {"": ignored})
    assert set(sources(repository, exclude=patterns)) == set(sources(repository)) & set(not_excluded)


@in_any_tree
@given(tree=trees(), patterns=CHOICES, ignored=IGNORE_FILES)
def test_include_chooses_among_what_is_read_and_exclude_removes_that(
    tmp_path: Path, tree: tuple[set[str], list[str]], patterns: list[str], ignored: bytes
) -> None:
    assume(any(not pattern.startswith("!") for pattern in patterns))
    shutil.rmtree(tmp_path)
    write(tmp_path, *tree[0])
    (tmp_path / ".gitignore").write_bytes(ignored)
    everything, included = set(sources(tmp_path)), set(sources(tmp_path, include=patterns))
    excluded = everything - set(sources(tmp_path, exclude=patterns))
    assert included <= everything
    assert sources(tmp_path, include=patterns, exclude=patterns) == []
    assert included <= excluded
    if not any(pattern.startswith("!") for pattern in patterns):
        assert included == excluded
