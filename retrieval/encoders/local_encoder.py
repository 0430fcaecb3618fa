"""A model of this machine as an Encoder: prepared strings in, vectors out."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Self

from retrieval.config import MODEL_SETTINGS, Config
from retrieval.encoders.encoding import encode
from retrieval.encoders.model_files import find_model, hash_weights
from retrieval.encoders.prompts import Prompts, prompts_of
from retrieval.encoders.runtime import Runtime
from retrieval.encoders.runtimes import Runtimes
from retrieval.types import Vectors, digest

log = logging.getLogger(__name__)

_MANY = 32
"""Queries from which on it is worth loading what embeds passages."""


class LocalEncoder:
    """An `Encoder`: a sentence-transformers model, run by what runs it fastest here. Threads may share it.

    settings  those that choose the model
    version   hexadecimal SHA-256 of the model's weights
    prompts   what the model was trained to have before its texts, if it says so
    pooling   how token vectors become one vector
    """

    def __init__(self, runtimes: Runtimes, config: Config, *, weights: str, prompts: Prompts | None) -> None:
        self._runtimes = runtimes
        self._model_info = runtimes.model_info
        self._batch_tokens = config.batch_tokens
        self.settings = config.model_dump(include=set(MODEL_SETTINGS))
        self.name = config.model
        self.version = weights
        self.prompts = prompts
        self.pooling = self._model_info.pooling
        self.max_seq_length = self._model_info.max_seq_length
        self.dimension = self._model_info.dimension
        self.tokenizer = self._model_info.loaded_tokenizer

    @classmethod
    def load(cls, config: Config) -> Self:
        """Raises ModelError where the model cannot be found or used, ConfigError where settings do not fit it."""
        return cls.read(find_model(config.model, revision=config.revision), config)

    @classmethod
    def read(cls, directory: Path, config: Config) -> Self:
        """From the directory that `find_model` has found. Raises as `load`."""
        weights = hash_weights(directory)
        runtimes = Runtimes(directory, config, weights=weights)
        return cls(runtimes, config, weights=weights, prompts=prompts_of(directory))

    @cached_property
    def tokenizer_digest(self) -> str:
        """Tells one tokenizer from another."""
        return digest(self._model_info.tokenizer)

    @property
    def numerics(self) -> str:
        """As `Runtimes.numerics`: whether vectors of passages may lie beside those of full precision."""
        return self._runtimes.numerics

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows: in full precision, unless there are so many texts that they are embedded
        as passages are.

        What lies beyond max_seq_length is not read; a warning is logged.
        """
        encoded = self._token_ids(texts)
        for place, ids in enumerate(encoded):
            if len(ids) > self.max_seq_length:
                log.warning(
                    "A query has %d tokens; the model reads the first %d, BM25 all of them.",
                    len(ids),
                    self.max_seq_length,
                )
                encoded[place] = self._truncated(texts[place])
        return self._encode(encoded, self._runtimes.for_queries if len(texts) < _MANY else self._runtimes.for_passages)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows. The caller keeps the texts below the limit."""
        return self._encode(self._token_ids(texts), self._runtimes.for_passages)

    def _encode(self, encoded: Sequence[Sequence[int]], runtime: Runtime) -> Vectors:
        return encode(
            encoded,
            runtime,
            self._model_info,
            mixes=runtime.mixes,
            batch_tokens=runtime.batch_tokens if self._batch_tokens == "auto" else self._batch_tokens,
            threads=self._threads if runtime.at_once > 1 else None,
        )

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def _truncated(self, text: str) -> list[int]:
        special = self.tokenizer.num_special_tokens_to_add(is_pair=False)
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        encoding.truncate(self.max_seq_length - special)
        ids: list[int] = self.tokenizer.post_process(encoding).ids
        return ids

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._runtimes.for_passages.at_once, "embedding")
