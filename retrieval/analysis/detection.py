"""Which language a text is in, as far as its analysis goes."""

import functools
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_ANALYSES = {
    "ar": "arabic", "bs": "serbian", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hr": "serbian", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "ms": "indonesian", "ne": "nepali", "nl": "dutch",
    "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
"""Languages that have a stemmer, their own or that of a close relation. Esperanto and Yiddish are not looked for: texts
that are taken for them by mistake are more than those that are in them."""

_OTHERS = (
    "af", "az", "be", "bg", "bn", "gl", "he", "is", "ja", "ka", "kk", "ko", "lv", "mk", "mr", "sk", "sl", "sq", "sw",
    "th", "tl", "uk", "ur", "uz", "vi", "zh", "zxx",
)  # fmt: skip
"""Languages without a stemmer that could be taken for one that has; zxx is none at all."""

_NO_LANGUAGE = "zxx"
_SURE = 0.5
"""The probability below which a guess is not believed."""

_SLICES, _SLICE = 4, 1500
"""How much of a long text is looked at: slices, and characters in each. One to two milliseconds' work."""


def detect_language(text: str) -> str:
    """The language of most of the text, as `Analyzer` knows it; "none" for a language that has no stemmer.

    A text too short or too strange to tell, such as a table of numbers, is "english" if its letters are Latin, as
    those of program code and identifiers are, and else "none".
    """
    sample = _sample(text)
    language, probability = _identifier().classify(sample)
    if language == _NO_LANGUAGE or probability < _SURE:
        return "english" if is_latin(sample) else "none"
    return _ANALYSES.get(language, "none")


def _sample(text: str) -> str:
    """The text, or slices from its beginning to its end."""
    if len(text) <= _SLICES * _SLICE:
        return text
    step = (len(text) - _SLICE) // (_SLICES - 1)
    return "\n".join(text[start : start + _SLICE] for start in range(0, _SLICES * step, step))


def is_latin(text: str) -> bool:
    """Whether most letters are, if there are any."""
    letters = [character for character in text if character.isalpha()]
    latin = sum(character.isascii() or "LATIN" in unicodedata.name(character, "") for character in letters)
    return 2 * latin >= len(letters)


@functools.cache
def _identifier() -> "LanguageIdentifier":
    """Loaded at first use, which takes half a second. It is never changed, so that threads may share it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([*_ANALYSES, *_OTHERS])
    return identifier
