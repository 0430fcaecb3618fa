"""An index in one file: what searches read, from which all the rest can be made again.

The file is a tar of the newest generation's manifest and segments (sealed_tar.py), with a note of its format first.
They never change, so that saving needs no lock and disturbs nobody. Restoring makes a new Chroma of the segments' rows
beside the index that is there, and then takes its place (directory/staging.py).
"""

import io
import json
import os
import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

from retrieval.backup.restore_chroma import restore_chroma
from retrieval.backup.sealed_tar import AlteredError, read_members, write_members
from retrieval.chroma.store import State, Store
from retrieval.config import Config
from retrieval.directory.disk import explaining_failures
from retrieval.directory.files import private_open, sync_to_disk
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.directory.sealed_json import SealError
from retrieval.directory.staging import adopt, discard, new_staging, stagings
from retrieval.errors import ConfigError, IndexDamagedError, IndexNotFoundError, IndexUnusableError
from retrieval.fingerprint import Fingerprint, remembered_settings
from retrieval.index import HybridIndex
from retrieval.inspection.stats import place_of
from retrieval.segments.manifest import Manifest, manifest_path
from retrieval.segments.pack import Pack
from retrieval.segments.reader import IndexReader

FORMAT = 2

_ABOUT = "archive.json"
_MANIFEST = "manifest.json"
_NAME = re.compile(r"[0-9a-f]{32}\.(segment|pending|deletions)")
"""What the files of segments are called; nothing else is written when restoring."""

_BLOCK = 1 << 20


class Saved(NamedTuple):
    """What is in an archive: documents that searches can return, and chunks. `size` is that of its file, in bytes."""

    documents: int
    chunks: int
    size: int


class Restored(NamedTuple):
    """What was restored, counted as in Saved, and whether it took the place of another index."""

    documents: int
    chunks: int
    size: int
    replaced: bool


def save(index: HybridIndex | Path | str, file: Path | str) -> Saved:
    """Write the newest generation of an index into one file, which takes the place of an archive that is there.

    Others may search and write meanwhile. Raises IndexNotFoundError where nothing was indexed yet, IndexDamagedError
    for search files that were altered since the index was opened, ConfigError where no such file can be or another
    file is there, and as opening.
    """
    if not isinstance(index, HybridIndex):
        with HybridIndex.open(index, read_only=True) as opened:
            return save(opened, file)
    if index.config.store == "milvus":
        raise ConfigError(
            "An index in Milvus has no search files to save; back it up with the server's own tool (milvus-backup), or "
            "sync a local index (store: chroma) and save that."
        )
    file = Path(file)
    if file.is_dir():
        raise ConfigError(f"{file} is a directory; name a file to save to.")
    if not file.parent.is_dir():
        raise ConfigError(f"There is no directory {file.parent} to save to; make it, or name another.")
    if file.is_file() and not _begins_like_an_archive(file):
        raise ConfigError(f"{file} is there, and is no archive that this program has written; name another file.")
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with explaining_failures(file.parent, retry="save"), ExitStack() as held, private_open(part, "xb") as out:
            reader, manifest, files = _hold(index, held)
            documents, chunks = len(reader.searchable), reader.size
            about = {"format": FORMAT, "documents": documents, "chunks": chunks}
            write_members(out, _members(json.dumps(about).encode(), manifest, files))
            size = out.tell()
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    sync_to_disk(file.parent)
    return Saved(documents, chunks, size)


def restore(file: Path | str, path: Path | str, *, config: Config | Path | str | None = None) -> Restored:
    """Make the index in an archive the one at `path`. One that is there is replaced, and stays as it was if anything
    fails; searches that have it open go on reading it.

    config   for a Chroma server to restore into, whose database must be empty; without it, the index gets a Chroma of
             its own, unless one was at `path` that has a server.

    Raises, before anything is done, IndexDamagedError for an archive that was cut or altered, naming the member;
    ConfigError for what is no archive, or a database that is not empty; IndexMismatchError where the index in the
    archive was made with other settings than those of `config`; IndexLockedError.
    """
    file = Path(file)
    about, manifest = _verify(file)
    directory = IndexDirectory(path)
    is_there, server = _look_at(directory)
    remembered = Pointer(fingerprint=manifest.state.fingerprint, chroma=server)
    settings = config if isinstance(config, Config) else Config.load(config, base=remembered_settings(remembered))
    if remembered.fingerprint:
        Fingerprint.from_json(remembered.fingerprint).check_config(settings, index=f"in {file}")
    with explaining_failures(directory.path, retry="restore"), directory.locked():
        for left in stagings(directory, "restore"):
            discard(left)
        staged = new_staging(directory, "restore")
        try:
            reader = _extract(file, manifest, staged, settings)
            _fill_store(staged, settings, reader)
            state = reader.state
            pointer = Pointer(state.generation, fingerprint=state.fingerprint, chroma=settings.server_settings())
            staged.write_pointer(pointer)
            adopt(directory, staged)
        finally:
            discard(staged)
    return Restored(about["documents"], about["chunks"], file.stat().st_size, is_there)


# Saving


def _begins_like_an_archive(file: Path) -> bool:
    """An empty file does as well: nothing is lost with it."""
    with file.open("rb") as opened:
        return opened.read(len(_ABOUT) + 1) in (b"", f"{_ABOUT}\0".encode())


def _hold(index: HybridIndex, held: ExitStack) -> tuple[IndexReader, bytes, dict[str, BinaryIO]]:
    """The newest generation, its manifest, and its open files, which a writer may remove at any moment."""
    directory = IndexDirectory(index.path)
    while True:
        reader = index.searcher().reader.committed
        if not reader.generation:
            raise IndexNotFoundError(f"Nothing was indexed in {directory.path} yet, and so there is nothing to save.")
        with ExitStack() as opened:
            try:
                manifest = manifest_path(directory.generations, reader.generation).read_bytes()
                lost = Manifest.parse(manifest).files.symmetric_difference(reader.files)
                if lost and index.searcher().reader.committed is not reader:
                    continue  # a writer has merged segments
                if lost:
                    raise IndexDamagedError(
                        f"The search file {min(lost)} of documents that await their vectors is damaged; `ingest sync` "
                        "of their folder makes it again."
                    )
                for name in reader.files:
                    _check(Pack(directory.segments / name))
                files: dict[str, BinaryIO] = {
                    name: opened.enter_context((directory.segments / name).open("rb")) for name in sorted(reader.files)
                }
            except (FileNotFoundError, IndexDamagedError) as error:
                if index.searcher().reader.committed is not reader:
                    continue  # a writer has committed since, and removed what that does not need
                raise IndexDamagedError(
                    f"{str(error).rstrip('.')}; `ingest doctor --repair` makes the search files again."
                ) from None
            held.push(opened.pop_all())
            return reader, manifest, files


def _check(pack: Pack) -> None:
    if altered := pack.altered():
        raise IndexDamagedError(f"The search file {pack.path.name} is altered: {', '.join(altered)}.")


def _members(
    about: bytes, manifest: bytes, files: Mapping[str, BinaryIO]
) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    yield _ABOUT, len(about), iter([about])
    yield _MANIFEST, len(manifest), iter([manifest])
    for name, file in files.items():
        yield name, os.fstat(file.fileno()).st_size, iter(partial(file.read, _BLOCK), b"")


# Restoring


def _verify(file: Path) -> tuple[dict[str, int], Manifest]:
    """What the archive says of itself, and the manifest in it, after every byte of the archive was looked at."""
    notes = {_ABOUT: io.BytesIO(), _MANIFEST: io.BytesIO()}
    names = set(_copy(file, notes))
    try:
        about: dict[str, int] = json.loads(notes[_ABOUT].getvalue() or "{}")
        if about.get("format") != FORMAT:
            raise ConfigError(f"{file} is no archive, or one of another version: its format is not {FORMAT}.")
        manifest = Manifest.parse(notes[_MANIFEST].getvalue())
        wrong = names.symmetric_difference((*notes, *manifest.files))
        wrong |= {name for name in manifest.files if not _NAME.fullmatch(name)}
        if manifest.state.fingerprint:
            Fingerprint.from_json(manifest.state.fingerprint)
        int(about["documents"]), int(about["chunks"])
    except (json.JSONDecodeError, SealError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise IndexDamagedError(f"{file} is no archive that `ingest snapshot save` has written ({error}).") from None
    if wrong:
        raise IndexDamagedError(
            f"The archive {file} lacks, or has what it should not have: {', '.join(sorted(wrong))}."
        )
    return about, manifest


def _extract(file: Path, manifest: Manifest, staged: IndexDirectory, config: Config) -> IndexReader:
    """What is in the archive, as a generation of its own: the Chroma that goes with it is a new one."""
    staged.make()
    manifest = replace(manifest, state=replace(manifest.state, generation=uuid.uuid4().hex))
    with ExitStack() as opened:
        _copy(file, {name: opened.enter_context(private_open(staged.segments / name, "wb")) for name in manifest.files})
    manifest.write(staged.generations)
    for directory in (staged.segments, staged.generations):
        for path in (*directory.iterdir(), directory):
            sync_to_disk(path)
    return IndexReader.open(staged.segments, manifest, config)


def _copy(file: Path, targets: Mapping[str, IO[bytes]]) -> list[str]:
    """Copy members to their targets, if they have one, and look at every byte. Returns the names."""
    names = []
    try:
        with file.open("rb") as archive:
            for name, _, blocks in read_members(archive):
                names.append(name)
                for block in blocks:
                    if name in targets:
                        targets[name].write(block)
    except AlteredError as error:
        raise IndexDamagedError(
            f"{file} is damaged, or no archive at all: {error}. Restore from another copy."
        ) from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ConfigError(f"The archive {file} cannot be read: {error.strerror}.") from None
    return names


def _look_at(directory: IndexDirectory) -> tuple[bool, dict[str, Any]]:
    """Whether there is an index, in whatever state, and the Chroma server that it is on."""
    try:
        pointer = directory.read_pointer()
    except IndexUnusableError:
        return True, {}
    return pointer is not None, pointer.chroma if pointer is not None else {}


def _fill_store(staged: IndexDirectory, config: Config, reader: IndexReader) -> None:
    store = Store.open(staged.chroma, config)
    try:
        if store.state() != State() or store.chunk_ids():
            raise ConfigError(
                f"The database {config.chroma_database!r} of {place_of(config.server_settings())} is not empty; name "
                "another chroma_database to restore into."
            )
        restore_chroma(store, reader)
    finally:
        store.close()
