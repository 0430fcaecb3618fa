"""Whether an embedded Chroma is whole, found out by using it.

Damage may take the process down, and so it runs in one of its own (health.py), and writes JSON to its standard output:
{"damage": null}, or what is wrong in words. Everything is left as it is, but for what Chroma does of itself when it is
opened, and for rows that are written again as they are. Vectors are not: Chroma would normalise them once more, and
change last bits.
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.chroma.client import CHUNKS, Chroma
from retrieval.chroma.hnsw_files import HEADER, DamageError, check_graph
from retrieval.chroma.rows import chunk_from, record_from
from retrieval.directory.index_directory import DATABASE

_PAGE = 1000
_PAGE_OF_IDS = 20_000
_WRITTEN = 100


def examine(directory: Path) -> str | None:
    """What is wrong with the embedded Chroma in `directory`, in words; None where nothing is."""
    try:
        _check_database(directory / DATABASE)
        for header in sorted(directory.glob(f"*/{HEADER}")):
            check_graph(header.parent)
        _use(directory)
    except Exception as error:  # the kinds of SQLite and of Chroma's core
        return str(error) or type(error).__name__
    return None


def _check_database(database: Path) -> None:
    """Before Chroma touches it. Raises DamageError and sqlite3.Error."""
    if not database.is_file():
        raise DamageError(f"{database.name} is gone")
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        if found != ["ok"]:
            raise DamageError(f"{database.name}: {found[0]}")
        segments = {row[0] for row in connection.execute("SELECT id FROM segments WHERE scope = 'VECTOR'")}
    for directory in database.parent.iterdir():
        if directory.is_dir() and directory.name in segments and not (directory / HEADER).is_file():
            raise DamageError(f"{HEADER} of {directory.name} is gone")


def _use(directory: Path) -> None:
    """Raises whatever Chroma does, and DamageError for a row whose vector is lost."""
    chroma = Chroma.embedded(directory)
    try:
        for name in (CHUNKS, "documents"):
            collection = chroma.collection(name)
            ids = _ids(collection)
            if collection.count() != len(ids):
                raise DamageError(f"{name}: {collection.count()} rows are counted and {len(ids)} are there")
            for start in range(0, len(ids), _PAGE):
                page = ids[start : start + _PAGE]
                rows = collection.get(ids=page, include=["embeddings", "documents", "metadatas"])
                vectors = np.asarray(rows["embeddings"], dtype=np.float32)
                if len(rows["ids"]) != len(page) or vectors.ndim != 2 or len(vectors) != len(page):
                    raise DamageError(f"{name}: rows have lost their vectors")
                if not np.isfinite(vectors).all():
                    raise DamageError(f"{name}: a vector is no number")
                _understand(name, rows)
                if start == 0:
                    collection.query(query_embeddings=vectors[:10], n_results=len(page), include=["distances"])
                    collection.update(ids=rows["ids"][:_WRITTEN], metadatas=rows["metadatas"][:_WRITTEN])
    finally:
        chroma.close()


def _understand(name: str, rows: Any) -> None:
    try:
        for id_, text, metadata in zip(rows["ids"], rows["documents"], rows["metadatas"], strict=True):
            if name == CHUNKS:
                chunk_from(id_, text, metadata)
            else:
                record_from(id_, metadata)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamageError(f"{name}: a row does not say all that it should ({error})") from None


def _ids(collection: Any) -> list[str]:
    ids: list[str] = []
    while True:
        found = collection.get(include=[], limit=_PAGE_OF_IDS, offset=len(ids))["ids"]
        ids += found
        if len(found) < _PAGE_OF_IDS:
            return ids


def main(directory: str) -> None:
    sys.stdout.write(json.dumps({"damage": examine(Path(directory))}))
