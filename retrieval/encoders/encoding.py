"""Token ids -> what a model makes of them, by any runtime: unit vectors, or scores."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor

import numpy as np

from retrieval.encoders.batches import Batch, batches
from retrieval.encoders.model_info import ModelInfo
from retrieval.encoders.runtime import Runtime
from retrieval.types import Vectors


def encode(
    encoded: Sequence[Sequence[int]],
    runtime: Runtime,
    model_info: ModelInfo,
    *,
    mixes: bool = False,
    batch_tokens: int = 2048,
    threads: Executor | None = None,
) -> Vectors:
    """float32 [n, dimension], unit rows, of n >= 1 texts in token ids, in their order. Where the runtime gives more
    components than the model's dimension, the first ones are taken (Matryoshka: Kusupati et al. 2022).

    mixes          as in `batches`
    batch_tokens   run at once, at most, padding included
    threads        run batches beside one another; None runs them here, one by one
    """
    planned = batches(
        encoded, tokens=batch_tokens, padding=model_info.padding, limit=model_info.max_seq_length, mixes=mixes
    )
    vectors = run_batches(
        planned, lambda batch: runtime.run(batch.ids, batch.mask)[:, : model_info.dimension], threads=threads
    )
    return unit_rows(vectors)


def unit_rows(vectors: Vectors) -> Vectors:
    """The same array, float32 [n, dimension], its rows scaled to unit length; rows of zeros stay."""
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return vectors


def run_batches(
    planned: Iterable[Batch], run: Callable[[Batch], Vectors], *, threads: Executor | None = None
) -> Vectors:
    """float32 [n, width]: what `run` makes of n >= 1 texts, batch by batch, in the order in which they were given."""

    def placed(batch: Batch) -> tuple[list[int], Vectors]:
        return batch.places, run(batch)

    done = list(map(placed, planned) if threads is None else threads.map(placed, planned))
    rows = np.empty((sum(len(places) for places, _ in done), done[0][1].shape[1]), dtype=np.float32)
    for places, found in done:
        rows[places] = found
    return rows
