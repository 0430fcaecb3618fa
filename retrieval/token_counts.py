"""How many tokens a text has, by whichever tokenizer the caller has at hand."""

from collections.abc import Callable, Sized
from inspect import signature
from typing import TYPE_CHECKING, Protocol

from retrieval.errors import QueryError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TokenCount = Callable[[str], int]


class Encoding(Protocol):
    """An object with `encode`, as of tiktoken, transformers or sentencepiece."""

    @property
    def encode(self) -> Callable[..., Sized]: ...


def token_counter(tokenizer: "Tokenizer | Encoding | TokenCount") -> TokenCount:
    """A function that counts a text's tokens: all of them, without the special ones that an encoder puts around it.

    tokenizer   a tokenizers.Tokenizer (its truncation and padding are not applied, and it is not changed), an object
                with `encode` as of tiktoken or transformers, or a function str -> int, which is taken as it is.

    Raises QueryError for anything else.
    """
    from tokenizers import Tokenizer

    if isinstance(tokenizer, Tokenizer):
        return _counter_of(tokenizer)
    if isinstance(tokenizer, str):  # whose encode() would count bytes
        raise QueryError(f"tokenizer is the text {tokenizer[:40]!r}; load the tokenizer of that name and give it.")
    # What a document spells like a special token is text to tiktoken's encode_ordinary, an error to its encode.
    encode = getattr(tokenizer, "encode_ordinary", None) or getattr(tokenizer, "encode", None)
    if callable(encode):
        options = {"add_special_tokens": False} if _takes(encode, "add_special_tokens") else {}
        return lambda text: len(encode(text, **options))
    if callable(tokenizer):
        return tokenizer
    raise QueryError(
        f"tokenizer is a {type(tokenizer).__name__}; give a tokenizers.Tokenizer, an object with encode(), or a "
        "function that counts the tokens of a text."
    )


def _takes(function: Callable[..., object], name: str) -> bool:
    """Whether it has a parameter of that name; not where it is compiled and does not say."""
    try:
        return name in signature(function).parameters
    except (TypeError, ValueError):
        return False


def _counter_of(tokenizer: "Tokenizer") -> TokenCount:
    exact = without_limits(tokenizer)
    return lambda text: len(exact.encode(text, add_special_tokens=False).ids)


def without_limits(tokenizer: "Tokenizer") -> "Tokenizer":
    """The tokenizer, or a copy where it has truncation or padding, without these."""
    if tokenizer.truncation is None and tokenizer.padding is None:
        return tokenizer
    duplicate: Tokenizer = type(tokenizer).from_str(tokenizer.to_str())
    duplicate.no_truncation()
    duplicate.no_padding()
    return duplicate
