"""The documents of a folder, read as a sync reads them, without an index or a model."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack

from ingest.chunking import ChunkSettings
from ingest.documents import document_from_json
from ingest.parser_pool import ParserPool, Parsers
from ingest.parser_worker import ParserSettings
from ingest.parsing import Parsed
from ingest.pipeline import parser_settings
from ingest.scan import ScannedFile
from retrieval.config import Config
from retrieval.encoders.estimating_tokenizer import estimating_tokenizer
from retrieval.types import Document


def folder_documents(
    files: Sequence[ScannedFile], config: Config, *, pool: Parsers | None, failed: dict[str, str], skipped: set[str]
) -> Generator[Document]:
    """The files' documents, in their order. Other processes read them, within the configuration's limits: the pool's
    or, without one, some that end with the iteration, or when it is closed.

    failed, skipped   filled with the sources of those that could not be read, with their reasons, and of those that
                      hold no document
    """
    if not files:
        return
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(ParserPool(workers=min(config.parse_workers, len(files))))
        outcomes = stack.enter_context(pool.parse(files, _settings(config), keeps_content=True))
        for file, outcome in outcomes:
            if isinstance(outcome, Parsed):
                yield document_from_json(outcome.content)
            elif outcome.is_supported:
                failed[file.source] = outcome.reason
            else:
                skipped.add(file.source)


def _settings(config: Config) -> ParserSettings:
    """Parsers chunk what they read, and detect its language; here nobody looks at either, so that what is fast does."""
    chunks = ChunkSettings(
        tokenizer=estimating_tokenizer().to_str(), max_tokens=512, passage_prefix="", overlap=0, context_header=False
    )
    return parser_settings(config, chunks)._replace(language="english")
