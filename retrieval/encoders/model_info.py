"""What an index, and the code that feeds the model, have to know of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class ModelInfo:
    """Facts of a model, as its files give them.

    pooling         how token vectors become one vector
    dimension       of the vectors
    max_seq_length  tokens the model reads of a string, special tokens included
    padding         the token that fills up a text
    tokenizer       the model's own in JSON, without truncation and padding: as packaged, many tokenizers count the same
                    128 for every text
    """

    pooling: str
    dimension: int
    max_seq_length: int
    padding: int
    tokenizer: str

    @cached_property
    def loaded_tokenizer(self) -> "Tokenizer":
        """Loaded once and shared, since one of many languages takes a second and 300 MB: it must not be changed."""
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self.tokenizer)
