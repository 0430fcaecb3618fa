"""One model: what is known of it, and what it does with the material. Runs in a process of its own, whose memory then
is the model's."""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.adding import add
from ingest.pipeline import chunk_settings
from ingest.report import Progress
from retrieval.config import MODEL_SETTINGS, Config
from retrieval.context import embedded_text
from retrieval.encoders import Embedder, find_model, shared_encoder
from retrieval.errors import ModelError
from retrieval.evaluation.collection import Collection
from retrieval.evaluation.measures import MODES, judge
from retrieval.index import HybridIndex
from retrieval.model_comparison.model_card import languages_of, size_of
from retrieval.model_comparison.passages import letters
from retrieval.model_comparison.trial import MEASURES, Material, ModelFacts, Trial
from retrieval.types import Chunk, digest

OnStep = Callable[[str], None]
"""Is told what is being done."""

_SECONDS = 4.0
"""For how long passages are embedded to see how fast that goes."""

_PASSAGES = 256
_AT_ONCE = 32
_LEAST_BATCHES = 4
_QUERIES_TIMED = 25
_WORDS_OF_QUERY = 8
_CHARACTERS_OF_QUERY = 80
"""A script without spaces may have one word in a section."""

_QUERY = "What do these documents say?"
"""Timed where documents have neither questions nor words."""


def load_model(config: Config) -> ModelFacts:
    """Loads the model and, the first time, exports it. Raises ModelError or ConfigError where it cannot be used."""
    return _facts(config, Embedder(shared_encoder(config), config))


def _facts(config: Config, embedder: Embedder) -> ModelFacts:
    directory = None if config.is_endpoint else find_model(config.model, revision=config.revision)
    return ModelFacts(
        identity=_identity(config, embedder),
        dimension=embedder.dimension,
        max_seq_length=embedder.max_seq_length,
        languages=languages_of(config, directory) if directory is not None else None,
        size=size_of(directory) if directory is not None else None,
        prefixes=(embedder.prefixes.query, embedder.prefixes.passage),
    )


def try_model(config: Config, material: Material, directory: Path, *, on_step: OnStep = lambda text: None) -> Trial:
    """Index the material in an empty directory, ask its questions, and measure. Raises ModelError or ConfigError where
    that fails; the directory is the caller's to remove."""
    started = time.monotonic()

    def on_progress(progress: Progress) -> None:
        on_step(_in_words(progress, time.monotonic() - started))

    on_step("loading the model")
    with HybridIndex.open(directory, config=config) as index:
        facts = _facts(config, index.embedder)
        add(material.documents, index, on_progress=on_progress)
        reader = index.searcher().reader
        if not reader.size:
            raise ModelError("it indexed nothing.")
        on_step("measuring its speed")
        limit = chunk_settings(index).max_tokens
        rows = reader.living[:: -(-reader.size // _PASSAGES)].tolist()
        chunks = [reader.chunk(row) for row in rows]
        tokens_per_second = _speed(index.embedder, chunks, context_header=reader.context_header)
        query_milliseconds = _latency(index, material)
        if material.queries:
            on_step(f"asking {len(material.queries):,} questions")
        collection = Collection((), material.queries, material.qrels)
        judged = judge(index, collection, measures=MEASURES) if material.queries else {}
        return Trial(
            facts=facts,
            chunks=reader.size,
            chunk_limit=limit,
            cut=_cut(index.embedder, material.sections, limit=limit),
            tokens_per_second=tokens_per_second,
            query_milliseconds=query_milliseconds,
            memory=_peak_memory(),
            languages=index.stats().languages,
            space=index.embedding_stats(),
            figures={mode: judged[mode].figures for mode in MODES if mode in judged},
        )


def _identity(config: Config, embedder: Embedder) -> str:
    """The same for two models of the same weights, prefixes and settings, whatever they are called."""
    settings = sorted(config.model_dump(exclude={*MODEL_SETTINGS, "query_prefix", "passage_prefix"}).items())
    model = (embedder.version, embedder.pooling, embedder.dimension, embedder.max_seq_length, *embedder.prefixes)
    where = (config.encoder_url, config.output_layer, embedder.tokenizer_digest)
    return digest(repr((model, where if config.is_endpoint else where[1:], settings)))


def _in_words(progress: Progress, seconds: float) -> str:
    done = f"indexing, {progress.documents:,} of {progress.total_documents:,}"
    share = progress.bytes / max(progress.total_bytes, 1)
    if share < 0.02:
        return done
    left = seconds * (1 - share) / share
    return f"{done}, about {left / 60:.0f} min left" if left >= 90 else f"{done}, about {left:.0f} s left"


def _speed(embedder: Embedder, chunks: Sequence[Chunk], *, context_header: bool) -> float:
    """Tokens a second, of the batch that went fastest: what else runs here only slows it down. What the runtime does at
    a first time only, it has done while indexing."""
    batches = [chunks[start : start + _AT_ONCE] for start in range(0, len(chunks), _AT_ONCE)]
    best, began = 0.0, time.perf_counter()
    for batch in batches * -(-_LEAST_BATCHES // len(batches)):
        texts = [embedded_text(chunk, context_header=context_header) for chunk in batch]
        started = time.perf_counter()
        embedder.embed_passages(texts)
        best = max(best, sum(chunk.tokens for chunk in batch) / (time.perf_counter() - started))
        if time.perf_counter() - began > _SECONDS:
            break
    return best


def _latency(index: HybridIndex, material: Material) -> float:
    """Milliseconds of a hybrid search, one question after the other; the first of all does not count."""
    texts = timed_queries(material)
    taken = []
    for text in (texts[0], *texts):
        started = time.perf_counter()
        index.search(text, operators=False)
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken[1:])


def timed_queries(material: Material) -> list[str]:
    """The questions that are asked, or without any the first words of sections; one at least."""
    if material.queries:
        return list(material.queries.values())[:_QUERIES_TIMED]
    starts = [" ".join(text.split()[:_WORDS_OF_QUERY])[:_CHARACTERS_OF_QUERY] for text in material.sections]
    return [start for start in starts if letters(start)][:_QUERIES_TIMED] or [_QUERY]


def _cut(embedder: Embedder, sections: Sequence[str], *, limit: int) -> float:
    """The share of the sections that are longer than a chunk may be, prefix and special tokens included."""
    longer = 0
    for start in range(0, len(sections), _AT_ONCE):
        texts = [embedder.prefixes.passage + text for text in sections[start : start + _AT_ONCE]]
        longer += sum(len(encoding) > limit for encoding in embedder.tokenizer.encode_batch_fast(texts))
    return longer / max(len(sections), 1)


def _peak_memory() -> int | None:
    """Bytes that this process had in memory at most."""
    try:  # Linux: since this program began; what getrusage says begins with the memory of the process that started it
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
