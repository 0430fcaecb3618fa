"""Files through the parsers into the indexer, and documents into chunks as the model takes them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from ingest.chunking import ChunkSettings
from ingest.indexer import Indexer
from ingest.loaders.converters import check_converters
from ingest.parser_pool import Outcomes, ParserPool, Parsers
from ingest.parser_worker import ParserSettings
from ingest.scan import ScannedFile
from ingest.skip_reasons import MEGABYTE
from retrieval.config import Config
from retrieval.errors import ConfigError
from retrieval.index import HybridIndex


@contextmanager
def parsing(
    files: Sequence[ScannedFile],
    index: HybridIndex,
    *,
    folder: str,
    pool: Parsers | None,
    stop: threading.Event | None = None,
) -> Iterator[Outcomes]:
    """What becomes of the files. Other processes parse them ahead: the pool's or, without one, some that start now,
    which takes them a second.

    folder   as in index_files
    """
    if not files:
        yield iter(())
        return
    settings = parser_settings(index.config, chunk_settings(index))
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(ParserPool(workers=min(index.config.parse_workers, len(files))))
        yield stack.enter_context(pool.parse(files, settings, keeps_content=not folder, stop=stop))


def index_files(outcomes: Outcomes, indexer: Indexer, *, folder: str, stop: threading.Event | None = None) -> bool:
    """Embed and write what was parsed. Returns whether it was stopped before all was done.

    folder   the name of the synced folder that they are in; "" for files that may go: what they hold is kept, and one
             that did not change is left as it is.
    """
    for file, outcome in outcomes:
        indexer.put_file(file, outcome, folder=folder)
    if stop is not None and stop.is_set():
        return True
    return not indexer.flush(stop)


def parser_settings(config: Config, chunks: ChunkSettings) -> ParserSettings:
    """Raises as check_converters."""
    check_converters(config.converters)
    return ParserSettings(
        chunks=chunks,
        language=config.language,
        max_bytes=config.max_file_bytes,
        seconds=config.parse_seconds,
        memory_bytes=config.parse_memory_mb * MEGABYTE,
        ocr_command=config.ocr_command,
        converters=tuple(config.converters.items()),
    )


def chunk_settings(index: HybridIndex) -> ChunkSettings:
    """Raises ConfigError for sizes that do not fit the model."""
    config = index.config
    embedder = index.embedder
    limit = embedder.max_seq_length
    if config.chunk_size != "auto" and config.chunk_size > limit:
        said = " as encoder_max_tokens says, or 512 without it" if config.is_endpoint else ""
        raise ConfigError(f"chunk_size is {config.chunk_size}, and {config.model} reads {limit} tokens at most{said}.")
    size = limit if config.chunk_size == "auto" else config.chunk_size
    if config.chunk_overlap * 2 > size:
        raise ConfigError(f"chunk_overlap {config.chunk_overlap} is more than half of the chunk size, {size}.")
    return ChunkSettings(
        tokenizer=embedder.tokenizer.to_str(),
        max_tokens=size,
        passage_prefix=embedder.prefixes.passage,
        overlap=config.chunk_overlap,
        context_header=config.context_header,
    )
