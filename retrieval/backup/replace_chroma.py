"""A new Chroma in place of one that is damaged or lost, made of the search files."""

import secrets
from contextlib import closing
from dataclasses import replace

from retrieval.backup.restore_chroma import restore_chroma
from retrieval.chroma.store import Store
from retrieval.config import Config
from retrieval.directory.files import sync_tree
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.segments.reader import IndexReader


def replace_chroma(directory: IndexDirectory, pointer: Pointer, reader: IndexReader, config: Config) -> None:
    """Make a Chroma of the generation and let the pointer name it; the lock is held.

    A server's database is filled in place; it is empty. Killed before the pointer is written, the index is as it was,
    and the next writer removes what is left. Raises as Store.open.
    """
    if pointer.chroma:
        with closing(Store.open(directory.chroma, config, patient=True)) as store:
            restore_chroma(store, reader)
        directory.write_pointer(replace(pointer, generation=reader.generation, writing=False))
        return
    chroma = directory.path / f"chroma-{secrets.token_hex(4)}"  # SQLite knows a database by its path
    with closing(Store.open(chroma, config)) as store:
        restore_chroma(store, reader)
    sync_tree(chroma)
    directory.write_pointer(replace(pointer, generation=reader.generation, writing=False, chroma_directory=chroma.name))
    directory.remove_leftovers(keep=reader.files)
