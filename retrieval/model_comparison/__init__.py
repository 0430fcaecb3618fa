"""Which model to take for some documents: by what it finds there, and what it costs."""

from retrieval.model_comparison.comparison import Comparison, Recommendation, compare_trials
from retrieval.model_comparison.known_items import KnownItems, make_known_items
from retrieval.model_comparison.trial import Candidate, Material, ModelFacts, Trial

__all__ = [
    "Candidate",
    "Comparison",
    "KnownItems",
    "Material",
    "ModelFacts",
    "Recommendation",
    "Trial",
    "compare_trials",
    "make_known_items",
]
