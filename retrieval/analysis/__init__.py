"""Text -> terms for BM25."""

from retrieval.analysis.analyzer import LANGUAGES, RULES_VERSION, Analyzer
from retrieval.analysis.detection import detect_language
from retrieval.analysis.query_terms import query_terms
from retrieval.analysis.question import ignored_words

__all__ = ["LANGUAGES", "RULES_VERSION", "Analyzer", "detect_language", "ignored_words", "query_terms"]
