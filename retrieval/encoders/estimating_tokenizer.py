"""Counts tokens of a model whose tokenizer is not known, rather too many than too few."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PIECE = r"\s?[A-Za-z]{1,3}|[\s\S]"

ESTIMATE = "a token for up to three letters of a to z, and for each other character"
"""How it counts, in words."""


def estimating_tokenizer() -> "Tokenizer":
    """One token for up to three letters of a to z with the blank before them, one for each other character, and two
    special tokens.

    English prose has 4 characters a token, so that the estimate is about a third too high. Words in other alphabets
    may cost a token a character where the model was trained on English alone, and so are taken to.
    """
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from tokenizers.processors import TemplateProcessing

    tokenizer = Tokenizer(WordLevel({"piece": 0, "special": 1}, unk_token="piece"))
    tokenizer.pre_tokenizer = Split(Regex(_PIECE), behavior="isolated")
    tokenizer.post_processor = TemplateProcessing(single="special $A special", special_tokens=[("special", 1)])
    return tokenizer
