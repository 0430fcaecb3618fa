"""Which encoding makes the letters of one Latin alphabet out of the bytes beyond ASCII: cp1254 for Turkish, say."""

import functools
import re
from collections import Counter

_WESTERN, _CENTRAL = ("cp1252", "cp850", "mac_roman"), ("cp1250", "iso8859_2", "cp852")
_TURKISH, _BALTIC = ("cp1254", "cp857"), ("cp1257", "cp775")
_ALPHABETS = (
    ("äöüß", _WESTERN),  # German
    ("àâæçèêëîïôœùûüÿ", _WESTERN),  # French
    ("áíñóúü", _WESTERN),  # Spanish
    ("áàâãçêíóôõúü", _WESTERN),  # Portuguese
    ("àèìíîòóùú", _WESTERN),  # Italian
    ("àçèíïòóúü", _WESTERN),  # Catalan
    ("åäöæø", _WESTERN),  # the mainland of Scandinavia, Finnish
    ("áðíóúýþæö", _WESTERN),  # Icelandic
    ("äõöüšž", ("cp1252",)),  # Estonian
    ("ąćęłńóśźż", _CENTRAL),  # Polish
    ("áčďěíňóřšťúůýž", _CENTRAL),  # Czech
    ("áäčďíĺľňóôŕšťúýž", _CENTRAL),  # Slovak
    ("áíóöőúüű", _CENTRAL),  # Hungarian
    ("ăâîşţ", _CENTRAL),  # Romanian
    ("čćđšž", _CENTRAL),  # Slovene, Croatian
    ("çğıöşüâîû", _TURKISH),
    ("ąčęėįšųūž", _BALTIC),  # Lithuanian
    ("āčēģīķļņšūž", _BALTIC),  # Latvian
    ("äõöüšž", _BALTIC),
)
"""Letters beyond ASCII, and the encodings in which their language was written, the likeliest first."""

_USUAL = "cp1252"
_NEUTRAL = "«»‹›¡¿‘’‚“”„–—…·•§°€£\xa0\xad"
_BETWEEN_LETTERS = "’–—·\xad"
_WITHIN = re.compile(rb"(?<=[a-z])[\x80-\xff](?=[a-z])")
_MIN_LETTERS = 4
_MIN_SHARE = 0.98


class _Candidate:
    """An encoding with the bytes that are letters of an alphabet in it, and those that are punctuation."""

    def __init__(self, encoding: str, letters: str) -> None:
        # All have é, in cafés. Turkish has a capital of its own; ß and ı have none that one byte stands for.
        both = f"{letters}{letters.upper()}éÉ{'İ' if 'ı' in letters else ''}"
        self.encoding = encoding
        self.letters = frozenset(byte for byte in both.encode(encoding, "ignore") if byte >= 0x80)
        self.small = frozenset(f"{letters}é".encode(encoding, "ignore"))
        self.neutral = frozenset(_NEUTRAL.encode(encoding, "ignore"))
        self.between_letters = frozenset(_BETWEEN_LETTERS.encode(encoding, "ignore"))


def encoding_of_alphabet(words: bytes) -> str | None:
    """The encoding in which nearly all bytes beyond ASCII are letters of one alphabet; None where there is none, or too
    few bytes to tell. Where cp1252 is one, or has nothing but punctuation there, no other is taken.

    words   of the text, those with such bytes
    """
    counts = Counter(byte for byte in words if byte >= 0x80)
    if counts.total() < _MIN_LETTERS:
        return None
    within = Counter(byte for found in _WITHIN.findall(words) for byte in found)
    shares = [(_share(counts, within, candidate), candidate.encoding) for candidate in _candidates()]
    likely = [(share, encoding) for share, encoding in shares if share >= _MIN_SHARE]
    if any(encoding == _USUAL for _, encoding in likely):
        return _USUAL
    return max(likely, key=lambda one: one[0])[1] if likely else None  # the first of equals


def _share(counts: Counter[int], within: Counter[int], candidate: _Candidate) -> float:
    """The share of the letters among the bytes that are no mere punctuation.

    within   the bytes between two small letters, where little punctuation stands and no capital
    """
    punctuation = sum(counts[byte] for byte in candidate.neutral)
    punctuation -= sum(within[byte] for byte in candidate.neutral if byte not in candidate.between_letters)
    total = counts.total() - punctuation
    if total < _MIN_LETTERS:
        return float(candidate.encoding == _USUAL and not total)
    capitals_within = sum(within[byte] for byte in candidate.letters - candidate.small)
    return (sum(counts[byte] for byte in candidate.letters) - capitals_within) / total


@functools.cache
def _candidates() -> tuple[_Candidate, ...]:
    return tuple(_Candidate(encoding, letters) for letters, encodings in _ALPHABETS for encoding in encodings)
