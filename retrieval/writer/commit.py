"""Chroma -> a new snapshot, taking over from the last one whatever has not changed."""

import json
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from retrieval.analysis import Analyzer
from retrieval.chroma.rows import chunk_metadata
from retrieval.chroma.store import State, Store
from retrieval.directory.files import sync_to_disk
from retrieval.fingerprint import Fingerprint
from retrieval.lexical import LexicalIndex
from retrieval.segments.byte_column import ByteColumnWriter
from retrieval.segments.quantization import CODES, SCALES, QuantizedVectors
from retrieval.segments.snapshot import MANIFEST, Snapshot, embedded_digest, record_to_json, seal_of, terms_of
from retrieval.types import DocumentRecord

log = logging.getLogger(__name__)

_BLOCK = 4096
"""Rows copied at once."""

_CONTENTS = 100
"""Documents whose contents are read at once; one may be as long as a book."""


def publish(
    directory: Path,
    state: State,
    *,
    store: Store,
    records: Sequence[DocumentRecord],
    base: Snapshot | None,
    touched: Collection[str],
) -> None:
    """Write the snapshot of the committed chunks of `records` into `directory`, which is absent or of no worth.

    Rows of `base` are taken over as they are, but for the chunk ids in `touched`; all others are read from Chroma. A
    chunk whose document's language has changed must be in `touched`.
    Chunks that the ledger names and Chroma does not hold are left out; a warning is logged.
    """
    committed = {id_: None for record in records for id_ in record.chunk_ids}
    kept = _rows_to_keep(base, committed, touched)
    if base is not None:
        for row in kept:
            del committed[base.ids[row].decode()]
    fingerprint = Fingerprint.from_json(state.fingerprint) if state.fingerprint else None

    shutil.rmtree(directory, ignore_errors=True)
    try:
        (directory / "lexical").mkdir(parents=True)
        with ByteColumnWriter(directory, "records") as out:
            out.extend(record_to_json(record) for record in records)
        with ByteColumnWriter(directory, "contents") as out:
            out.extend(_contents(records, base, store))
        added = list(committed)
        languages = _languages(records, fingerprint)
        if _write_rows(directory, base, kept, added, store, fingerprint, languages) < len(added):
            held = set(store.chunk_ids())
            present = [id_ for id_ in added if id_ in held]
            log.warning(
                "%d chunks that the ledger names are missing from Chroma; run `ingest doctor --repair`.",
                len(added) - len(present),
            )
            _write_rows(directory, base, kept, present, store, fingerprint, languages)
        _seal(directory, state)
    except BaseException:  # on a full disk, what is half written is in the way of what comes next
        shutil.rmtree(directory, ignore_errors=True)
        raise


def _languages(records: Sequence[DocumentRecord], fingerprint: Fingerprint | None) -> dict[str, str]:
    """Document id -> the language that its chunks are analysed in; records of old have none but the index's own."""
    default = fingerprint.settings["language"] if fingerprint is not None else ""
    return {record.id: record.language or default for record in records}


def _rows_to_keep(base: Snapshot | None, committed: Collection[str], touched: Collection[str]) -> list[int]:
    if base is None:
        return []
    ids = (id_.decode() for id_ in base.ids.tolist())
    return [row for row, id_ in enumerate(ids) if id_ in committed and id_ not in touched]


def _contents(records: Sequence[DocumentRecord], base: Snapshot | None, store: Store) -> Iterator[bytes]:
    """What each document was made of; nothing where its file tells that. Of a document that was ready, the content's
    hash vouches for the base's."""
    shown = enumerate(base.records if base is not None else ())
    known = {(old.id, old.content_hash): at for at, old in shown if not old.folder and old.status == "ready"}
    for start in range(0, len(records), _CONTENTS):
        block = records[start : start + _CONTENTS]
        added = [record.id for record in block if not record.folder and (record.id, record.content_hash) not in known]
        stored = store.contents(added) if added else {}
        for record in block:
            at = known.get((record.id, record.content_hash))
            if base is not None and at is not None:
                yield base.content(at).encode()
            else:
                yield stored.get(record.id, "").encode()


def _write_rows(
    directory: Path,
    base: Snapshot | None,
    kept: Sequence[int],
    added: Sequence[str],
    store: Store,
    fingerprint: Fingerprint | None,
    languages: Mapping[str, str],
) -> int:
    """All that has a row a chunk: `kept` rows of the base first, then the chunks `added`, in that order.

    Returns how many of the added were there; the files are whole only if all were.
    """
    count, dimension = len(kept) + len(added), fingerprint.dimension if fingerprint else 0
    ids = np.zeros(count, dtype="S32")
    digests = np.zeros(count, dtype="S32")
    documents = np.zeros(count, dtype="S32")
    scales = np.zeros((count, 3))
    lexical = LexicalIndex()
    at = len(kept)
    with (
        (directory / "vectors.npy").open("wb") as vectors,  # not mapped: a full disk would be a bus error
        (directory / CODES).open("wb") as codes,
        ByteColumnWriter(directory, "rows") as rows,
        ByteColumnWriter(directory, "texts") as texts,
    ):
        for file, kind in ((vectors, "<f4"), (codes, "|i1")):
            array_header = {"descr": kind, "fortran_order": False, "shape": (count, dimension)}
            np.lib.format.write_array_header_1_0(file, array_header)
        if base is not None:
            lexical = base.lexical_without(kept)
            for start in range(0, len(kept), _BLOCK):
                block = slice(start, min(start + _BLOCK, len(kept)))
                vectors.write(base.vectors[kept[block]].astype("<f4").data)
                rounded = base.rounded.take(kept[block])
                codes.write(rounded.codes.data)
                scales[block] = rounded.scales
            ids[: len(kept)], digests[: len(kept)] = base.ids[kept], base.digests[kept]
            documents[: len(kept)] = base.documents[kept]
            for row in kept:
                metadata, text = base.raw(row)
                rows.append(metadata)
                texts.append(text)
        if fingerprint is not None:
            header = fingerprint.settings["context_header"]
            for chunks, page in store.read_chunks(added):
                here = slice(at, at + len(chunks))
                vectors.write(page.astype("<f4").data)
                rounded = QuantizedVectors.of(page)
                codes.write(rounded.codes.data)
                scales[here] = rounded.scales
                ids[here] = [chunk.id for chunk in chunks]
                documents[here] = [chunk.document_id for chunk in chunks]
                digests[here] = [embedded_digest(chunk, context_header=header) for chunk in chunks]
                rows.extend(json.dumps(chunk_metadata(chunk), ensure_ascii=False).encode() for chunk in chunks)
                texts.extend(chunk.text.encode() for chunk in chunks)
                analysed = ((chunk, Analyzer(languages[chunk.document_id])) for chunk in chunks)
                lexical.add([terms_of(chunk, analyzer, context_header=header) for chunk, analyzer in analysed])
                at += len(chunks)
    np.save(directory / "ids.npy", ids)
    np.save(directory / "digests.npy", digests)
    np.save(directory / "documents.npy", documents)
    np.save(directory / SCALES, scales)
    np.save(
        directory / "languages.npy",
        np.array([languages.get(id_.decode(), "") for id_ in documents.tolist()], dtype="S32"),
    )
    lexical.save(directory / "lexical")
    return at - len(kept)


def _seal(directory: Path, state: State) -> None:
    """Force the files to disk, then write the manifest that vouches for them."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in files:
        sync_to_disk(path)
    seals = {path.relative_to(directory).as_posix(): seal_of(path) for path in files}
    manifest = directory / MANIFEST
    manifest.write_text(json.dumps({**asdict(state), "files": seals}, indent=1), "utf-8")
    sync_to_disk(manifest)
    sync_to_disk(directory)
    sync_to_disk(directory.parent)
