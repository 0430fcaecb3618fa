"""Token counts that are sums: for BERT's tokenizers no token reaches over white space or ASCII punctuation."""

import re
from collections.abc import Sequence
from itertools import accumulate, repeat
from string import punctuation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPACE = " \t\n\r"  # BERT drops "\f" and other control characters, so that what they part becomes one word
TOO_LONG = -1

_SEAMS = frozenset(SPACE + punctuation)
_UNITS_REMEMBERED = 65_536  # some 10 MB
_UNIT = re.compile(f"([^{SPACE}{re.escape(punctuation)}]+|[{re.escape(punctuation)}])")


class UnitCounts:
    """Counts a text's tokens by its units, each counted by the tokenizer once and then remembered.

    A unit is an ASCII punctuation mark, or a longest run without white space and such marks: BertPreTokenizer makes
    words of their own of the former, and BertNormalizer changes nothing across them. Make it by `if_additive`.
    """

    def __init__(self, tokenizer: "Tokenizer", added_tokens: Sequence[str]) -> None:
        self._tokenizer, self._added_tokens = tokenizer, added_tokens
        self._longest = tokenizer.model.max_input_chars_per_word // 4  # no decomposition makes more than four of one
        self._counts: dict[str, int] = {}

    @classmethod
    def if_additive(cls, tokenizer: "Tokenizer") -> "UnitCounts | None":
        """None where the tokenizer is not of the kind whose counts are known to be sums."""
        from tokenizers import models, normalizers, pre_tokenizers

        kinds = (
            (tokenizer.normalizer, normalizers.BertNormalizer),
            (tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer),
            (tokenizer.model, models.WordPiece),
        )
        added = tokenizer.get_added_tokens_decoder().values()
        if not all(isinstance(part, kind) for part, kind in kinds):
            return None
        if any(token.normalized or any(map(str.isspace, token.content)) for token in added):
            return None
        return cls(tokenizer, [token.content for token in added])

    def adds_up(self, text: str) -> bool:
        """Whether `text` is free of what is read before units are: "[SEP]" and its like, written out."""
        return not any(token in text for token in self._added_tokens)

    def units(self, text: str, *, base: int) -> tuple[list[int], list[str]]:
        """Where each unit starts if `text` starts at `base`, and the units."""
        parts = _UNIT.split(text)  # a gap, a unit, a gap, ..., a gap
        return list(accumulate(map(len, parts), initial=base))[1:-1:2], parts[1::2]

    def counts(self, units: Sequence[str]) -> list[int]:
        """Tokens of each unit; TOO_LONG for those that WordPiece may not read."""
        missing = set(units).difference(self._counts)
        if missing:
            if len(self._counts) + len(missing) > _UNITS_REMEMBERED:
                self._counts.clear()
                missing = set(units)
            batch = [unit for unit in missing if len(unit) <= self._longest]
            encodings = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            self._counts.update(zip(batch, map(len, encodings), strict=True))
        return list(map(self._counts.get, units, repeat(TOO_LONG)))

    def total(self, text: str) -> int | None:
        """Tokens of `text`, special tokens aside; None where they are not the sum of those of its units."""
        counts = self.counts(_UNIT.findall(text))
        return None if TOO_LONG in counts or not self.adds_up(text) else sum(counts)


def is_seam(text: str, offset: int) -> bool:
    """Whether units end at `offset`: the tokens of `text` are those before it and those after it."""
    return not 0 < offset < len(text) or text[offset - 1] in _SEAMS or text[offset] in _SEAMS
