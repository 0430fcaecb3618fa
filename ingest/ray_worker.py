"""What runs on a node of a Ray cluster: files to chunks and passages to vectors, by the usual code."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from queue import LifoQueue
from typing import NamedTuple, Self

from ingest.parser_pool import ParserPool, Parsers
from ingest.parser_worker import ParserSettings
from ingest.parsing import FileBytes, Parsed, Unparsed
from ingest.scan import ScannedFile
from retrieval.config import Config
from retrieval.encoders import Embedder, shared_encoder
from retrieval.errors import RetrievalError
from retrieval.types import Encoder, Vectors


class WorkerSettings(NamedTuple):
    """What a worker is made with.

    config    names the model; it holds no secrets
    encoder   one that a program passes in place of that model, else None
    parser    how files are parsed
    parsers   processes that parse, at most
    """

    config: Config
    encoder: Encoder | None
    parser: ParserSettings
    parsers: int


class ModelFacts(NamedTuple):
    """What two machines have to agree on for their vectors to be comparable; each as in Embedder."""

    weights: str
    pooling: str
    dimension: int
    max_seq_length: int
    tokenizer: str
    precision: str

    @classmethod
    def of(cls, embedder: Embedder) -> Self:
        """Raises as `Embedder.embed_passages`."""
        return cls(
            weights=embedder.version,
            pooling=embedder.pooling,
            dimension=embedder.dimension,
            max_seq_length=embedder.max_seq_length,
            tokenizer=embedder.tokenizer_digest,
            precision=embedder.numerics,
        )


class RayWorker:
    """A process of a node. Threads share it: the model embeds in two at once, and each file has a parser of its own.

    Errors of ours are returned, since Ray would make others of them.

    parsers   what parses a file each at the same time; None starts processes of its own, which end with this one
    """

    def __init__(self, settings: WorkerSettings, *, parsers: Sequence[Parsers] | None = None) -> None:
        self._settings = settings
        self._embedder: Embedder | None = None
        self._parsers: LifoQueue[Parsers] = LifoQueue()  # the last one used has a process running
        for each in parsers or [ParserPool(workers=1) for _ in range(settings.parsers)]:
            self._parsers.put(each)

    def start(self) -> None:
        """Answers once this process runs."""

    def load(self) -> ModelFacts | RetrievalError:
        """Load the model. To be called once, before `embed`."""
        config, encoder = self._settings.config, self._settings.encoder
        try:
            self._embedder = Embedder(shared_encoder(config) if encoder is None else encoder, config)
            return ModelFacts.of(self._embedder)
        except RetrievalError as error:
            return error

    def embed(self, texts: list[str]) -> Vectors | RetrievalError:
        """float [n, dimension], of texts that begin with the passage prefix."""
        if self._embedder is None:
            raise RuntimeError("load() comes first.")
        try:
            return self._embedder.encoder.embed_passages(texts)
        except RetrievalError as error:
            return error

    def parse(self, file: ScannedFile, held: FileBytes, keeps_content: bool) -> Parsed | Unparsed | RetrievalError:
        """As `ingest.parsing.parse`, of what the file held on another machine. It is written to a file of this one,
        since a parser's process opens what it parses."""
        parser = self._parsers.get()
        try:
            with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
                here = _written(file, held, Path(folder).resolve())
                with parser.parse([here], self._settings.parser, keeps_content=keeps_content) as outcomes:
                    ((_, outcome),) = outcomes
            return outcome._replace(read_ns=held.read_ns) if isinstance(outcome, Parsed) else outcome
        except RetrievalError as error:
            return error
        finally:
            self._parsers.put(parser)


def _written(file: ScannedFile, held: FileBytes, folder: Path) -> ScannedFile:
    path = folder / Path(file.path).name
    path.write_bytes(held.data)
    sidecar = folder / Path(file.sidecar).name if file.sidecar else None
    if sidecar is not None:
        sidecar.write_bytes(held.sidecar)
    return replace(file, path=str(path), root=str(folder), sidecar=str(sidecar or ""))
