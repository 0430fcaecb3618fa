"""What fills an index, with one set of worker processes for all tests: to start them takes a second."""

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial

import ingest
from ingest.parser_pool import Outcomes, ParserPool
from ingest.parser_worker import ParserSettings
from ingest.rebuild import rebuild as rebuild_index
from ingest.scan import ScannedFile


class PoolBySettings:
    """A ParserPool for each of the settings, so that none starts processes anew where tests take turns with them."""

    def __init__(self) -> None:
        self._pools: dict[ParserSettings, ParserPool] = {}

    def parse(
        self,
        files: Iterable[ScannedFile],
        settings: ParserSettings,
        *,
        keeps_content: bool = False,
        stop: threading.Event | None = None,
    ) -> AbstractContextManager[Outcomes]:
        pool = self._pools.setdefault(settings, ParserPool(workers=2))
        return pool.parse(files, settings, keeps_content=keeps_content, stop=stop)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


POOL = PoolBySettings()

sync = partial(ingest.sync, pool=POOL)
add_files = partial(ingest.add_files, pool=POOL)
rebuild = partial(rebuild_index, pool=POOL)
