"""Which files a folder holds: hidden and ignored ones left out, in a fixed order."""

import math
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest import skip_reasons
from ingest.documents import READING
from ingest.gitignore import IGNORE_FILES, Rules, is_ignored, read_rules
from ingest.maildir import is_mail_folder
from ingest.root import checked_name, printable, resolve_root, rules_above
from ingest.selection import Selection, select
from retrieval.directory.pointer import POINTER as INDEX_FILE
from retrieval.types import DocumentRecord

JSON_SIDECAR = ".meta.json"
SIDECARS = (".meta.yaml", ".meta.yml", JSON_SIDECAR)
"""Behind the whole name of the file that it describes: report.pdf.meta.yaml. Of several the first counts."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """source as in Document; path absolute, a str since a Path takes longer to make than the file to look at; size in
    bytes, mtime_ns and ctime_ns in nanoseconds since the epoch. ctime_ns and inode are 0 where the file system has
    none that stays the same. root is the folder that the path lies in, and no link below it is part of the path; "" for
    a path that the caller vouches for. sidecar is the path of the file beside it that describes it, else ""; read_as
    and given are as in DocumentRecord."""

    source: str
    path: str
    size: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0
    root: str = ""
    sidecar: str = ""
    read_as: str = ""
    given: str = ""


def modified_seconds(file: ScannedFile | DocumentRecord) -> int:
    """Whole seconds since the epoch. Chroma does not give every float back as it was."""
    return file.mtime_ns // 1_000_000_000


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds.

    root     the folder's absolute path.
    name     the first component of every source.
    files    by source, in code point order.
    failed   (source, reason) of what could not be looked at, by source; that of a folder ends in "/", and what is below
             it is unknown rather than gone.
    skipped  (source, reason) of what is there and holds nothing to read, by source.
    """

    root: Path
    name: str
    files: tuple[ScannedFile, ...]
    failed: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...] = ()


def scan(
    folder: Path,
    *,
    name: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    max_bytes: int | None = None,
) -> Scan:
    """The regular files below `folder` that are neither hidden nor ignored, and are asked for. A mailbox's folders are
    not hidden, though their names begin with a dot.

    name              the first part of every source, before the path from there; None takes the folder's own name.
    include, exclude  gitignore patterns, relative to the folder. A file is read if `include` is empty or matches it or
                      a folder above it, and `exclude` does not. What is hidden or ignored stays out in any case.
    max_bytes         larger files fail.

    Ignored is what the IGNORE_FILES say, as git reads them: those in the folder, and those above it in the same git
    repository. (The folder itself is never ignored, since it was asked for.) A folder with an INDEX_FILE is left out.
    A file beside another that has its name and one of SIDECARS behind it describes that one, also where `include` does
    not name it, and is not read for itself. Links to folders are not followed. A link to a file of the folder is read
    where that file is hidden or not included, so that each is read once; all other links are skipped.

    Raises ConfigError where `folder` cannot be listed, is an index, or has no name to cite its files by, for a pattern
    that could not match, and where an ignore file above the folder cannot be read.
    """
    selection = select(include, exclude)
    root = resolve_root(folder)
    source = checked_name(root, name)
    key, rules = rules_above(root)
    top = _Folder(str(root), source, key, rules)
    walk = _Walk(top, selection, math.inf if max_bytes is None else max_bytes)
    walk.run()
    files = sorted(walk.files, key=lambda file: file.source)
    return Scan(root, source, tuple(files), tuple(sorted(walk.failed)), tuple(sorted(walk.skipped)))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be walked.

    key    its path from the root of the git repository; "" or with a "/" at the end.
    rules  those from above it, the farthest first.
    """

    path: str
    source: str
    key: str
    rules: tuple[Rules, ...]


@dataclass(slots=True)
class _Walk:
    """What has been found below the folder `top`.

    own       the paths of all files and folders that were looked at themselves.
    links     (source, path) of those to follow once that is known.
    sidecars  by the source of the file that each describes: its path, and what it is like.
    rules_in  what the ignore files say in each folder that links lead into, or through.
    """

    top: _Folder
    selection: Selection
    max_bytes: float
    files: list[ScannedFile] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    links: list[tuple[str, str]] = field(default_factory=list)
    sidecars: dict[str, tuple[str, os.stat_result]] = field(default_factory=dict)
    rules_in: dict[Path, tuple[Rules, ...]] = field(default_factory=dict)

    def run(self) -> None:
        pending = [self.top]
        while pending:
            pending.extend(self._list(pending.pop()))
        for source, path in self.links:
            self._follow(source, path)
        if self.sidecars:
            self.files = [self._described(file) for file in self.files]

    def _list(self, folder: _Folder) -> Iterator[_Folder]:
        """Takes the files and links in a folder, and gives the folders in it."""
        try:
            with os.scandir(folder.path) as iterator:
                entries = {entry.name: entry for entry in iterator}
        except OSError as error:
            self.failed.append((f"{folder.source}/", skip_reasons.unreadable("it cannot be listed", error)))
            return
        if INDEX_FILE in entries:
            return
        rules = folder.rules
        try:
            if not entries.keys().isdisjoint(IGNORE_FILES):
                rules = (*rules, *read_rules(Path(folder.path), folder.key))
        except OSError as error:
            self.failed.append((f"{folder.source}/", skip_reasons.unknown_rules(error)))
            return
        self.own.add(folder.path)
        for entry in entries.values():
            if entry.name.startswith(".") and not is_mail_folder(Path(entry.path)):
                continue
            try:
                if (described := _described_by(entry, entries)) is not None:
                    self._look_at_sidecar(entry, folder, rules, described, entries)
                    continue
                below = self._look_at(entry, folder, rules)
            except FileNotFoundError:  # it has gone since the folder was listed
                continue
            except OSError as error:
                reason = skip_reasons.unreadable("it cannot be looked at", error)
                self.failed.append((f"{folder.source}/{printable(entry.name)}", reason))
                continue
            if below is not None:
                yield below

    def _look_at(self, entry: os.DirEntry[str], parent: _Folder, rules: tuple[Rules, ...]) -> _Folder | None:
        """Takes a file or link; gives a folder that is to be walked."""
        name, is_folder = entry.name, entry.is_dir(follow_symlinks=False)
        key, source = parent.key + name, f"{parent.source}/{printable(name)}"
        if self._is_left_out(key, rules, is_folder=is_folder) or not self._is_wanted(key, is_folder=is_folder):
            return None
        if not source.endswith(f"/{name}"):
            self.failed.append((f"{source}/" if is_folder else source, skip_reasons.NAME_NOT_UTF8))
        elif is_folder:
            return _Folder(entry.path, source, f"{key}/", rules)
        elif entry.is_symlink():
            self.links.append((source, entry.path))
        else:
            self.own.add(entry.path)
            self._take(source, entry.path, entry.stat(follow_symlinks=False))
        return None

    def _is_left_out(self, key: str, rules: tuple[Rules, ...], *, is_folder: bool) -> bool:
        is_excluded = self.selection.excludes(self._below(key), is_folder=is_folder)
        return is_excluded or is_ignored(key, rules, is_folder=is_folder)

    def _is_wanted(self, key: str, *, is_folder: bool) -> bool:
        """Whether a file is included, or a folder may hold one that is."""
        path = self._below(key)
        return self.selection.may_include_below(path) if is_folder else self.selection.includes(path)

    def _below(self, key: str) -> str:
        """The path from the top, of which the patterns speak."""
        return key[len(self.top.key) :]

    def _look_at_sidecar(
        self,
        entry: os.DirEntry[str],
        parent: _Folder,
        rules: tuple[Rules, ...],
        name: str,
        entries: Mapping[str, os.DirEntry[str]],
    ) -> None:
        """Takes what describes the file of that name, of several the first kind in SIDECARS. Where that file is not
        there, and where another is taken, the text is no document all the same."""
        if self._is_left_out(parent.key + entry.name, rules, is_folder=False):
            return
        described = printable(name)
        first = next(f"{name}{suffix}" for suffix in SIDECARS if f"{name}{suffix}" in entries)
        if not _is_file(name, entries):
            reason = skip_reasons.describes_nothing(described)
        elif first != entry.name:
            reason = skip_reasons.describes_again(described, printable(first))
        else:
            self.sidecars[f"{parent.source}/{described}"] = entry.path, entry.stat(follow_symlinks=False)
            return
        self.skipped.append((f"{parent.source}/{printable(entry.name)}", reason))

    def _described(self, file: ScannedFile) -> ScannedFile:
        """The file with its sidecar, if it has one: another sidecar, or none, means that it is to be read again."""
        if file.source not in self.sidecars:
            return file
        path, status = self.sidecars[file.source]
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return replace(file, sidecar=path, read_as=" ".join([READING, *map(str, stamp)]))

    def _follow(self, source: str, link: str) -> None:
        try:
            target = Path(os.path.realpath(link, strict=True))
            status = target.stat()
        except OSError as error:
            self.failed.append((source, skip_reasons.broken_link(error)))
            return
        if str(target) in self.own:
            there = "/".join([self.top.source, *target.relative_to(self.top.path).parts])
            self.skipped.append((source, skip_reasons.link_to_read(there, is_folder=stat.S_ISDIR(status.st_mode))))
        elif not target.is_relative_to(self.top.path):
            self.skipped.append((source, skip_reasons.LINK_OUT))
        elif stat.S_ISDIR(status.st_mode):
            self.skipped.append((source, skip_reasons.LINK_TO_FOLDER))
        else:
            try:
                is_left_out = self._is_path_left_out(target)
            except OSError as error:
                self.failed.append((source, skip_reasons.unknown_rules(error)))
                return
            if is_left_out:
                self.skipped.append((source, skip_reasons.LINK_TO_IGNORED))
            else:
                self._take(source, str(target), status)

    def _is_path_left_out(self, target: Path) -> bool:
        """Whether a file, or a folder above it, is ignored or excluded; the folders may not have been walked, since
        they are hidden. Raises OSError where an ignore file cannot be read."""
        folder, key, rules = Path(self.top.path), self.top.key, self.top.rules
        *above, name = target.relative_to(folder).parts
        for part in above:
            rules = (*rules, *self._rules_in(folder, key))
            if self._is_left_out(f"{key}{part}", rules, is_folder=True):
                return True
            folder, key = folder / part, f"{key}{part}/"
        rules = (*rules, *self._rules_in(folder, key))
        return self._is_left_out(f"{key}{name}", rules, is_folder=False)

    def _rules_in(self, folder: Path, key: str) -> tuple[Rules, ...]:
        """Read once for all links: a git-annex has one for each file."""
        if folder not in self.rules_in:
            self.rules_in[folder] = tuple(read_rules(folder, key))
        return self.rules_in[folder]

    def _take(self, source: str, path: str, status: os.stat_result) -> None:
        """Notes what is no folder: as a file, or why it is not read."""
        reason = skip_reasons.not_a_file(status.st_mode) or skip_reasons.too_large(status.st_size, self.max_bytes)
        if reason is not None:
            self.failed.append((source, reason))
        elif status.st_size == 0:
            self.skipped.append((source, skip_reasons.EMPTY))
        else:
            self.files.append(
                ScannedFile(
                    source,
                    path,
                    status.st_size,
                    status.st_mtime_ns,
                    ctime_ns=status.st_ctime_ns,
                    inode=status.st_ino,
                    root=self.top.path,
                    read_as=READING,
                )
            )


def _described_by(entry: os.DirEntry[str], entries: Mapping[str, os.DirEntry[str]]) -> str | None:
    """The name of what a sidecar describes; None for another file. JSON that describes no file beside it is data."""
    suffix = next((suffix for suffix in SIDECARS if entry.name.endswith(suffix)), None)
    if suffix is None or not entry.is_file(follow_symlinks=False):
        return None
    name = entry.name.removesuffix(suffix)
    return name if suffix != JSON_SIDECAR or _is_file(name, entries) else None


def _is_file(name: str, entries: Mapping[str, os.DirEntry[str]]) -> bool:
    found = entries.get(name)
    return found is not None and not found.is_dir(follow_symlinks=False)
