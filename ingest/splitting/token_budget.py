"""What an embedded string costs: special tokens, prefix, context header and text, counted as the model reads them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_HEADERS_REMEMBERED = 1024


class TokenBudget:
    """At most `limit` tokens for `prefix` + header + text, special tokens included.

    tokenizer   without truncation and padding, see `retrieval.embedder.exact_copy`
    """

    def __init__(self, tokenizer: "Tokenizer", *, prefix: str, limit: int) -> None:
        self._tokenizer, self._prefix, self.limit = tokenizer, prefix, limit
        self._cached_room = lru_cache(_HEADERS_REMEMBERED)(self._count_room)

    def count(self, text: str) -> int:
        """Tokens of prefix + text."""
        return len(self._tokenizer.encode(self._prefix + text).ids)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """`count` of each text."""
        encodings = self._tokenizer.encode_batch_fast([self._prefix + text for text in texts])
        return [len(encoding) for encoding in encodings]

    def room(self, header: str) -> int:
        """Tokens left for the text under a context header, at least 1. Raises ConfigError where nothing is left."""
        return self._cached_room(header)

    def _count_room(self, header: str) -> int:
        room = self.limit - self.count(header)
        if room < 1:
            raise ConfigError(
                f"Special tokens, the prefix {self._prefix!r} and the context header {header!r} take "
                f"{self.limit - room} tokens of {self.limit} and leave none for text: raise the chunk size, or shorten "
                "the prefix."
            )
        return room
