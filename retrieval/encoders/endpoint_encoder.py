"""A model behind an HTTP endpoint as an Encoder."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.config import MODEL_SETTINGS, Config
from retrieval.encoders import probe
from retrieval.encoders.endpoint import Endpoint
from retrieval.encoders.estimating_tokenizer import estimating_tokenizer
from retrieval.encoders.model_files import find_tokenizer
from retrieval.endpoints import Batches, BatchRefusedError
from retrieval.errors import ConfigError, ModelError, PassagesRefusedError
from retrieval.token_counts import without_limits
from retrieval.types import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)

_MAX_TOKENS = 512
"""What most models read at least, where the settings do not say."""

_BATCH_TOKENS = 16_384
_BATCH_TEXTS = 32
"""Most servers take so many texts in a request; for others it is halved until they do."""


class EndpointEncoder:
    """An `Encoder`: a model that a server runs. Threads may share it.

    settings  those that choose the model
    version   its name: `probe` tells whether it is still the same model
    """

    def __init__(
        self,
        endpoint: Endpoint,
        config: Config,
        *,
        tokenizer: "Tokenizer",
        query_patience: float,
        passage_patience: float,
    ) -> None:
        self._endpoint = endpoint
        self._sent = Batches(texts=_BATCH_TEXTS, requests=config.encoder_requests)
        self._batch_tokens = _BATCH_TOKENS if config.batch_tokens == "auto" else config.batch_tokens
        self._components = config.truncate_dim
        self.settings = config.model_dump(include=set(MODEL_SETTINGS))
        self.name = self.version = config.model
        self.tokenizer = tokenizer
        self._vector: NDArray[np.float32] | None = None
        self._probed_at = 0.0
        self._query_patience = query_patience
        self._passage_patience = passage_patience
        self._probing = threading.Lock()
        self.max_seq_length = config.encoder_max_tokens or _MAX_TOKENS

    @classmethod
    def load(
        cls, config: Config, *, query_patience: float = 10.0, passage_patience: float = 120.0, pause: float = 0.25
    ) -> Self:
        """Without asking the server yet, so that one that is down is found to be so once and not by each who loads it.

        query_patience     seconds for which a search waits for a server that does not answer
        passage_patience   the same for a sync; limits to requests are often by the minute
        pause              as in Endpoint

        Raises ModelError where there is no such tokenizer, ConfigError for a key's file that cannot be read.
        """
        name = config.encoder_tokenizer
        tokenizer = estimating_tokenizer() if name is None else _loaded(find_tokenizer(name))
        return cls(
            Endpoint(config, pause=pause),
            config,
            tokenizer=tokenizer,
            query_patience=query_patience,
            passage_patience=passage_patience,
        )

    @property
    def dimension(self) -> int:
        """Of the vectors, whose first `truncate_dim` components are taken. Raises as `embed_queries`, and ConfigError
        where there are fewer."""
        full = len(self._probed)
        if self._components is None:
            return full
        if self._components > full:
            raise ConfigError(f"{self.name} has vectors of {full} components; set `truncate_dim` to {full} or fewer.")
        return self._components

    @property
    def probe(self) -> str:
        """The vector of a text, as retrieval.encoders.probe keeps it. Raises as `embed_queries`."""
        return probe.as_text(self._probed)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, dimension]. What lies beyond max_seq_length is not sent; a warning is logged.

        Raises EncoderUnavailableError where the server does not answer, ModelError where it refuses or its answer is
        of no use.
        """
        kept = [self._within_limit(text) for text in texts]
        return self._sent.rows(self._batches(kept), self._asking(self._query_patience))

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, dimension]. The caller keeps the texts below the limit.

        Raises as `embed_queries`, but tries for longer, and PassagesRefusedError where the server refuses some of the
        texts, such as one that is longer than it reads, while it embeds another.
        """
        embed = self._asking(self._passage_patience)
        confirmed = False

        def confirm(refusal: BatchRefusedError) -> None:
            """Raises the refusal of any text: a wrong name of the model must not fail documents one by one."""
            nonlocal confirmed
            if not confirmed:
                embed([probe.TEXT])
                confirmed = True

        found = self._sent.rows_or_refusals(self._batches(texts), embed, on_refused=confirm)
        reasons = {place: _reason(row) for place, row in enumerate(found) if isinstance(row, BatchRefusedError)}
        if reasons:
            raise PassagesRefusedError(reasons)
        return np.stack([row for row in found if not isinstance(row, BatchRefusedError)])

    def renew(self, *, after: float) -> None:
        """Forget what `dimension` and `probe` say where the server said it more than so many seconds ago: it is asked
        again at the next use, since it may run another model by now."""
        with self._probing:
            if time.monotonic() - self._probed_at >= after:
                self._vector = None

    @property
    def _probed(self) -> NDArray[np.float32]:
        with self._probing:
            if self._vector is None:
                self._vector = self._endpoint.embed([probe.TEXT], patience=self._query_patience)[0]
                self._probed_at = time.monotonic()
            vector = self._vector
        if not vector.any():
            raise ModelError(
                f"{self.name} at {self.settings['encoder_url']} gives a vector of zeros; it embeds no text."
            )
        return vector

    def _asking(self, patience: float) -> Callable[[Sequence[str]], Vectors]:
        """What embeds a batch, for so many seconds where the server does not answer."""
        dimension = self.dimension  # asked for first, so that no batch is embedded in vain

        def embed(batch: Sequence[str]) -> Vectors:
            return self._checked(self._endpoint.embed(batch, patience=patience), dimension)

        return embed

    def _batches(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        """The texts in order, as many at once as the limits for a request allow."""
        start = tokens = 0
        for place, encoding in enumerate(self.tokenizer.encode_batch_fast(list(texts))):
            count = len(encoding)
            if place > start and (place - start >= self._sent.texts or tokens + count > self._batch_tokens):
                yield texts[start:place]
                start, tokens = place, 0
            tokens += count
        yield texts[start:]

    def _checked(self, vectors: Vectors, dimension: int) -> Vectors:
        if vectors.shape[1] != len(self._probed):
            raise ModelError(
                f"{self.name} at {self.settings['encoder_url']} gives vectors of {vectors.shape[1]} dimensions, and "
                f"gave {len(self._probed)} before: the server runs another model now."
            )
        return vectors[:, :dimension]

    def _within_limit(self, text: str) -> str:
        kept = text
        while (over := len(encoding := self.tokenizer.encode(kept)) - self.max_seq_length) > 0:
            own = [
                span
                for span, special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
                if not special
            ]
            kept = kept[: own[-over][0]] if over < len(own) else ""
        if kept != text:
            log.warning(
                "A query is over %d tokens; the model reads its beginning, BM25 all of it.", self.max_seq_length
            )
        return kept


def _reason(refusal: BatchRefusedError) -> str:
    """Of a text, whose server embeds others."""
    if refusal.is_too_long:
        return str(refusal)
    return f"{refusal.why}. It embeds other texts; change this one, or name the file in .retrievalignore."


def _loaded(file: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    try:
        return without_limits(Tokenizer.from_file(str(file)))
    except Exception as error:  # the library raises no narrower one
        raise ModelError(f"encoder_tokenizer: {file} is no tokenizer ({error}).") from None
