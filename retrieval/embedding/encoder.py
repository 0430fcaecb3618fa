"""What an index asks of whatever turns text into vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from retrieval.types import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@runtime_checkable
class Encoder(Protocol):
    """Text -> vectors. `HybridIndex.open(path, encoder=...)` takes anything that has these; threads share it.

    name            what messages and the index call it
    version         says that vectors are comparable: change it whenever the same string gets another vector. An index
                    that was made with another version refuses to open.
    dimension       of the vectors
    max_seq_length  how much of a string it reads: tokens, special tokens included; without a tokenizer, characters
    tokenizer       counts those tokens, with neither truncation nor padding; None to count characters
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_seq_length(self) -> int: ...

    @property
    def tokenizer(self) -> "Tokenizer | None": ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """float [n, dimension], a row for each of n >= 1 texts, which begin with the query prefix. They may be longer
        than max_seq_length; what is beyond need not be read."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float [n, dimension], a row for each of n >= 1 texts, which begin with the passage prefix and stay within
        max_seq_length."""
        ...


def character_tokenizer() -> "Tokenizer":
    """One token for each character of a string, for an encoder whose limit is in characters."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(WordLevel({"character": 0}, unk_token="character"))
    tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), behavior="isolated")
    return tokenizer
