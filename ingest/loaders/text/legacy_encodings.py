"""Which of the encodings from before Unicode a text is in, from a few words on."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from itertools import pairwise

from ingest.loaders.text.latin_encodings import encoding_of_alphabet

LATIN_1 = frozenset({"iso-8859-1", "latin-1", "latin1"})
"""Names of an encoding by which files are called that are in cp1252, which has more letters."""

_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "cp1258", "iso8859_2", "mac_roman")
_EAST_ASIAN: Mapping[str, Callable[[int, int], bool]] = {
    # Hangul before hanzi: all of it lies in the range of which Chinese takes only two characters of three.
    "cp949": lambda lead, trail: trail > 0xA0 and (0xB0 <= lead <= 0xC8 or lead in {0xA1, 0xA3}),
    "gb18030": lambda lead, trail: trail > 0xA0 and (0xB0 <= lead <= 0xD7 or lead in {0xA1, 0xA3}),
    "euc_jp": lambda lead, trail: 0xB0 <= lead <= 0xCF or lead in {0xA1, 0xA3, 0xA4, 0xA5},
    "cp932": lambda lead, trail: 0x88 <= lead <= 0x97 or lead in {0x81, 0x82, 0x83},
    "big5": lambda lead, trail: 0xA4 <= lead <= 0xC6 or lead == 0xA1,
}
"""Whether two bytes are a character of everyday use: of the first level of KS X 1001, GB 2312, JIS X 0208 and Big5, or
their signs and kana."""

_ALPHABETS = {
    "cp1251": ("оеаинтсрвлкмдпуі", "ъэщфцё"),
    "cp866": ("оеаинтсрвлкмдпу", "ъэщфцё"),
    "koi8_r": ("оеаинтсрвлкмдпу", "ъэщфцё"),
    "iso8859_5": ("оеаинтсрвлкмдпу", "ъэщфцё"),
    "cp1253": ("αοιετσνηυρςάέήίόύώ", "ψξζΰϊΐϋ"),
    "cp737": ("αοιετσνηυρςάέήίόύώ", "ψξζΰϊΐϋ"),
    "cp1255": ("יוהלאמרבתשםנ", "ףץסך"),
    "cp1256": ("اليمونرتبةع", "ظذثضغپچژگàâçèéêëîïôùûü"),
    "cp874": ("านรอกเงมยลวดทสตะ", "ฌฎฏฐฑฒฤฦฬฮฃฅ"),
}
"""The most frequent letters of an alphabet, and some that are rare but frequent where it is misread, by encoding. They
are small ones only: the small letters of one Cyrillic encoding are the capitals of another."""

_WORD = re.compile(rb"[A-Za-z\x80-\xff]{2,}")
_DOS_LETTER = re.compile(rb"(?<=[A-Za-z])[\x81\x82\x84\x88\x94](?=[a-z])")  # ü é ä ê ö; elsewhere signs, or nothing
_WINDOWS_LETTER = re.compile(rb"(?<=[A-Za-z])[\xc0-\xff]|[\xc0-\xff](?=[a-z])")
_ASCII = bytes(range(128))
_SAMPLE = 32768
_MIN_COMMON = 0.8  # of the East Asian characters
_MIN_ADJACENT = 0.3  # of them, before another; what is a Latin letter with an accent stands alone
_MIN_SCORE = 0.3  # of an alphabet, for each letter
_MIN_LETTERS = 4
_MIN_OTHER = 0.7  # bytes beyond ASCII in the words that have any, in an alphabet that is not Latin
_MAX_INVALID = 0.01


def detected_encoding(data: bytes) -> str | None:
    """The likeliest encoding of text that is not UTF-8; None where the bytes are no text in any.

    East Asian encodings are known by the share of everyday characters, alphabets that are not Latin by the share of
    their most frequent letters, and the Latin ones by the letters of their languages, else by charset-normalizer.
    """
    # Only lines that are not ASCII say anything, and detection takes seconds on megabytes.
    sample = b"\n".join(line for line in data.splitlines() if not line.isascii())[:_SAMPLE]
    common = {encoding: _common_share(sample, encoding) for encoding in _EAST_ASIAN}
    likeliest = max(common, key=lambda encoding: round(common[encoding], 1))  # the first of those that are near
    if common[likeliest] >= _MIN_COMMON:
        return likeliest
    words = b" ".join(word for word in _WORD.findall(sample) if not word.isascii())
    letters = len(words.translate(None, _ASCII))
    if letters >= _MIN_LETTERS and letters >= _MIN_OTHER * len(words.translate(None, b" ")):
        scores = {encoding: _score(words, encoding) / letters for encoding in _ALPHABETS}
        best = max(scores, key=scores.__getitem__)
        if scores[best] >= _MIN_SCORE:
            return best
    return encoding_of_alphabet(words) or _latin_encoding(sample) or (likeliest if common[likeliest] else None)


def is_latin(encoding: str) -> bool:
    """Whether it is one of the encodings of Latin letters, whose bytes can be guessed one by one."""
    return encoding not in _EAST_ASIAN and encoding not in _ALPHABETS


def _common_share(sample: bytes, encoding: str) -> float:
    """The share of everyday characters among those beyond ASCII; 0 where these are invalid, or mostly stand alone."""
    text = sample.decode(encoding, "replace")
    number = sum(not character.isascii() for character in text)
    adjacent = sum(not (left.isascii() or right.isascii()) for left, right in pairwise(text))
    if not number or text.count("\ufffd") > _MAX_INVALID * number or adjacent < _MIN_ADJACENT * number:
        return 0
    codes = (character.encode(encoding, "ignore") for character in text if not character.isascii())
    return sum(len(code) == 2 and _EAST_ASIAN[encoding](code[0], code[1]) for code in codes) / number


def _score(words: bytes, encoding: str) -> int:
    """How many letters are frequent, less those that are rare and the signs that are no letters."""
    text = words.decode(encoding, "replace")
    frequent, rare = _ALPHABETS[encoding]
    odd = sum(not (character.isascii() or unicodedata.category(character)[0] in "LM") for character in text)
    return sum(map(text.count, frequent)) - sum(map(text.count, rare)) - odd


def _latin_encoding(sample: bytes) -> str | None:
    if len(_DOS_LETTER.findall(sample)) > len(_WINDOWS_LETTER.findall(sample)):
        return "cp850"
    if len(set(sample.translate(None, _ASCII))) < _MIN_LETTERS and _is_cp1252(sample):
        return "cp1252"
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(_LATIN))
    best = matches.best()
    if best is None:
        return "cp1252" if _is_cp1252(sample) else None
    # Its scores cannot tell the Western European code page from its neighbours in a few accented words.
    near = (match for match in matches if match.chaos <= best.chaos + 0.1)
    return "cp1252" if any("cp1252" in match.could_be_from_charset for match in near) else str(best.encoding)


def _is_cp1252(sample: bytes) -> bool:
    try:
        sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return True
