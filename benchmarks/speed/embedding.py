"""Tokens a second of our embedder, as it comes and with each backend, next to sentence-transformers' `encode`."""

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from benchmarks.speed.documents import sample_of_chunks
from benchmarks.speed.encoders import (
    MATRICES,
    PRODUCTS,
    Products,
    Run,
    SentenceTransformers,
    Way,
    Worker,
    every_backend,
    ours,
)
from benchmarks.speed.tables import markdown, median_ratio
from retrieval.config import Config
from retrieval.encoders import Embedder

FLOP_A_TOKEN = 25e6
"""Of all-MiniLM-L6-v2: 21 million in products with its weights, the rest mostly attention, at its limit's length."""
FULL_PRECISION = "torch fp32"


class Sample:
    """Passages, and how many tokens a way has to embed: special tokens and prefix included, padding not."""

    def __init__(self, documents: Sequence[str], *, tokens: int) -> None:
        config = Config()
        embedder = Embedder.load(config)
        prefix = embedder.prefixes.passage
        self.passages = sample_of_chunks(documents, embedder, prefix=prefix, tokens=tokens)
        self.tokens = sum(embedder.count_tokens(prefix + passage) for passage in self.passages)


def measure(documents: Sequence[str], *, tokens: int, runs: int) -> dict[str, Any]:
    """Rounds in which each way embeds the same passages once, after one that warms them up."""
    sample = Sample(documents, tokens=tokens)
    peer, default, peak = SentenceTransformers(), ours(), Products()
    ways: list[Way] = [peer, default, *every_backend(), peak]
    with ExitStack() as stack:
        workers = {way.name: stack.enter_context(Worker(way, sample.passages)) for way in ways}
        first = {name: worker.first for name, worker in workers.items()}
        rounds = [{name: worker.run().seconds for name, worker in workers.items()} for _ in range(runs)]
    seconds = {name: [times[name] for times in rounds] for name in workers}
    rows, inner, columns = MATRICES
    flop = dict.fromkeys(workers, sample.tokens * FLOP_A_TOKEN) | {peak.name: PRODUCTS * 2.0 * rows * inner * columns}
    rates = {name: [flop[name] / time for time in times] for name, times in seconds.items()}
    return {
        "passages": len(sample.passages),
        "tokens": sample.tokens,
        "runs": runs,
        "peak_tflops": statistics.median(rates[peak.name]) / 1e12,
        "ways": {
            name: {
                "tokens_a_second": sample.tokens / statistics.median(seconds[name]),
                "ratio": median_ratio(seconds[peer.name], seconds[name]),
                "peak_share": median_ratio(rates[name], rates[peak.name]),
                "mean_cosine": mean_cosine(first[name], first[FULL_PRECISION]),
                "seconds": seconds[name],
            }
            for name in workers
            if name != peak.name
        },
    }


def mean_cosine(run: Run, reference: Run) -> float:
    """Of unit rows."""
    return float(np.einsum("ij,ij->i", run.vectors, reference.vectors, dtype=np.float64).mean())


def table(figures: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{way['tokens_a_second']:,.0f}",
            f"{way['ratio']:.2f}",
            f"{way['peak_share']:.0%}",
            f"{way['mean_cosine']:.6f}",
        ]
        for name, way in figures["ways"].items()
    ]
    return (
        f"{figures['passages']:,} passages, {figures['tokens']:,} tokens, {figures['runs']} runs; products of bf16 "
        f"matrices reach {figures['peak_tflops']:.2f} TFLOP/s\n\n"
        + markdown(
            ["encoder", "tokens/s", "of sentence-transformers", "share of the products' peak", "mean cosine to fp32"],
            rows,
        )
    )
