"""An encoder as an index uses it: with its prefixes, and with vectors that can be relied on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from retrieval.config import MODEL_SETTINGS, Config
from retrieval.encoders.character_tokenizer import character_tokenizer
from retrieval.encoders.cosine_scale import cosine_scale
from retrieval.encoders.endpoint_encoder import EndpointEncoder
from retrieval.encoders.local_encoder import LocalEncoder
from retrieval.encoders.model_files import PASSED
from retrieval.encoders.prompts import resolved
from retrieval.encoders.vocabulary import reads_many_languages
from retrieval.errors import ConfigError, ModelError
from retrieval.timing import stage
from retrieval.types import CosineScale, Encoder, Vectors, digest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ENCODER = ("name", "version", "dimension", "max_seq_length", "tokenizer", "embed_queries", "embed_passages")
"""What an encoder has. A property, such as a dimension that a server is asked for, is only looked at."""

_UNIT = 1e-4
"""How far from 1 the length of a vector may be that is taken as it is."""


class RemotePassages(Protocol):
    """The same model on other machines, which embeds passages there.

    machines   how many embed at the same time
    """

    @property
    def machines(self) -> int: ...

    def begin(self, texts: Sequence[str]) -> "Future[Vectors]":
        """Start to embed what begins with the passage prefix. The result, and what it raises, as
        `Encoder.embed_passages`."""
        ...


class Embedder:
    """Puts the prefixes before texts and checks what the encoder makes of them. Threads may share it.

    version, dimension, max_seq_length   the encoder's
    prefixes        what stands before each text
    tokenizer       the encoder's, or one token a character
    pooling         how token vectors become one vector
    probe           the vector of a text, where only that tells a model from another; see retrieval.encoders.probe
    numerics        "fp32" where passages get the vectors of full precision; else the precision, whose vectors must not
                    be mixed with others
    """

    def __init__(self, encoder: Encoder, config: Config) -> None:
        self.encoder = encoder
        self._local = encoder if isinstance(encoder, LocalEncoder) else None
        self.prefixes = resolved(config, self._local.prompts if self._local is not None else None)
        self.version = str(encoder.version)
        self.max_seq_length = int(encoder.max_seq_length)
        self.tokenizer: Tokenizer = encoder.tokenizer or character_tokenizer()
        self.pooling = self._local.pooling if self._local is not None else "the encoder's own"
        self._remote: RemotePassages | None = None

    @classmethod
    def load(cls, config: Config) -> Self:
        """Of the model that the settings name, loaded for this alone; `shared_encoder` shares one. Raises as
        LocalEncoder.load and EndpointEncoder.load."""
        return cls((EndpointEncoder if config.is_endpoint else LocalEncoder).load(config), config)

    @property
    def dimension(self) -> int:
        return int(self.encoder.dimension)  # NumPy's integers are no JSON

    @property
    def probe(self) -> str | None:
        return self.encoder.probe if isinstance(self.encoder, EndpointEncoder) else None

    def renew(self, *, after: float) -> None:
        """As EndpointEncoder.renew; nothing for any other encoder."""
        if isinstance(self.encoder, EndpointEncoder):
            self.encoder.renew(after=after)

    @cached_property
    def tokenizer_digest(self) -> str:
        """Tells one tokenizer from another."""
        return self._local.tokenizer_digest if self._local is not None else digest(self.tokenizer.to_str())

    @property
    def numerics(self) -> str:
        return self._local.numerics if self._local is not None else "fp32"

    def cosine_scale(self, *, writing: bool) -> CosineScale:
        """What its cosines mean; measured at first use. Raises as `embed_queries`.

        writing   whether this process embeds passages, or else queries: a model of this machine is loaded for one of
                  the two, and both give the same vectors but for rounding
        """
        queries, passages = self.encoder.embed_queries, self.encoder.embed_passages
        if self._local is not None:
            queries = passages = passages if writing else queries
        return cosine_scale(
            self.encoder,
            self.prefixes,
            lambda texts: self._checked(queries([self.prefixes.query + text for text in texts]), texts),
            lambda texts: self._checked(
                passages([self.prefixes.passage + self._beginning(text) for text in texts]), texts
            ),
        )

    @stage("embedding")
    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows, of query prefix + query. Raises ModelError as the encoder, and where its
        vectors are of no use."""
        if not queries:
            return self._no_vectors()
        return self._checked(self.encoder.embed_queries(self.prefixes.as_queries(queries)), queries)

    def embed_passages(self, passages: Sequence[str]) -> Vectors:
        """float32 [n, dimension], unit rows, of passage prefix + passage. The caller keeps them below the limit. Raises
        as `embed_queries`, and PassagesRefusedError where the encoder takes only some."""
        if not passages:
            return self._no_vectors()
        return self._checked(self.encoder.embed_passages(self.prefixes.as_passages(passages)), passages)

    def begin_passages(self, passages: Sequence[str]) -> Callable[[], Vectors]:
        """`embed_passages`, done when this returns, or begun where other machines do it. The function that is returned
        gives the vectors, waiting for them if need be. Both raise as `embed_passages`."""
        if self._remote is None or not passages:
            vectors = self.embed_passages(passages)
            return lambda: vectors
        begun = self._remote.begin(self.prefixes.as_passages(passages))
        return lambda: self._checked(begun.result(), passages)

    @contextmanager
    def passages_elsewhere(self, remote: RemotePassages) -> Iterator[None]:
        """Within this block, `begin_passages` has `remote` embed."""
        before, self._remote = self._remote, remote
        try:
            yield
        finally:
            self._remote = before

    @property
    def machines(self) -> int:
        """How many embed what is begun, at the same time."""
        return self._remote.machines if self._remote is not None else 1

    def count_tokens(self, text: str) -> int:
        """Tokens of the string as the encoder would read it, special tokens included."""
        return len(self.tokenizer.encode(text).ids)

    def is_word(self, text: str) -> bool:
        """Whether it is one token, as words are that the model has read often."""
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids) == 1

    @cached_property
    def reads_many_languages(self) -> bool:
        """Whether the encoder was trained on them, by its tokenizer; False where that is not known."""
        return reads_many_languages(self.tokenizer)

    def _beginning(self, passage: str) -> str:
        """So many of its words as the encoder reads."""
        words = passage.split(" ")
        while len(words) > 1 and self.count_tokens(self.prefixes.passage + " ".join(words)) > self.max_seq_length:
            words.pop()
        return " ".join(words)

    def _checked(self, vectors: Vectors, texts: Sequence[str]) -> Vectors:
        try:
            vectors = np.asarray(vectors, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ModelError(f"The encoder {self.encoder.name} gave no array of numbers: {error}.") from error
        if vectors.shape != (len(texts), self.dimension):
            raise ModelError(
                f"The encoder {self.encoder.name} gave an array of shape {vectors.shape} for {len(texts)} texts; it "
                f"should be ({len(texts)}, {self.dimension})."
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ModelError(
                f"The encoder {self.encoder.name} gave a vector without a direction (all 0, or no numbers)."
            )
        return vectors if (abs(lengths - 1) < _UNIT).all() else vectors / lengths

    def _no_vectors(self) -> Vectors:
        return np.empty((0, self.dimension), np.float32)


def model_settings(encoder: Encoder) -> dict[str, Any]:
    """What the configuration of an index says of its model, where a program passes the encoder. Raises ConfigError for
    what lacks an attribute or a method of `Encoder`."""
    if isinstance(encoder, LocalEncoder | EndpointEncoder):
        return encoder.settings
    if missing := [name for name in _ENCODER if not (hasattr(type(encoder), name) or hasattr(encoder, name))]:
        raise ConfigError(
            f"A {type(encoder).__name__} is no encoder: it has no {', '.join(missing)}. retrieval.Encoder "
            "says what each is."
        )
    nothing = dict.fromkeys(MODEL_SETTINGS)
    return {**nothing, "model": f"{PASSED}{encoder.name}", "trust_remote_code": False}
