"""Ways to embed the same passages, each in a process of its own that stays, so that their runs can alternate."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NamedTuple, Self

import numpy as np

from retrieval.config import PRECISIONS, Backend, Config, Precision
from retrieval.encoders import Embedder, find_model
from retrieval.encoders.prompts import USUAL
from retrieval.types import Vectors

Encode = Callable[[Sequence[str]], Vectors]
"""Passages without their prefix -> float32 [n, dimension]."""

MATRICES = (2048, 384, 1536)
"""Rows, inner dimension, columns: the first product of the model's feed-forward layers, for a batch."""
PRODUCTS = 100
"""In one run: some tenths of a second."""


class Run(NamedTuple):
    seconds: float
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Ours:
    """What the settings say runs the model."""

    name: str
    config: Config

    def load(self) -> Encode:
        return Embedder.load(self.config).embed_passages


@dataclass(frozen=True, slots=True)
class SentenceTransformers:
    """As it comes, `encode` without an argument."""

    name: str = "sentence-transformers"

    def load(self) -> Encode:
        from sentence_transformers import SentenceTransformer

        config = Config()
        model = SentenceTransformer(str(find_model(config.model, revision=config.revision)), device="cpu")

        def encode(passages: Sequence[str]) -> Vectors:
            return np.asarray(model.encode([USUAL.passage + passage for passage in passages]))

        return encode


@dataclass(frozen=True, slots=True)
class Products:
    """Nothing but products of bf16 matrices of the model's size: what the processor can do at most."""

    name: str = "bf16 matrix products"

    def load(self) -> Encode:
        import torch

        rows, inner, columns = MATRICES
        left, right = torch.ones(rows, inner, dtype=torch.bfloat16), torch.ones(inner, columns, dtype=torch.bfloat16)

        def multiply(passages: Sequence[str]) -> Vectors:
            with torch.inference_mode():
                for _ in range(PRODUCTS):
                    product = left @ right
            return np.asarray(product[:1].float())

        return multiply


Way = Ours | SentenceTransformers | Products


def ours() -> Ours:
    return Ours("hybrid-retrieval", Config())


def every_backend() -> list[Ours]:
    """Each with each precision that a processor has."""
    return [
        _ours_with(backend, precision)
        for backend, offers in PRECISIONS.items()
        for precision in offers
        if precision != "fp16"
    ]


def _ours_with(backend: Backend, precision: Precision) -> Ours:
    return Ours(f"{backend} {precision}", Config(backend=backend, precision=precision))


class Worker:
    """A process that has loaded one way, and embeds the passages each time that it is asked. A context manager.

    first   the run that warmed it up
    """

    def __init__(self, way: Way, passages: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, way, passages), daemon=True)
        self._process.start()
        theirs.close()
        self.first = self.run()

    def run(self) -> Run:
        self._connection.send(True)
        try:
            run: Run = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"a process that embeds ended with {self._process.exitcode}") from None
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()


def _serve(connection: Connection, way: Way, passages: Sequence[str]) -> None:
    encode = way.load()
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        started = time.perf_counter()
        vectors = encode(passages)
        connection.send(Run(time.perf_counter() - started, vectors))
