"""`retrieve mcp`: the index as tools for a model, over standard input and output."""

import logging
import signal
from typing import Annotated

import typer

from retrieval.console import DEFAULT_INDEX, ConfigOption, IndexOption

log = logging.getLogger(__name__)


def mcp(
    index: IndexOption = DEFAULT_INDEX,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Also add and delete documents, and sync known folders.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Serve the index to a desktop client or an agent by the Model Context Protocol, until its input ends."""
    from ingest.parser_pool import ParserPool
    from retrieval.adapters.mcp.server import server
    from retrieval.index import HybridIndex

    with (
        HybridIndex.open(index, config=config, read_only=not allow_writes) as opened,
        ParserPool(workers=opened.config.parse_workers) as pool,
    ):
        if not opened.searcher().generation:  # without --allow-writes, opening it is an error
            log.warning(
                "There is no index at %s yet, and nothing is found. `ingest sync FOLDER --index %s` makes it, and so "
                "does the tool add_document.",
                index,
                index,
            )
        # A thread that waits for input cannot be told of Ctrl-C; an index may be left at any moment, and so it is.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            server(opened, allow_writes=allow_writes, pool=pool).run("stdio")
        except* BrokenPipeError:
            log.debug("The client has gone, and wants no answer.")
