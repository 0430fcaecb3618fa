"""How good the answers are, on judged queries."""

from retrieval.evaluation.collection import Collection, Qrels, read_collection
from retrieval.evaluation.measures import evaluate

__all__ = ["Collection", "Qrels", "evaluate", "read_collection"]
