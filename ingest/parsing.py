"""One file: its bytes -> its chunks, or the reason why there are none."""

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ingest.chunking import Chunker
from ingest.documents import document_to_json, hash_bytes, language_of
from ingest.file_metadata import read_sidecar, with_file_metadata
from ingest.loaders import UnsupportedFormatError, load
from ingest.opening import open_file
from ingest.scan import ScannedFile
from ingest.skip_reasons import is_blank, why_blank
from retrieval.errors import DocumentError, LoadError
from retrieval.types import Chunk

log = logging.getLogger(__name__)


class Parsed(NamedTuple):
    """A file's chunks; `read_ns` is when it was about to be read, in nanoseconds since the epoch; `language` as in
    DocumentRecord; `content` is the document's JSON where that was asked for, and `content_hash` then of it; `notice`
    is what its text lacks."""

    content_hash: str
    read_ns: int
    title: str | None
    language: str
    chunks: list[Chunk]
    content: str = ""
    notice: str = ""


class Unparsed(NamedTuple):
    """Why a file gave no chunks; `is_supported` says whether it should have."""

    reason: str
    is_supported: bool = True


class FileBytes(NamedTuple):
    """What a file and its sidecar held when they were read, and when that was, as in Parsed: for a machine that cannot
    open them. `sidecar` is empty where there is none."""

    data: bytes
    sidecar: bytes
    read_ns: int


def read(file: ScannedFile, *, max_bytes: int) -> FileBytes | Unparsed:
    """For `parse` elsewhere. Of a file that has grown beyond max_bytes, one byte more is read."""
    read_ns = time.time_ns()
    try:
        data = _bytes_of(file, max_bytes)
        return FileBytes(data, read_sidecar(file) if file.sidecar else b"", read_ns)
    except LoadError as error:
        return Unparsed(str(error))
    except OSError as error:
        return _unreadable(error)


def parse(
    file: ScannedFile,
    *,
    chunker: Chunker,
    language: str,
    max_bytes: int,
    ocr_command: str | None,
    converters: Mapping[str, str] = MappingProxyType({}),
    keeps_content: bool = False,
) -> Parsed | Unparsed:
    """Whatever a file holds, this raises nothing but MemoryError. `language` as in Config."""
    read_ns = time.time_ns()
    try:
        data = _bytes_of(file, max_bytes)
        if len(data) > max_bytes:
            return Unparsed("it has grown beyond max_file_mb while it was being read; sync again")
        document = load(data, source=file.source, max_bytes=max_bytes, ocr_command=ocr_command, converters=converters)
        if is_blank(document.text):
            return Unparsed(*why_blank(data, source=file.source))
        analysed_in = language_of(document, language)
        if not keeps_content:
            document = with_file_metadata(document, file, language=analysed_in)
        content = document_to_json(document) if keeps_content else ""
        return Parsed(
            content_hash=hash_bytes(content.encode() if keeps_content else data),
            read_ns=read_ns,
            title=document.title,
            language=analysed_in,
            chunks=chunker.chunk(document),
            content=content,
            notice="; ".join(document.notices),
        )
    except UnsupportedFormatError as error:
        return Unparsed(str(error), is_supported=False)
    except (LoadError, DocumentError) as error:
        return Unparsed(str(error))
    except OSError as error:
        return _unreadable(error)
    except MemoryError:
        raise
    except Exception as error:  # a parser's own failure on one file must not cost the others
        log.debug("parsing %s failed", file.source, exc_info=True)
        return Unparsed(f"its parser failed: {type(error).__name__}: {error}")


def _bytes_of(file: ScannedFile, max_bytes: int) -> bytes:
    with open_file(file.path, root=file.root) as opened:
        return opened.read(max_bytes + 1)


def _unreadable(error: OSError) -> Unparsed:
    return Unparsed(f"it cannot be read: {error.strerror or error}")
