"""How near an encoder puts questions to passages that answer them, and to others: measured with eight pairs."""

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from retrieval.types import CosineScale, Encoder, Vectors

_PAIRS = (
    (
        "How do bees make honey?",
        "Workers carry nectar to the hive, where others pass it from mouth to mouth and fan it with their wings until "
        "enough water has evaporated and it has turned into honey.",
    ),
    (
        "When do I have to pay the rent?",
        "The tenant pays in advance, at the latest on the third working day of each month, to the landlord's account.",
    ),
    (
        "Which tyre pressure is right for a loaded car?",
        "With four passengers and luggage, inflate the tyres to 2.6 bar in front and 3.0 bar at the back, measured "
        "while they are cold.",
    ),
    (
        "What is a deadlock?",
        "Two processes that each hold a lock and wait for the one that the other holds will wait for ever; databases "
        "detect this and abort one of the transactions.",
    ),
    (
        "Can children take this medicine?",
        "The tablets are not suitable for patients under twelve years of age; for younger ones there is a syrup with "
        "half the dose.",
    ),
    (
        "How far is the moon from the earth?",
        "On average 384,400 kilometres lie between our planet and its satellite, thirty times the diameter of "
        "the earth.",
    ),
    (
        "How can I reset my password?",
        "Choose Forgotten password on the login page; a message with a link, valid for one hour, lets you set a "
        "new one.",
    ),
    (
        "What caused the economic crisis of the thirties?",
        "After shares collapsed in October 1929, banks failed, credit dried up and trade barriers rose, so that output "
        "and employment fell for years.",
    ),
)
"""A question, and a passage that answers it partly in other words; each pair of another subject."""

_Embed = Callable[[Sequence[str]], Vectors]

_measured: WeakKeyDictionary[Encoder, dict[tuple[str, str], CosineScale]] = WeakKeyDictionary()
"""By encoder and prefixes: the indexes of a process share encoders. Measuring takes as long as 16 short passages."""


def cosine_scale(encoder: Encoder, prefixes: tuple[str, str], queries: _Embed, passages: _Embed) -> CosineScale:
    """That of the encoder.

    prefixes            of queries and of passages; the scale depends on them
    queries, passages   embed texts, with prefixes: float32 [n, dim], unit rows. Whatever they raise is raised
    """
    try:
        known = _measured.setdefault(encoder, {})
    except TypeError:  # a user's own, that cannot be referred to weakly
        known = {}
    if prefixes not in known:
        asked, answers = queries([question for question, _ in _PAIRS]), passages([passage for _, passage in _PAIRS])
        cosines = asked.astype(np.float64) @ answers.T.astype(np.float64)
        of_pairs = np.eye(len(_PAIRS), dtype=np.bool_)
        known[prefixes] = CosineScale(float(cosines[~of_pairs].mean()), float(cosines[of_pairs].mean()))
    return known[prefixes]
