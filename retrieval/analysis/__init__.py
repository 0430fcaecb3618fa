"""Text -> terms for BM25."""

from retrieval.analysis.analyzer import LANGUAGES, RULES_VERSION, Analyzer
from retrieval.analysis.detection import detect_language

__all__ = ["LANGUAGES", "RULES_VERSION", "Analyzer", "detect_language"]
