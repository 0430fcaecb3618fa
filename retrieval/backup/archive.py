"""An index in one file: what searches read, from which all the rest can be made again.

The file is a tar of the current snapshot (sealed_tar.py), with a note of its format first. A snapshot never
changes, so that saving needs no lock and disturbs nobody. Restoring makes a new Chroma of the snapshot's rows beside
the index that is there, and then takes its place (directory/staging.py).
"""

import io
import json
import os
import re
import secrets
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np

from retrieval.backup.restore_chroma import restore_chroma
from retrieval.backup.sealed_tar import AlteredError, read_members, write_members
from retrieval.chroma.store import State, Store
from retrieval.config import Config
from retrieval.directory.disk import explaining_failures
from retrieval.directory.files import sync_to_disk
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.directory.staging import adopt, discard, new_staging, stagings
from retrieval.errors import ConfigError, IndexDamagedError, IndexNotFoundError, IndexUnusableError
from retrieval.fingerprint import Fingerprint
from retrieval.index import HybridIndex, remembered_settings
from retrieval.inspection.stats import place_of
from retrieval.npy import load_array
from retrieval.segments.snapshot import MANIFEST, Snapshot

FORMAT = 1

_ABOUT = "archive.json"
_NAME = re.compile(r"(lexical/)?[a-z_]+(\.[a-z]+){1,2}")
"""What a snapshot's files are called; nothing else is written when restoring."""

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
    """Write the last published generation of an index into one file, which takes the place of one that is there.

    Others may search and write meanwhile. Raises IndexNotFoundError where nothing was indexed yet, IndexDamagedError
    for search files that were altered since the index was opened, ConfigError where no such file can be, and as
    opening.
    """
    if not isinstance(index, HybridIndex):
        with HybridIndex.open(index, read_only=True) as opened:
            return save(opened, file)
    file = Path(file)
    if file.is_dir():
        raise ConfigError(f"{file} is a directory; name a file to save to.")
    if not file.parent.is_dir():
        raise ConfigError(f"There is no directory {file.parent} to save to; make it, or name another.")
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with explaining_failures(file.parent, retry="save"), ExitStack() as held, part.open("xb") as out:
            manifest, files = _hold(IndexDirectory(index.path), held)
            documents, chunks = _count_documents(files["documents.npy"])
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
    remembered = Pointer(fingerprint=manifest["fingerprint"], chroma=server)
    settings = config if isinstance(config, Config) else Config.load(config, base=remembered_settings(remembered))
    if remembered.fingerprint:
        Fingerprint.from_json(remembered.fingerprint).check_config(settings, index=f"in {file}")
    with explaining_failures(directory.path, retry="restore"), directory.locked():
        for left in stagings(directory, "restore"):
            discard(left)
        staged = new_staging(directory, "restore")
        try:
            snapshot = _extract(file, manifest, staged, settings)
            _fill_store(staged, settings, snapshot)
            state = snapshot.state
            pointer = Pointer(state.generation, fingerprint=state.fingerprint, chroma=settings.server_settings())
            staged.write_pointer(pointer)
            adopt(directory, staged)
        finally:
            discard(staged)
    return Restored(about["documents"], about["chunks"], file.stat().st_size, is_there)


# Saving


def _hold(directory: IndexDirectory, held: ExitStack) -> tuple[bytes, dict[str, BinaryIO]]:
    """The manifest and the open files of the current snapshot, which a writer may remove at any moment."""
    pointer = directory.read_pointer()
    while pointer is not None and pointer.generation:
        place = directory.snapshots / pointer.generation
        with ExitStack() as opened:
            try:
                manifest = (place / MANIFEST).read_bytes()
                names = json.loads(manifest)["files"]
                files = {name: opened.enter_context((place / name).open("rb")) for name in names}
            except FileNotFoundError as error:
                last, pointer = pointer, directory.read_pointer()
                if pointer == last:
                    raise IndexDamagedError(
                        f"{error.filename} is gone; open the index again, which mends it."
                    ) from None
            else:
                held.push(opened.pop_all())
                return manifest, files
    raise IndexNotFoundError(f"Nothing was indexed in {directory.path} yet, and so there is nothing to save.")


def _members(
    about: bytes, manifest: bytes, files: Mapping[str, BinaryIO]
) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    yield _ABOUT, len(about), iter([about])
    yield MANIFEST, len(manifest), iter([manifest])
    for name, [size, crc] in json.loads(manifest)["files"].items():
        yield name, size, _checked(files[name], name, size, crc)


def _checked(file: BinaryIO, name: str, size: int, crc: int) -> Iterator[bytes]:
    """The file's blocks. Raises IndexDamagedError where they are not those that the snapshot was sealed with."""
    found, left = 0, size
    while left and (block := file.read(min(left, _BLOCK))):
        found, left = zlib.crc32(block, found), left - len(block)
        yield block
    if left or found != crc or file.read(1):
        raise IndexDamagedError(f"The search file {name} was altered; open the index again, which mends it.")


def _count_documents(file: BinaryIO) -> tuple[int, int]:
    """Documents that searches can return, and chunks, by the array of each chunk's document."""
    document_of_chunk = load_array(file)
    file.seek(0)
    return len(np.unique(document_of_chunk)), len(document_of_chunk)


# Restoring


def _verify(file: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """What the archive says of itself, and the snapshot's manifest, after every byte of the archive was looked at."""
    notes = {_ABOUT: io.BytesIO(), MANIFEST: io.BytesIO()}
    names = set(_copy(file, notes))
    try:
        about: dict[str, int] = json.loads(notes[_ABOUT].getvalue() or "{}")
        if about.get("format") != FORMAT:
            raise ConfigError(f"{file} is no archive, or one of another version: its format is not {FORMAT}.")
        manifest = json.loads(notes[MANIFEST].getvalue())
        wrong = names.symmetric_difference((*notes, *manifest["files"]))
        wrong |= {name for name in manifest["files"] if not _NAME.fullmatch(name)}
        if manifest["fingerprint"]:
            Fingerprint.from_json(manifest["fingerprint"])
        int(about["documents"]), int(about["chunks"])
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamagedError(f"{file} is no archive that `ingest snapshot save` has written ({error}).") from None
    if wrong:
        raise IndexDamagedError(
            f"The archive {file} lacks, or has what it should not have: {', '.join(sorted(wrong))}."
        )
    return about, manifest


def _extract(file: Path, manifest: dict[str, Any], staged: IndexDirectory, config: Config) -> Snapshot:
    """The snapshot in the archive, under a generation of its own: the Chroma that goes with it is a new one."""
    generation = uuid.uuid4().hex
    place = staged.snapshots / generation
    (place / "lexical").mkdir(parents=True)
    with ExitStack() as opened:
        _copy(file, {name: opened.enter_context((place / name).open("wb")) for name in manifest["files"]})
    (place / MANIFEST).write_text(json.dumps({**manifest, "generation": generation}, indent=1), "utf-8")
    for path in (*place.rglob("*"), place):
        sync_to_disk(path)
    return Snapshot.open(place, config, searchable=False)


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


def _fill_store(staged: IndexDirectory, config: Config, snapshot: Snapshot) -> None:
    store = Store.open(staged.chroma, config)
    try:
        if store.state() != State() or store.chunk_ids():
            raise ConfigError(
                f"The database {config.chroma_database!r} of {place_of(config.server_settings())} is not empty; name "
                "another chroma_database to restore into."
            )
        restore_chroma(store, snapshot)
    finally:
        store.close()
