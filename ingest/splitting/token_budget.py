"""What an embedded string costs: special tokens, prefix, context header and text, counted as the model reads them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ingest.splitting.unit_counts import SPACE, UnitCounts
from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_HEADERS_REMEMBERED = 1024


class Part(NamedTuple):
    """A chunk's context header and text, and the text's tokens if it is known that they add to those before it."""

    header: str
    text: str
    tokens: int | None


class TokenBudget:
    """At most `limit` tokens for `prefix` + header + text, special tokens included.

    tokenizer   without truncation and padding, see `retrieval.token_counts.without_limits`
    units       of this tokenizer; None where its counts are no sums
    """

    def __init__(self, tokenizer: "Tokenizer", units: UnitCounts | None, *, prefix: str, limit: int) -> None:
        self._tokenizer, self._units, self._prefix, self.limit = tokenizer, units, prefix, limit
        self._special_tokens = len(tokenizer.encode("").ids)
        self.header_tokens = lru_cache(_HEADERS_REMEMBERED)(self.count)

    def count(self, text: str) -> int:
        """Tokens of prefix + text."""
        summed = self._units.total(self._prefix + text) if self._units else None
        return self._tokenized([text])[0] if summed is None else self._special_tokens + summed

    def counts(self, parts: Sequence[Part]) -> list[int]:
        """Tokens of prefix + header + text of each: a sum where that is sure to be right, else by the tokenizer."""
        sums = [self._sum(part) for part in parts]
        others = [part.header + part.text for part, known in zip(parts, sums, strict=True) if known is None]
        counted = iter(self._tokenized(others))
        return [next(counted) if known is None else known for known in sums]

    def room(self, header: str) -> int:
        """Tokens left for the text under a context header, at least 1. Raises ConfigError where nothing is left."""
        room = self.limit - self.header_tokens(header)
        if room < 1:
            raise ConfigError(
                f"Special tokens, the prefix {self._prefix!r} and the context header {header!r} take "
                f"{self.limit - room} tokens of {self.limit} and leave none for text: raise the chunk size, or shorten "
                "the prefix."
            )
        return room

    def _sum(self, part: Part) -> int | None:
        ends_in_space = (self._prefix + part.header)[-1:] in SPACE  # or is empty
        return self.header_tokens(part.header) + part.tokens if part.tokens is not None and ends_in_space else None

    def _tokenized(self, texts: Sequence[str]) -> list[int]:
        encodings = self._tokenizer.encode_batch_fast([self._prefix + text for text in texts])
        return [len(encoding) for encoding in encodings]
