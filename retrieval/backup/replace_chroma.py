"""A new Chroma in place of one that is damaged or lost, made of what can be read of the search files."""

import secrets
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from retrieval.backup.restore_chroma import restore_chroma
from retrieval.backup.salvage import Salvage
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.files import make_private_directory, sync_tree
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer


def replace_chroma(directory: IndexDirectory, pointer: Pointer, salvage: Salvage, config: Config) -> Path | None:
    """Make a Chroma of what was salvaged and let the pointer name it; the lock is held.

    Where search files are damaged too, or no generation is named, the next to open the index makes them again from the
    new Chroma. Damaged files are kept with the old Chroma, and the directory that they are in is returned. A server's
    empty database is filled in place. A process that dies before it has written the pointer leaves the index as it was;
    the next writer removes the rest. Raises as Store.open.
    """
    reader = salvage.reader
    generation = "" if salvage.damaged else reader.generation
    after = replace(pointer, generation=generation, writing=not generation)
    chromas = directory.chromas()
    if pointer.chroma:
        with closing(Store.open(directory.chroma, config, patient=True)) as store:
            restore_chroma(store, reader)
    else:
        chroma = directory.path / f"chroma-{secrets.token_hex(4)}"  # SQLite knows a database by its path
        with closing(Store.open(chroma, config)) as store:
            restore_chroma(store, reader)
        sync_tree(chroma)
        after = replace(after, chroma_directory=chroma.name)
    directory.write_pointer(after)
    if not salvage.damaged:
        directory.remove_leftovers(keep=reader.files)
        return None
    aside = directory.path / f"damaged-{secrets.token_hex(4)}"
    make_private_directory(aside)
    for path in (directory.segments, directory.generations, *chromas):
        if path.is_dir():  # who lost a part of an index may have lost all of a directory
            path.rename(aside / path.name)
    return aside
