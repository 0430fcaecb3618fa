"""Text -> unit vectors with a sentence-transformers model, prefixes and token counts explicit."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from retrieval.config import Config
from retrieval.errors import ConfigError, ModelError
from retrieval.model_files import find_model, hash_weights
from retrieval.types import Vectors, digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)


class Embedder:
    """A loaded model with the prefixes, limits and identity that an index has to know of.

    weights         hexadecimal SHA-256 of the model's weights
    pooling         how token vectors become one vector
    max_seq_length  tokens the model reads of a string, special tokens included
    tokenizer       the model's own, without truncation and padding: counts are true
    """

    def __init__(self, model: "SentenceTransformer", config: Config, *, weights: str) -> None:
        self._model = model
        self._config = config
        self.weights = weights
        self.pooling = _pooling_of(model)
        self.tokenizer = _tokenizer_of(model)
        self.max_seq_length = _limit_of(model)
        self.dimension = int(model.get_embedding_dimension() or 0)

    @classmethod
    def load(cls, config: Config) -> Self:
        """Raises ModelError where the model cannot be found or used, ConfigError where `pooling` does not fit it."""
        directory = find_model(config.model, revision=config.revision)
        return cls(_load_model(directory, config), config, weights=hash_weights(directory))

    @property
    def tokenizer_digest(self) -> str:
        """Tells one tokenizer from another."""
        return digest(self.tokenizer.to_str())

    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows, of query_prefix + query.

        What lies beyond max_seq_length is not read; a warning is logged.
        """
        for query in queries:
            tokens = self.count_tokens(self._config.query_prefix + query)
            if tokens > self.max_seq_length:
                log.warning(
                    "A query has %d tokens; the model reads the first %d, BM25 all of them.",
                    tokens,
                    self.max_seq_length,
                )
        return self._encode(queries, self._config.query_prefix)

    def embed_passages(self, passages: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows, of passage_prefix + passage. The caller keeps them below the limit."""
        return self._encode(passages, self._config.passage_prefix)

    def count_tokens(self, text: str) -> int:
        """Tokens of the string as the model would read it, special tokens included."""
        return len(self.tokenizer.encode(text).ids)

    def _encode(self, texts: Sequence[str], prefix: str) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        # The prompt is passed as such: left to itself, encode_document() picks a model's empty "document" prompt.
        vectors = self._model.encode(
            list(texts),
            prompt=prefix,
            batch_size=self._config.batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _load_model(directory: Path, config: Config) -> "SentenceTransformer":
    _quiet_libraries()
    from sentence_transformers import SentenceTransformer

    bare = not (directory / "modules.json").is_file()
    if bare and config.pooling is None:
        raise ConfigError(
            f"{config.model} is a bare transformer (no modules.json): set `pooling` to mean, cls, max, "
            "mean_sqrt_len_tokens, weightedmean or lasttoken."
        )
    if not bare and config.pooling is not None:
        raise ConfigError(f"{config.model} brings its own pooling; remove `pooling: {config.pooling}`.")
    try:
        if not bare:
            return SentenceTransformer(
                str(directory), device=config.device, trust_remote_code=config.trust_remote_code, local_files_only=True
            )
        return _with_pooling(directory, config)
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, AssertionError) as error:
        log.debug("loading %s failed", directory, exc_info=True)
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        on = f" on the device {config.device!r} (setting `device`)" if config.device else ""
        raise ModelError(f"The model {config.model} cannot be loaded from {directory}{on}: {cause}") from error


def _with_pooling(directory: Path, config: Config) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    log.warning(
        "%s was not tuned for similarity: its cosines are a rough guide (%s pooling).", config.model, config.pooling
    )
    code = {"trust_remote_code": config.trust_remote_code}
    transformer = Transformer(str(directory), model_kwargs=code, config_kwargs=code, processor_kwargs=code)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode=config.pooling or "mean")
    return SentenceTransformer(modules=[transformer, pooling], device=config.device)


def _quiet_libraries() -> None:
    """No progress bars and no advice on standard error: a library logs, the application decides."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _pooling_of(model: "SentenceTransformer") -> str:
    from sentence_transformers.sentence_transformer.modules import Pooling

    modes = [module.pooling_mode for module in model if isinstance(module, Pooling)]
    return " + ".join(mode if isinstance(mode, str) else "+".join(mode) for mode in modes) or "the model's own"


def exact_copy(tokenizer: "Tokenizer") -> "Tokenizer":
    """A copy without truncation and padding: as packaged, many tokenizers count the same 128 for every text."""
    duplicate: Tokenizer = type(tokenizer).from_str(tokenizer.to_str())
    duplicate.no_truncation()
    duplicate.no_padding()
    return duplicate


def stored_tokenizer(config: Config) -> "Tokenizer | None":
    """The tokenizer in the model's files, read in a tenth of a second; None where there is none as such. Only its
    digest tells whether it is what the loaded model uses. Raises ModelError."""
    from tokenizers import Tokenizer

    file = find_model(config.model, revision=config.revision) / "tokenizer.json"
    try:
        return exact_copy(Tokenizer.from_file(str(file))) if file.is_file() else None
    except Exception:  # all that the library raises; loading the model says what is wrong
        log.debug("reading %s failed", file, exc_info=True)
        return None


def _tokenizer_of(model: "SentenceTransformer") -> "Tokenizer":
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("The model has no fast tokenizer, and without one its token counts cannot be exact.")
    return exact_copy(backend)


def _limit_of(model: "SentenceTransformer") -> int:
    limit = model.max_seq_length
    if limit is None or limit > 1_000_000:  # transformers' "no limit known" is 1e30
        raise ModelError(
            "The model does not say how many tokens it reads; set max_seq_length in its own configuration."
        )
    return int(limit)
