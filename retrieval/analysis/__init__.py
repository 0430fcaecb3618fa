"""Text -> terms for BM25."""

from retrieval.analysis.analyzer import LANGUAGES, RULES_VERSION, Analyzer
from retrieval.analysis.detection import detect_language
from retrieval.analysis.query_terms import content_words, query_terms, written_otherwise
from retrieval.analysis.question import ignored_words, is_foreign, is_in_another_language

__all__ = [
    "LANGUAGES",
    "RULES_VERSION",
    "Analyzer",
    "content_words",
    "detect_language",
    "ignored_words",
    "is_foreign",
    "is_in_another_language",
    "query_terms",
    "written_otherwise",
]
