"""Token ids -> unit vectors, by any runtime."""

from collections.abc import Sequence
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

    def run(batch: Batch) -> tuple[list[int], Vectors]:
        return batch.places, runtime.run(batch.ids, batch.mask)[:, : model_info.dimension]

    planned = batches(
        encoded, tokens=batch_tokens, padding=model_info.padding, limit=model_info.max_seq_length, mixes=mixes
    )
    done = list(map(run, planned) if threads is None else threads.map(run, planned))
    vectors = np.empty((len(encoded), done[0][1].shape[1]), dtype=np.float32)
    for places, found in done:
        vectors[places] = found
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return vectors
