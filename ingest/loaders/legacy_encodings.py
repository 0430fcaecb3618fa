"""Which of the encodings from before Unicode a text is in, from a few words on."""

from collections.abc import Callable
from typing import NamedTuple

_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "cp1258", "iso8859_2", "mac_roman")
_FREQUENT = {
    "cp1251": "оеаинтсрвлі",
    "koi8_r": "оеаинтсрвл",
    "iso8859_5": "оеаинтсрвл",
    "cp866": "оеаинтсрвл",
    "cp1253": "αοιετσνηυρςάέήίόύώ",
    "cp1255": "יוהלאמרבתש",
    "cp1256": "اليمونرتبةع",
    "cp874": "านรอกเงมยล่้",
}
"""The letters that make up most of what people write with an alphabet, by encoding."""

_SAMPLE = 32768
_MIN_FREQUENT = 0.4  # of the letters; by chance it is a third
_MIN_COMMON = 0.8
_MIN_ADJACENT = 0.5


class _Characters(NamedTuple):
    """An encoding of Chinese, Japanese or Korean, and whether two bytes of it are a character in everyday use."""

    encoding: str
    is_common: Callable[[int, int], bool]


_EAST_ASIAN = (
    # Hangul before hanzi: all of it is among these bytes, of which Chinese uses only two thirds of the time.
    _Characters("cp949", lambda lead, trail: trail > 0xA0 and (0xB0 <= lead <= 0xC8 or lead in {0xA1, 0xA3})),
    _Characters("gb18030", lambda lead, trail: trail > 0xA0 and (0xB0 <= lead <= 0xD7 or lead in {0xA1, 0xA3})),
    _Characters("euc_jp", lambda lead, trail: 0xB0 <= lead <= 0xCF or lead in {0xA1, 0xA3, 0xA4, 0xA5}),
    _Characters("cp932", lambda lead, trail: 0x88 <= lead <= 0x97 or lead in {0x81, 0x82, 0x83}),
    _Characters("big5", lambda lead, trail: 0xA4 <= lead <= 0xC6 or lead == 0xA1),
)
"""Everyday characters are the first level of each standard: GB 2312, JIS X 0208, KS X 1001 (Hangul), Big5."""


def detected_encoding(data: bytes) -> str | None:
    """The likeliest encoding of text that is not UTF-8; None where the bytes are no text in any.

    East Asian encodings are known by the share of everyday characters among theirs, alphabets other than Latin by
    the share of their most frequent letters, and the Latin ones by charset-normalizer.
    """
    # Only lines that are not ASCII say anything, and detection takes seconds on megabytes.
    sample = b"\n".join(line for line in data.splitlines() if not line.isascii())[:_SAMPLE]
    if _adjacent(sample) >= _MIN_ADJACENT:
        scores = {candidate.encoding: _common_share(sample, candidate) for candidate in _EAST_ASIAN}
        best = max(scores, key=scores.__getitem__)
        if scores[best] >= _MIN_COMMON:
            return best
        ...
    return _latin(sample)
