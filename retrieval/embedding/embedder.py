"""Text -> unit vectors, with prefixes and token counts explicit."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Self

import numpy as np

from retrieval.config import Config
from retrieval.embedding.encoding import encode
from retrieval.embedding.model_files import find_model, hash_weights
from retrieval.embedding.runtime import Runtime
from retrieval.embedding.runtimes import Runtimes
from retrieval.timing import stage
from retrieval.types import Vectors, digest

log = logging.getLogger(__name__)

_MANY = 32
"""Queries from which on it is worth loading what embeds passages."""


class Embedder:
    """A model with the prefixes, limits and identity that an index has to know of. Threads may share it.

    weights         hexadecimal SHA-256 of the model's weights
    pooling         how token vectors become one vector
    max_seq_length  tokens the model reads of a string, special tokens included
    dimension       of the vectors
    tokenizer       the model's own, without truncation and padding: counts are true
    """

    def __init__(self, runtimes: Runtimes, config: Config, *, weights: str) -> None:
        self._runtimes = runtimes
        self._config = config
        self._traits = runtimes.traits
        self.weights = weights
        self.pooling = self._traits.pooling
        self.max_seq_length = self._traits.max_seq_length
        self.dimension = self._traits.dimension
        self.tokenizer = self._traits.loaded_tokenizer

    @classmethod
    def load(cls, config: Config) -> Self:
        """Raises ModelError where the model cannot be found or used, ConfigError where `pooling` does not fit it."""
        directory = find_model(config.model, revision=config.revision)
        weights = hash_weights(directory)
        return cls(Runtimes(directory, config, weights=weights), config, weights=weights)

    @cached_property
    def tokenizer_digest(self) -> str:
        """Tells one tokenizer from another."""
        return digest(self._traits.tokenizer)

    @property
    def numerics(self) -> str:
        """As `Runtimes.numerics`: whether vectors of passages may lie beside those of full precision."""
        return self._runtimes.numerics

    @stage("embedding")
    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows, of query_prefix + query: in full precision, unless there are so many that
        they are embedded as passages are.

        What lies beyond max_seq_length is not read; a warning is logged.
        """
        if not queries:
            return self._no_vectors()
        encoded = self._token_ids(self._config.query_prefix, queries)
        for place, ids in enumerate(encoded):
            if len(ids) > self.max_seq_length:
                log.warning(
                    "A query has %d tokens; the model reads the first %d, BM25 all of them.",
                    len(ids),
                    self.max_seq_length,
                )
                encoded[place] = self._truncated(self._config.query_prefix + queries[place])
        return self._encode(
            encoded, self._runtimes.for_queries if len(queries) < _MANY else self._runtimes.for_passages
        )

    def embed_passages(self, passages: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows, of passage_prefix + passage. The caller keeps them below the limit."""
        if not passages:
            return self._no_vectors()
        return self._encode(self._token_ids(self._config.passage_prefix, passages), self._runtimes.for_passages)

    def count_tokens(self, text: str) -> int:
        """Tokens of the string as the model would read it, special tokens included."""
        return len(self.tokenizer.encode(text).ids)

    def is_word(self, text: str) -> bool:
        """Whether it is one token, as words are that the model has read often."""
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids) == 1

    def _encode(self, encoded: Sequence[Sequence[int]], runtime: Runtime) -> Vectors:
        return encode(
            encoded,
            runtime,
            self._traits,
            mixes=runtime.mixes,
            batch_tokens=runtime.batch_tokens if self._config.batch_tokens == "auto" else self._config.batch_tokens,
            threads=self._threads if runtime.at_once > 1 else None,
        )

    def _token_ids(self, prefix: str, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast([prefix + text for text in texts])]

    def _truncated(self, text: str) -> list[int]:
        special = self.tokenizer.num_special_tokens_to_add(is_pair=False)
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        encoding.truncate(self.max_seq_length - special)
        ids: list[int] = self.tokenizer.post_process(encoding).ids
        return ids

    def _no_vectors(self) -> Vectors:
        return np.empty((0, self.dimension), np.float32)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._runtimes.for_passages.at_once, "embedding")
